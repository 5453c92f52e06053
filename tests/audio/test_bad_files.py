"""Files that are cut short, damaged, not audio, or only look so."""

import pickle

import numpy as np
import pytest

from ada.audio import AudioError, read_audio, stream_audio

RATE = 16000
KINDS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAVEX", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AIFF", "FLOAT"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


def reason_for(path):
    with pytest.raises(AudioError) as caught:
        read_audio(path, RATE)
    error = caught.value
    assert str(path) in str(error)
    assert "\n" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    return error.reason


def noise(secs=1.0):
    return np.random.default_rng(0).uniform(-0.5, 0.5, int(48000 * secs))


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_files_cut_anywhere_are_truncated(write, tmp_path, kind, subtype):
    path = write(kind, subtype, 48000, samples=noise())
    whole = path.read_bytes()
    read_audio(path, RATE)
    for share in (0.002, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        assert reason_for(path) == "truncated", share
    for size in (12, 16, 30, 40, len(whole) - 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert reason_for(path) == "truncated", size


@pytest.mark.parametrize(
    ("kind", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
)
def test_damage_within_a_file_shows_while_iterating(write, kind, subtype):
    path = write(kind, subtype, 48000, samples=noise(4.0))
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 8000] = np.random.default_rng(1).bytes(8000)
    path.write_bytes(whole)
    if kind == "OGG":  # pages have checksums: it shows at once
        assert reason_for(path) == "truncated"
        return
    stream = stream_audio(path, RATE, block_secs=0.1)
    assert len(next(stream).samples)
    with pytest.raises(AudioError) as caught:
        list(stream)
    assert caught.value.reason == "truncated"


def test_contents_that_are_not_audio_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    contents = {
        "garbage.wav": rng.bytes(5000),
        "text.mp3": b"no music here\n" * 500,
        "text.wav": "no music here\n".encode("utf-16") * 500,
        "zeros.flac": bytes(5000),
        "film.wav": b"RIFF\x80\x13\0\0AVI LIST" + rng.bytes(4984),
        "three.ogg": b"Ogg",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert reason_for(tmp_path / name) == "not_audio", name


def test_empty_files_are_refused(write, tmp_path):
    (tmp_path / "a.wav").touch()
    assert reason_for(tmp_path / "a.wav") == "empty"
    for kind in ("WAV", "AIFF", "FLAC"):
        assert reason_for(write(kind, samples=np.zeros(0))) == "empty", kind


def test_unreadable_files_are_refused(write, tmp_path, monkeypatch):
    assert reason_for(tmp_path) == "unreadable"
    assert reason_for(tmp_path / "missing.wav") == "unreadable"
    path = write()

    def forbidden(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    # For an administrator, who may run the tests, no permission is missing.
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    with pytest.raises(AudioError, match="unreadable: Permission denied"):
        read_audio(path, RATE)


def with_data_length(path, length, riff_length=None):
    """Changes the declared length of the samples of a WAV file."""
    contents = bytearray(path.read_bytes())
    at = contents.index(b"data") + 4
    contents[at : at + 4] = length.to_bytes(4, "little")
    if riff_length is not None:
        contents[4:8] = riff_length.to_bytes(4, "little")
    path.write_bytes(contents)


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
@pytest.mark.parametrize("riff_length", [None, 0, 0xFFFFFFFF])
def test_wav_files_from_a_pipe_are_read_to_their_end(write, length, riff_length):
    path = write(samples=noise())
    expected = read_audio(path, RATE)
    with_data_length(path, length, riff_length)
    np.testing.assert_array_equal(read_audio(path, RATE), expected)


def test_aiff_files_from_a_pipe_are_read_to_their_end(write):
    path = write("AIFF", samples=noise())
    expected = read_audio(path, RATE)
    contents = bytearray(path.read_bytes())
    at = contents.index(b"SSND") + 4
    contents[4:8] = contents[at : at + 4] = bytes(4)
    path.write_bytes(contents)
    np.testing.assert_array_equal(read_audio(path, RATE), expected)


def test_flac_files_from_a_pipe_are_read_to_their_end(write):
    path = write("FLAC", samples=noise())
    expected = read_audio(path, RATE)
    contents = bytearray(path.read_bytes())
    contents[21] &= 0xF0  # the number of samples: the last 36 bits before the checksum
    contents[22:26] = bytes(4)
    path.write_bytes(contents)
    np.testing.assert_array_equal(read_audio(path, RATE), expected)


@pytest.mark.parametrize("length", [10**6, 4 * 10**9])
def test_a_wav_file_that_promises_more_than_it_holds_is_truncated(write, length):
    path = write(samples=noise())
    with_data_length(path, length, riff_length=length + 36)
    assert reason_for(path) == "truncated"


def test_chunks_behind_the_samples_may_be_cut_and_a_length_of_zero_may_be_true(write, tmp_path):
    path = write(samples=noise())
    expected = read_audio(path, RATE)
    contents = path.read_bytes()
    path.write_bytes(contents + b"LIST\x20\0\0\0INFO")
    np.testing.assert_array_equal(read_audio(path, RATE), expected)

    header = contents[: contents.index(b"data")] + b"data" + bytes(4)
    path.write_bytes(header + b"LIST\x04\0\0\0INFO")
    assert reason_for(path) == "empty"


def test_rf64_holds_its_length_in_64_bits(write):
    path = write("RF64")
    contents = bytearray(path.read_bytes())
    at = contents.index(b"ds64") + 16
    contents[at : at + 8] = (5 * 10**9).to_bytes(8, "little")
    path.write_bytes(contents)
    assert reason_for(path) == "truncated"
    contents[at : at + 8] = bytes(8)  # from a pipe
    path.write_bytes(contents)
    assert len(read_audio(path, RATE)) == RATE
