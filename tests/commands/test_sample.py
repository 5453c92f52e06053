"""The sampling command: every mode over a chain of three levels, and what it refuses."""

import json

import numpy as np
import pytest
import soundfile
from support import run

from ada.audio import write_wav
from ada.runs import Run


@pytest.fixture(scope="module")
def chain(chain_dirs):
    return chain_dirs[3]


@pytest.fixture(scope="module")
def sample(chain):
    """A function that runs the command over the chain."""

    def command(out, *flags, run_dirs=chain):
        flags = [f"--run_dirs={','.join(run_dirs)}", *flags]
        return run("ada.sample", f"--output_dir={out}", *flags)

    return command


def made(process, out):
    """What a command that succeeded left: its report and its ids by level."""
    assert process.returncode == 0, process.stderr
    with np.load(out / "codes.npz") as codes:
        return json.loads((out / "sample.json").read_text()), dict(codes)


@pytest.fixture(scope="module")
def first(sample, tmp_path_factory):
    """An earlier generation: its directory, report and ids."""
    out = tmp_path_factory.mktemp("samples") / "first"
    flags = ["--duration_secs=0.06", "--num_samples=2", "--seed=3", "--temperature=1,0.9,0.8"]
    return out, *made(sample(out, *flags), out)


@pytest.fixture(scope="module")
def wavs(tmp_path_factory):
    """Two prompts at another rate than the chain's 1000 Hz: 0.15 s and 0.1 s."""
    directory = tmp_path_factory.mktemp("prompts")
    tone = 0.5 * np.sin(np.arange(1200) / 20)
    write_wav(directory / "b.wav", tone, 8000)
    write_wav(directory / "a.wav", tone[:800], 8000)
    return directory


def test_continuing_an_earlier_generation_equals_a_longer_one(first, sample, tmp_path):
    directory, report, ids = first
    assert (report["mode"], report["given"]) == ("ancestral", {})
    assert [run["run_dir"] for run in report["runs"]] == report["run_dirs"]
    flags = ["--seed=3", "--temperature=1,0.9,0.8"]
    more, longer = tmp_path / "more", tmp_path / "longer"
    process = sample(
        more, "--mode=continue", f"--from_dir={directory}", "--duration_secs=0.04", *flags
    )
    report, more_ids = made(process, more)
    assert (report["mode"], report["duration_secs"]) == ("continue", 0.1)
    assert report["given"] == {"from_dir": str(directory)}
    process = sample(longer, "--duration_secs=0.1", "--num_samples=2", *flags)
    _, longer_ids = made(process, longer)
    assert set(more_ids) == set(longer_ids) == {"level0", "level1", "level2"}
    for level, expected in longer_ids.items():
        np.testing.assert_array_equal(more_ids[level], expected)
        steps = ids[level].shape[1]
        np.testing.assert_array_equal(more_ids[level][:, :steps], ids[level])
    for name in report["wavs"]:
        assert (more / name).read_bytes() == (longer / name).read_bytes()


@pytest.mark.parametrize("source", ["--from_dir={}", "--codes={}/codes.npz"])
def test_own_codes_give_the_same_audio(source, first, sample, chain, tmp_path):
    directory, report, ids = first
    flags = ["--mode=upsample", source.format(directory), "--seed=3", "--temperature=0.9,0.8"]
    process = sample(tmp_path, *flags, run_dirs=chain[1:])
    _, again = made(process, tmp_path)
    np.testing.assert_array_equal(again["level2"], ids["level2"])
    steps = ids["level0"].shape[1]
    np.testing.assert_array_equal(again["level0"][:, :steps], ids["level0"])
    if "from_dir" in source:
        for name in report["wavs"]:
            assert (tmp_path / name).read_bytes() == (directory / name).read_bytes()
    else:
        assert again["level0"].shape[1] == ids["level2"].shape[1] * 16


def test_primed_clips_begin_with_their_prompts_in_the_order_given(sample, chain, wavs, tmp_path):
    prompts = f"{wavs}/b.wav,{wavs}/a.wav"
    flags = ["--mode=primed", f"--prompt_audio={prompts}", "--prompt_secs=0.12"]
    process = sample(tmp_path, *flags, "--duration_secs=0.2", "--num_samples=3")
    report, ids = made(process, tmp_path)
    assert list(report["given"]["prompt_audio"].values()) == [0.12, 0.1]
    assert len(report["wavs"]) == 3
    np.testing.assert_array_equal(ids["level0"][0, :120], ids["level0"][2, :120])
    # The ends of files are not resampled alike.
    np.testing.assert_array_equal(ids["level0"][0, :80], ids["level0"][1, :80])
    decoded = np.asarray(Run.open(chain[-1]).info.ids_to_audio(ids["level0"][1]))
    audio, rate = soundfile.read(tmp_path / "sample_001.wav", dtype="float32")
    assert rate == 1000
    assert np.abs(audio - decoded).max() < 1e-4


def test_audio_is_continued_and_reconstructed(sample, wavs, tmp_path):
    prompt = f"--prompt_audio={wavs}/b.wav"
    process = sample(tmp_path, "--mode=continue", prompt, "--duration_secs=0.05")
    report, continued = made(process, tmp_path)
    assert (len(report["wavs"]), report["duration_secs"]) == (1, 0.2)
    # Into the same directory: it says what it replaces.
    process = sample(tmp_path, "--mode=upsample", prompt)
    assert "holds 1 clips of another command (--mode=continue --seed=0)" in process.stderr
    report, ids = made(process, tmp_path)
    assert report["duration_secs"] == 0.15
    assert len(report["runs"]) == 2
    known = (ids["level2"] == continued["level2"][:, : ids["level2"].shape[1]])[0]
    assert known[: ((150 - 6) // 4 - 6) // 4].all()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--mode=primed"], 2, "--mode=primed needs --prompt_audio"),
        (["--mode=continue"], 2, "needs --prompt_audio or --from_dir"),
        (
            ["--prompt_audio={wavs}/a.wav"],
            2,
            "--mode=primed, continue, upsample, not for ancestral",
        ),
        (["--mode=continue", "--from_dir=x", "--prompt_audio=y"], 2, "one of them"),
        (["--mode=upsample", "--codes=x", "--prompt_secs=1"], 2, "--prompt_secs goes with"),
        (["--mode=continue", "--from_dir={tmp}"], 2, "is where the input is"),
        (["--mode=continue", "--from_dir={wavs}"], 1, "holds no results of ada.sample"),
        (["--mode=primed", "--prompt_audio={wavs}/nothing.wav"], 1, "No file matches"),
        (["--mode=primed", "--prompt_audio=setup.py"], 1, "is no audio"),
        (
            ["--mode=primed", "--prompt_audio={wavs}/b.wav", "--duration_secs=0.1"],
            2,
            "b.wav lasts 0.15 s, more than --duration_secs=0.1",
        ),
    ],
)
def test_what_cannot_be_is_one_clear_line(flags, code, message, sample, wavs, tmp_path):
    process = sample(tmp_path, *(flag.format(wavs=wavs, tmp=tmp_path) for flag in flags))
    assert process.returncode == code, process.stderr
    assert message in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1, process.stderr
    assert not list(tmp_path.iterdir())
