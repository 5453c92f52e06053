"""Sampling values kept with a run: the file, and how flags take precedence over it."""

import json

import pytest

from ada import pretrained
from ada.cli.level_flags import SamplingFlags
from ada.generation import SamplingConfig, level_sampling
from ada.runs import sampling_defaults
from ada.runs.sampling_defaults import SamplingValues
from ada.utils.errors import UsageError, UserError


@pytest.fixture
def run_dirs(tmp_path):
    """Two directories, top first; the second has a file."""
    for name in ("top", "bottom"):
        (tmp_path / name).mkdir()
    (tmp_path / "bottom" / "sampling.json").write_text('{"temperature": 0.9, "top_p": 0.8}')
    return [str(tmp_path / "top"), str(tmp_path / "bottom")]


def test_values_are_read_as_written(run_dirs):
    written = SamplingValues(0.5, 3, 0.25)
    sampling_defaults.write(run_dirs[0], written)
    assert sampling_defaults.read(run_dirs[0]) == (written, {"temperature", "top_k", "top_p"})


def test_a_run_without_the_file_has_built_in_values(run_dirs):
    assert sampling_defaults.read(run_dirs[0]) == (SamplingValues(1.0, 0, 1.0), frozenset())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"top_q": 1}', "unknown field 'top_q'"),
        ('{"top_p": 0}', "top_p is out of range, found 0.0"),
        ('{"top_p": 1.5}', "top_p is out of range, found 1.5"),
        ('{"top_k": -1}', "top_k is out of range, found -1"),
        ('{"top_k": 0.5}', "'top_k' should be int, found 0.5"),
        ('{"top_k": true}', "'top_k' should be int"),
        ('{"temperature": -0.1}', "temperature is out of range, found -0.1"),
        ('{"temperature": NaN}', "temperature is out of range, found nan"),
        ('{"temperature": Infinity}', "temperature is out of range, found inf"),
        ('{"temperature": "1"}', "'temperature' should be float, found '1'"),
        ("[]", "should be dict"),
        ("", "Expecting value"),
        ("\0\xff", "cannot be used"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=lambda text: text[:24],
)
def test_a_file_that_cannot_be_used_is_one_line_that_names_it(content, message, tmp_path):
    path = tmp_path / "sampling.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match="Correct it or remove it") as error:
        sampling_defaults.read(str(tmp_path))
    reason = str(error.value)
    assert reason.startswith(f"{path} cannot be used: ") and message in reason
    assert len(reason.splitlines()) == 1


def test_a_directory_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "sampling.json").mkdir()
    with pytest.raises(UserError, match=r"sampling\.json cannot be used"):
        sampling_defaults.read(str(tmp_path))


def test_each_flag_takes_precedence_over_its_own_value(run_dirs):
    for flags, expected in (
        (SamplingFlags(), [(1.0, 0, 1.0), (0.9, 0, 0.8)]),
        (SamplingFlags(temperature=["0.7"]), [(0.7, 0, 1.0), (0.7, 0, 0.8)]),
        (SamplingFlags(top_k=["5", "6"]), [(1.0, 5, 1.0), (0.9, 6, 0.8)]),
        (SamplingFlags(["1"], None, ["0.5", "1"]), [(1.0, 0, 0.5), (1.0, 0, 1.0)]),
    ):
        levels = level_sampling.resolve(run_dirs, flags)
        assert level_sampling.configs(levels, 3) == [
            SamplingConfig(3, *values) for values in expected
        ]


def test_flags_that_do_not_fit_the_levels_are_refused(run_dirs):
    for flags, message in (
        (SamplingFlags(top_p=["1", "1", "1"]), "--top_p: give one value or 2, got 3"),
        (SamplingFlags(top_k=["x"]), "--top_k: invalid literal"),
        (SamplingFlags(temperature=["nan"]), "--temperature: nan is out of range"),
    ):
        with pytest.raises(UsageError, match=message):
            level_sampling.resolve(run_dirs, flags)


def test_one_line_states_values_and_sources(run_dirs):
    levels = level_sampling.resolve(run_dirs, SamplingFlags(top_k=["4"]))
    assert level_sampling.described(levels) == (
        "Sampling, top level first: top temperature 1, top_k 4 (flag), top_p 1; bottom temperature "
        "0.9 (sampling.json), top_k 4 (flag), top_p 0.8 (sampling.json)."
    )
    built_in = SamplingFlags(temperature=["1"], top_p=["1"])
    assert level_sampling.described(level_sampling.resolve(run_dirs, built_in)) is None


def test_resolved_values_can_be_passed_on_as_flags(run_dirs):
    levels = level_sampling.resolve(run_dirs, SamplingFlags(top_k=["4"]))
    stated = level_sampling.as_flags(levels)
    assert stated == ["--temperature=1.0,0.9", "--top_k=4", "--top_p=1.0,0.8"]
    flags = SamplingFlags(*(text.split("=")[1].split(",") for text in stated))
    again = level_sampling.resolve([run_dirs[0]] * 2, flags)
    assert level_sampling.configs(again) == level_sampling.configs(levels)
    assert level_sampling.as_flags(level_sampling.resolve(run_dirs[:1], SamplingFlags())) == []


def test_a_run_takes_over_the_file_of_the_run_that_it_starts_from(run_dirs, tmp_path):
    new = tmp_path / "new" / "run"
    sampling_defaults.take_over(run_dirs[1], str(new))
    assert sampling_defaults.read(str(new))[0] == SamplingValues(0.9, 0, 0.8)
    # Its own file wins, and nothing is written where there is nothing to take over.
    sampling_defaults.write(run_dirs[0], SamplingValues(0.5))
    sampling_defaults.take_over(run_dirs[0], str(new))
    assert sampling_defaults.read(str(new))[0] == SamplingValues(0.9, 0, 0.8)
    (tmp_path / "bare").mkdir()
    sampling_defaults.take_over(str(tmp_path / "bare"), str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_run_takes_over_the_file_of_a_pretrained_run(tmp_path):
    sampling_defaults.take_over("piano_notes/hop64_vqvae", str(tmp_path / "run"))
    sampling_defaults.take_over("piano_notes/prior_hop64", str(tmp_path / "prior"))
    own = [str(tmp_path / "prior"), str(tmp_path / "run")]
    flags, packaged = (
        level_sampling.as_flags(level_sampling.resolve(run_dirs, SamplingFlags()))
        for run_dirs in (own, pretrained.run_dirs("piano_notes"))
    )
    assert flags == packaged
    assert [flag.partition("=")[0] for flag in flags] == ["--temperature", "--top_k", "--top_p"]


def test_runs_of_the_package_are_not_written_to(tmp_path, monkeypatch):
    (tmp_path / "toy" / "level1").mkdir(parents=True)
    (tmp_path / "toy" / "card.md").touch()
    (tmp_path / "toy" / "level1" / "run.json").write_text(json.dumps({"hop_length": 1}))
    monkeypatch.setattr(pretrained, "_HERE", tmp_path)
    for run_dir in ("toy/level1", *pretrained.run_dirs("toy")):
        with pytest.raises(UserError, match="comes with the package"):
            sampling_defaults.require_writable(run_dir)
    sampling_defaults.require_writable(str(tmp_path.parent / "mine"))
