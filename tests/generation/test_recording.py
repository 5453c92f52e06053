"""The output directory of a generation: grows, is gone on with, and is nobody else's."""

import json
import logging
import resource
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recordings import OPTIONS, SETTINGS, contents, levels_once, made, named

from ada.generation import SamplingConfig, generate, modes, recording
from ada.generation.recording import record
from ada.generation.results import Results, run_identities
from ada.utils import log
from ada.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("short_blocks")


@pytest.fixture
def said(monkeypatch):
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    monkeypatch.setattr(log.logger, "handlers", [handler])
    return messages


def test_recording_holds_the_generated_audio(whole, request_, chain):
    expected = generate(chain, 3, 0.1, SamplingConfig(3), **OPTIONS)
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


@pytest.mark.parametrize("ending", ["ids", "blocks"])
@pytest.mark.parametrize("damage", ["cut", "zeros", "garbage", "gone", "empty"])
def test_damaged_clips_are_generated_again(damage, ending, whole, request_, tmp_path):
    """As a power cut may leave it."""
    made(tmp_path, request_, stop=5)
    for path in (tmp_path / ".unfinished").glob(f"*.{ending}"):
        data = bytearray(path.read_bytes())
        half = len(data) // 2 + 1
        if damage == "cut":
            del data[half:]
        elif damage != "empty":
            data[half:] = (
                bytes(len(data) - half) if damage == "zeros" else b"\xfe" * (len(data) - half)
            )
        path.write_bytes(b"" if damage == "empty" else data)
        if damage == "gone":
            path.unlink()
    assert 100 < made(tmp_path, request_) <= 300
    assert contents(tmp_path) == contents(whole)


def test_few_files_are_open(request_, chain, tmp_path):
    """However many clips there are, fresh or gone on with."""
    many = modes.ancestral(chain, range(60), 0.02)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (there + 40, hard))
    try:
        made(tmp_path, many, stop=40)
        made(tmp_path, many)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(list(tmp_path.glob("*.wav"))) == 60


def test_a_generation_that_goes_on_needs_little_memory(chain, tmp_path):
    """What is known passes by, at every level, in pieces."""
    long = modes.ancestral(chain, range(2), 5.0)
    made(tmp_path, long, stop=300)
    with record(tmp_path, long, named(SETTINGS, long)) as taker, levels_once():
        drawing = long.stream([SamplingConfig(3)] * 3, prefixes=taker.prefixes, **OPTIONS)
        most = max(sum(len(parts) for parts in block.levels) for block in drawing)
    assert drawing.num_generated == 2 * (5000 - 300 * 16)
    assert most <= 8


def test_prompts_and_given_codes_are_kept_and_gone_on_with(chain, tmp_path):
    ids = generate(chain, 2, 0.1, SamplingConfig(7), **OPTIONS).ids
    longer = modes.continued_ids(chain, ids, range(2), 0.05)
    upsampled = modes.upsampled(chain, ids[0], range(2), 100)
    for request, name in ((longer, "longer"), (upsampled, "upsampled")):
        made(tmp_path / name, request, stop=4)
        made(tmp_path / name, request)
        made(tmp_path / f"{name} at once", request)
        assert contents(tmp_path / name) == contents(tmp_path / f"{name} at once")
    with np.load(tmp_path / "upsampled" / "codes.npz") as arrays:
        np.testing.assert_array_equal(arrays["level2"], ids[0])
    report = json.loads((tmp_path / "longer" / "sample.json").read_text())
    expected = generate(
        chain, 2, 0.15, [SamplingConfig(3)] * 3, prefixes=longer.prefixes, **OPTIONS
    )
    np.testing.assert_allclose(report["bits_of_what_was_drawn"], expected.bits, rtol=1e-6)


def test_a_command_that_is_done_is_not_done_again(request_, tmp_path, said):
    made(tmp_path, request_)
    before = contents(tmp_path)
    assert made(tmp_path, request_) is None
    assert said == []
    # A clip was lost, or cut: all are made again.
    for damage in (
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:99]),
        lambda path: path.write_bytes(path.read_bytes()[:99] + bytes(path.stat().st_size - 99)),
    ):
        damage(tmp_path / "sample_001.wav")
        made(tmp_path, request_)
        assert contents(tmp_path) == before
        [line] = said
        assert line.startswith(f"sample_001.wav in {tmp_path}: missing or damaged")
        said.clear()


@pytest.mark.parametrize("stop", [None, 2])
def test_another_command_is_refused_or_replaces_what_is_there(stop, request_, tmp_path, said):
    made(tmp_path, request_, stop=stop)
    mine = tmp_path / "mine.wav"
    mine.write_bytes(b"something else")
    before = sorted(p.name for p in tmp_path.rglob("*"))
    other = SETTINGS | {"seed": 4}
    one = request_._replace(indices=range(1))
    unfinished = "" if stop is None else "unfinished "
    message = rf"{unfinished}clips of another command \(seed 3, not 4\): .*--overwrite"
    with pytest.raises(UserError, match=message):
        made(tmp_path, one, other)
    assert sorted(p.name for p in tmp_path.rglob("*")) == before
    assert made(tmp_path, one, other, overwrite=True, seconds=1.0) == 100
    assert said == [
        f"Replacing {unfinished}clips of another command (seed 3, not 4) in {tmp_path}."
    ]
    assert sorted(p.name for p in tmp_path.glob("*.wav")) == ["mine.wav", "sample_000.wav"]
    report = json.loads((tmp_path / "sample.json").read_text())
    assert (report["wavs"], report["seed"], report["seconds"]) == (["sample_000.wav"], 4, 1.0)


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", "{}", '{"wavs": 3}', '{"wavs": ["..", 4, ""], "runs": [{}]}']
)
def test_a_report_of_something_else_stays(text, request_, tmp_path):
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(UserError, match="sample.json was not made by ada.sample"):
        made(tmp_path, request_, overwrite=True)
    assert (tmp_path / "sample.json").read_text() == text


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["sample_001.wav", "codes.npz"])
def test_files_of_somebody_else_are_not_written_over(name, overwrite, request_, tmp_path):
    """Beside nothing, and beside the clips of another command that may be replaced."""
    for number in range(2):
        (tmp_path / name).write_bytes(b"mine")
        if number and name == "codes.npz":
            continue  # it is that command's
        with pytest.raises(UserError, match=f"{name} was not made by ada.sample: name another"):
            made(tmp_path, request_, overwrite=overwrite)
        assert (tmp_path / name).read_bytes() == b"mine"
        (tmp_path / name).unlink()
        made(tmp_path, request_._replace(indices=range(1)), SETTINGS | {"seed": 8})
        overwrite = True


def test_foreign_files_among_unfinished_clips_stay(request_, tmp_path):
    made(tmp_path, request_, stop=2)
    (tmp_path / ".unfinished" / "mine.txt").write_text("mine")
    made(tmp_path, request_)
    assert [path.name for path in (tmp_path / ".unfinished").iterdir()] == ["mine.txt"]


def test_silence_that_a_power_cut_left_is_written_again(whole, request_, tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(recording, "sync", lambda path: synced.append(path.name))
    made(tmp_path, request_, stop=5)
    assert {"sample_000.wav", "sample_001.wav", "sample_002.wav"} <= set(synced)
    for path in tmp_path.glob("*.wav"):
        content = path.read_bytes()
        path.write_bytes(content[:60] + bytes(len(content) - 60))
    made(tmp_path, request_)
    assert contents(tmp_path) == contents(whole)


def test_two_commands_do_not_write_at_once(request_, tmp_path):
    with (
        record(tmp_path, request_, named(SETTINGS, request_)),
        pytest.raises(UserError, match="another process is at work"),
    ):
        made(tmp_path, request_)


def test_ids_that_a_wav_file_cannot_hold_are_refused(request_, tmp_path):
    long = request_._replace(num_steps=2**31)
    with pytest.raises(UserError, match="holds at most"), record(tmp_path, long, {}):
        pass


def test_clips_are_identified_by_their_runs(chain, request_, tmp_path):
    settings = SETTINGS | {"runs": run_identities(chain)}
    made(tmp_path, request_, settings)
    results = Results.load(str(tmp_path))
    results.require_same_runs(chain)
    for number in range(3):
        assert results.codes(number).dtype == np.int32
