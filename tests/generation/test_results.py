"""The output directory of a generation."""

import json

import numpy as np
import pytest

from ada.generation import Results, load_codes
from ada.generation.results import run_identities
from ada.runs.chain import Chain
from ada.utils.errors import UsageError, UserError


def write(directory, chain, arrays):
    """What a command leaves to go on from."""
    np.savez(directory / "codes.npz", **arrays)
    report = {"wavs": [], "runs": run_identities(chain)}
    (directory / "sample.json").write_text(json.dumps(report))


def test_ids_of_all_levels_come_back(chain_dirs, tmp_path):
    chain, rng = Chain.open(chain_dirs[3]), np.random.default_rng(3)
    arrays = {f"level{n}": rng.integers(0, 7, (3, 40 // 4**n), np.uint16) for n in range(3)}
    write(tmp_path, chain, arrays)
    results = Results.load(str(tmp_path))
    for level in range(3):
        for codes in (results.codes(level), load_codes(str(tmp_path / "codes.npz"), level)):
            assert codes.dtype == np.int32
            np.testing.assert_array_equal(codes, arrays[f"level{level}"])
    results.require_same_runs(chain)
    results.require_same_decoder(Chain(chain.runs[1:], chain.checkpoints[1:]))
    with pytest.raises(UserError, match="made by 3 levels, --run_dirs has 2"):
        results.require_same_runs(Chain.open(chain_dirs[2]))
    other = results._replace(runs=[run | {"digest": "other"} for run in results.runs])
    for check in (other.require_same_runs, other.require_same_decoder):
        with pytest.raises(UserError, match="checkpoint other of .*prior2.* is at [0-9a-f]+ "):
            check(chain)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"level1": np.zeros((1, 4), int)}, r"holds level1; .* decode level2"),
        ({"a": np.zeros(4, int), "b": np.zeros(4, int)}, "holds no level; .* decode level2"),
        ({"level2": np.zeros((1, 4))}, r"whole numbers .*, got float64 of shape \[1, 4\]"),
        ({"level2": np.zeros((1, 0), int)}, r"int64 of shape \[1, 0\]"),
    ],
)
def test_codes_of_another_level_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "codes.npz", **arrays)
    with pytest.raises(UsageError, match=message):
        load_codes(str(tmp_path / "codes.npz"), 2)


def test_a_single_array_may_have_any_name(tmp_path):
    np.savez(tmp_path / "codes.npz", np.arange(4))
    np.testing.assert_array_equal(load_codes(str(tmp_path / "codes.npz"), 2), [[0, 1, 2, 3]])


def test_files_that_cannot_be_read_are_named(tmp_path):
    for content in (b"", b"no zip", b"PK\x03\x04 half of one"):
        (tmp_path / "codes.npz").write_bytes(content)
        with pytest.raises(UserError, match="codes.npz cannot be read as codes"):
            load_codes(str(tmp_path / "codes.npz"), 1)
    np.save(tmp_path / "codes.npy", np.arange(4))
    for name in ("codes.npy", "nothing.npz"):
        with pytest.raises(UserError, match=f"{name} cannot be read as codes"):
            load_codes(str(tmp_path / name), 1)
    with pytest.raises(UserError, match="holds no results of ada.sample"):
        Results.load(str(tmp_path))
    np.savez(tmp_path / "codes.npz", level1=np.zeros((1, 4), int))
    (tmp_path / "sample.json").write_text('{"wavs": []}')
    with pytest.raises(UserError, match="lacks the bottom's ids in codes.npz"):
        Results.load(str(tmp_path))


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", "{}", '{"wavs": 3}', '{"wavs": ["..", 4, ""], "runs": [{}]}']
)
def test_a_report_of_something_else_is_no_traceback(text, tmp_path):
    np.savez(tmp_path / "codes.npz", level0=np.zeros((1, 4), int))
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(UserError, match="holds no results|lacks run identities"):
        Results.load(str(tmp_path))


@pytest.mark.parametrize("clips", [7, [[0]], ["0"], [-2], [True], [0, 1], {"0": 0}])
def test_clips_that_are_no_numbers_are_refused(clips, chain_dirs, tmp_path):
    chain = Chain.open(chain_dirs[1])
    write(tmp_path, chain, {"level0": np.zeros((1, 4), int)})
    report = {"wavs": [], "runs": run_identities(chain), "clips": clips}
    (tmp_path / "sample.json").write_text(json.dumps(report))
    with pytest.raises(UserError, match='"clips" are not numbers of clips'):
        Results.load(str(tmp_path))
