import numpy as np
import pytest
import soundfile as sf

from ada.audio import AudioError, read_audio, stream_audio

RATE = 16000
ENCODINGS = [
    ("WAV", "PCM_U8", 44100, 2),
    ("WAV", "PCM_16", 44100, 1),
    ("WAV", "PCM_16", 192000, 8),
    ("WAV", "PCM_24", 48000, 2),
    ("WAV", "FLOAT", 8000, 2),
    ("WAVEX", "PCM_16", 44100, 2),
    ("FLAC", "PCM_S8", 44100, 1),
    ("FLAC", "PCM_16", 44100, 8),
    ("FLAC", "PCM_24", 96000, 2),
    ("OGG", "VORBIS", 44100, 2),
    ("OGG", "VORBIS", 22050, 1),
    ("MP3", "MPEG_LAYER_III", 44100, 2),
    ("MP3", "MPEG_LAYER_III", 22050, 1),
]


@pytest.fixture
def write(tmp_path):
    """Writes a second of noise; returns the path."""

    def write_file(kind, subtype, sample_rate=44100, channels=1):
        noise = np.random.default_rng(0).uniform(-0.5, 0.5, [sample_rate, channels])
        path = tmp_path / f"noise.{kind.lower()}"
        sf.write(path, noise, sample_rate, subtype, format=kind)
        return path

    return write_file


def reason_for(path):
    with pytest.raises(AudioError) as caught:
        read_audio(path, RATE, decoder="tfio")
    assert "{{" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(("kind", "subtype", "rate", "channels"), ENCODINGS)
def test_tfio_decodes_like_the_default_decoder(write, kind, subtype, rate, channels):
    path = write(kind, subtype, rate, channels)
    stream = stream_audio(path, RATE, decoder="tfio", block_secs=0.13)
    assert (stream.source_sample_rate, stream.channels) == (rate, channels)
    blocks = list(stream)
    assert len(blocks) > 4
    audio = np.concatenate([block.samples for block in blocks])
    expected = read_audio(path, RATE)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(audio, expected, atol=1e-5)
    np.testing.assert_array_equal(read_audio(path, RATE, decoder="tfio"), audio)


def test_bad_regions_are_cut_out(tmp_path):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 44100)
    samples[10000:20000] = np.nan
    path = tmp_path / "a.wav"
    sf.write(path, samples, 44100, "FLOAT")
    stream = stream_audio(path, RATE, decoder="tfio")
    assert {block.segment for block in stream} == {0, 1}
    assert (stream.num_cuts, stream.cut_secs) == (1, 10000 / 44100)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")],
)
def test_files_cut_short_are_truncated(write, kind, subtype):
    path = write(kind, subtype)
    whole = path.read_bytes()
    for share in (0.002, 0.01, 0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        assert reason_for(path) == "truncated", share


def test_unsupported_formats_are_refused(write, tmp_path):
    """Left to itself it takes integers for floats, and ends the process over a length of -1."""
    assert reason_for(write("WAV", "PCM_32")) == "unreadable"
    assert reason_for(write("WAVEX", "PCM_32")) == "unreadable"
    assert reason_for(write("AIFF", "PCM_16")) == "unreadable"
    assert reason_for(write("OGG", "OPUS", 48000)) == "unreadable"
    assert reason_for(tmp_path) == "unreadable"
    path = write("WAV", "PCM_16")
    contents = bytearray(path.read_bytes())
    contents[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(contents)
    assert reason_for(path) == "unreadable"
    path.write_bytes(b"hello " * 100)
    assert reason_for(path) == "not_audio"
    path.write_bytes(b"")
    assert reason_for(path) == "empty"
