"""The output directory of a generation: grows, is gone on with, and is nobody else's."""

import json
import logging

import numpy as np
import pytest
import soundfile
from support import LevelsOnce

from ada import log
from ada.chain import Chain
from ada.errors import UserError
from ada.generation import Draws, conditioning, generate, level, modes, recording
from ada.generation.recording import record
from ada.generation.results import Results, run_identities

SETTINGS = {"mode": "ancestral", "seed": 3, "draws": [(3, 1.0)]}
OPTIONS = {"lanes": 2, "backend": "graph"}


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch):
    monkeypatch.setattr(level, "BLOCK_STEPS", 16)
    monkeypatch.setattr(conditioning, "WINDOW_STEPS", 8)


@pytest.fixture(scope="module")
def chain(chain_dirs):
    return Chain.open(chain_dirs[3])


@pytest.fixture(scope="module")
def request_(chain):
    return modes.ancestral(chain, 3, 0.1)


@pytest.fixture
def said(monkeypatch):
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    monkeypatch.setattr(log.logger, "handlers", [handler])
    return messages


levels_once = LevelsOnce()


def made(directory, request, settings=SETTINGS, overwrite=False, stop=None, **numbers):
    """Runs a command, or what is missing of it, up to so many blocks; how much it drew."""
    with record(directory, request, settings, overwrite) as taker:
        if taker is None:
            return None
        with levels_once():
            drawing = request.stream([Draws(3)] * 3, known=taker.known, **OPTIONS)
        for number, block in enumerate(drawing):
            if number == stop:
                return drawing.num_drawn
            taker.take(block)
        taker.finish(numbers)
        return drawing.num_drawn


def contents(directory):
    """All files by name; of the archive, what is in it."""
    files = {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}
    with np.load(directory / "codes.npz") as arrays:
        files["codes.npz"] = {name: array.tobytes() for name, array in arrays.items()}
    return files


@pytest.fixture(scope="module")
def whole(request_, tmp_path_factory):
    """What a command leaves that nothing interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BLOCK_STEPS", 16)
        patch.setattr(conditioning, "WINDOW_STEPS", 8)
        directory = tmp_path_factory.mktemp("whole")
        assert made(directory, request_) == 300
        return directory


def test_it_holds_what_is_generated(whole, request_, chain):
    expected = generate(chain, 3, 0.1, Draws(3), **OPTIONS)
    report = json.loads((whole / "sample.json").read_text())
    assert report["wavs"] == [f"sample_{item:03d}.wav" for item in range(3)]
    assert report["sample_rate"] == 1000
    np.testing.assert_allclose(report["bits_of_what_was_drawn"], expected.bits, rtol=1e-6)
    with np.load(whole / "codes.npz") as arrays:
        for number, ids in enumerate(expected.ids):
            np.testing.assert_array_equal(arrays[f"level{2 - number}"], ids)
    for name, audio in zip(report["wavs"], expected.audio, strict=True):
        read, rate = soundfile.read(whole / name, dtype="float32")
        assert rate == 1000
        assert np.abs(read - audio).max() < 1e-4
    assert sorted(p.name for p in whole.iterdir()) == [
        ".lock",
        "codes.npz",
        "sample.json",
        *report["wavs"],
    ]


@pytest.mark.parametrize("stop", [0, 1, 4, 6])
def test_stopped_between_blocks_it_goes_on(stop, whole, request_, tmp_path):
    made(tmp_path, request_, stop=stop)
    for item in range(3 if stop else 0):
        read, _ = soundfile.read(tmp_path / f"sample_{item:03d}.wav", dtype="int16")
        expected, _ = soundfile.read(whole / f"sample_{item:03d}.wav", dtype="int16")
        np.testing.assert_array_equal(read, expected[: 16 * stop])
    assert not (tmp_path / "sample.json").exists()
    drawn = made(tmp_path, request_)
    assert drawn == 3 * max(100 - 16 * stop, 0)
    assert contents(tmp_path) == contents(whole)


class Killed(Exception):  # noqa: N818
    pass


def test_killed_in_any_write_it_goes_on(whole, request_, tmp_path, monkeypatch):
    """Every write in turn leaves the half of what it was to write, or nothing, or all."""
    write = recording._Journal._write
    rng = np.random.default_rng(0)
    countdown = [0]

    def dies(journal, file, data):
        countdown[0] -= 1
        if countdown[0]:
            return write(journal, file, data)
        write(journal, file, data[: int(rng.integers(0, len(data) + 1))])
        raise Killed

    monkeypatch.setattr(recording._Journal, "_write", dies)
    kills = 0
    while True:
        countdown[0] = int(rng.integers(1, 8))
        try:
            made(tmp_path, request_)
            break
        except Killed:
            kills += 1
    assert kills > 20
    assert contents(tmp_path) == contents(whole)


def test_prompts_and_given_codes_are_kept_and_gone_on_with(chain, tmp_path):
    ids = generate(chain, 2, 0.1, Draws(7), **OPTIONS).ids
    longer = modes.continued_ids(chain, ids, 2, 0.05)
    upsampled = modes.upsampled(chain, ids[0], 2, 100)
    for request, name in ((longer, "longer"), (upsampled, "upsampled")):
        made(tmp_path / name, request, stop=4)
        made(tmp_path / name, request)
        made(tmp_path / f"{name} at once", request)
        assert contents(tmp_path / name) == contents(tmp_path / f"{name} at once")
    with np.load(tmp_path / "upsampled" / "codes.npz") as arrays:
        np.testing.assert_array_equal(arrays["level2"], ids[0])
    report = json.loads((tmp_path / "longer" / "sample.json").read_text())
    expected = generate(chain, 2, 0.15, [Draws(3)] * 3, known=longer.known, **OPTIONS)
    np.testing.assert_allclose(report["bits_of_what_was_drawn"], expected.bits, rtol=1e-6)


def test_a_command_that_is_done_is_not_done_again(request_, tmp_path, said):
    made(tmp_path, request_)
    before = contents(tmp_path)
    assert made(tmp_path, request_) is None
    # Killed as it tidied up:
    (tmp_path / ".unfinished").mkdir()
    assert made(tmp_path, request_) is None
    assert contents(tmp_path) == before
    assert not (tmp_path / ".unfinished").exists()
    # A clip was lost: all are made anew.
    (tmp_path / "sample_001.wav").unlink()
    made(tmp_path, request_)
    assert contents(tmp_path) == before
    assert said == []


@pytest.mark.parametrize("stop", [None, 2])
def test_another_command_is_refused_or_replaces_what_is_there(stop, request_, tmp_path, said):
    made(tmp_path, request_, stop=stop)
    mine = tmp_path / "mine.wav"
    mine.write_bytes(b"something else")
    before = sorted(p.name for p in tmp_path.rglob("*"))
    other = SETTINGS | {"seed": 4}
    one = request_._replace(num_items=1)
    unfinished = "" if stop is None else "unfinished "
    message = rf"{unfinished}clips of another command \(--mode=ancestral --seed=3\): .*--overwrite"
    with pytest.raises(UserError, match=message):
        made(tmp_path, one, other)
    assert sorted(p.name for p in tmp_path.rglob("*")) == before
    assert made(tmp_path, one, other, overwrite=True, seconds=1.0) == 100
    assert said == [
        f"Replacing {unfinished}clips of another command (--mode=ancestral --seed=3) in {tmp_path}."
    ]
    assert sorted(p.name for p in tmp_path.glob("*.wav")) == ["mine.wav", "sample_000.wav"]
    report = json.loads((tmp_path / "sample.json").read_text())
    assert (report["wavs"], report["seed"], report["seconds"]) == (["sample_000.wav"], 4, 1.0)


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", "{}", '{"wavs": 3}', '{"wavs": ["..", 4, ""], "runs": [{}]}']
)
def test_a_report_of_something_else_is_no_traceback(text, request_, tmp_path):
    (tmp_path / "sample.json").write_text(text)
    made(tmp_path, request_, overwrite=True)
    assert json.loads((tmp_path / "sample.json").read_text())["wavs"][0] == "sample_000.wav"


def test_two_commands_do_not_write_at_once(request_, tmp_path):
    with (
        record(tmp_path, request_, SETTINGS),
        pytest.raises(UserError, match="another process is at work"),
    ):
        made(tmp_path, request_)


def test_ids_that_a_wav_file_cannot_hold_are_refused(request_, tmp_path):
    long = request_._replace(num_steps=2**31)
    with pytest.raises(UserError, match="holds at most"), record(tmp_path, long, SETTINGS):
        pass


def test_what_was_made_is_known_by_its_runs(chain, request_, tmp_path):
    settings = SETTINGS | {"runs": run_identities(chain)}
    made(tmp_path, request_, settings)
    results = Results.load(str(tmp_path))
    results.require_same_runs(chain)
    for number in range(3):
        assert results.codes(number).dtype == np.int32
