"""Whatever the bytes of a file are: finite samples or one AudioError, in little memory."""

import io
import resource
from pathlib import Path

import fuzzing
import hypothesis
import numpy as np
import pytest
import soundfile
from hypothesis import strategies as st

from ada.audio import (
    AudioError,
    mu_law_decode,
    mu_law_encode,
    read_audio,
    stream_audio,
    uniform_decode,
    uniform_encode,
)

RATE = 16000
MAGIC = [b"", b"RIFF\xff\xff\xff\xffWAVE", b"RF64\xff\xff\xff\xffWAVEds64", b"fLaC\0\0\0\x22"]
MAGIC += [b"FORM\0\0\xff\xffAIFF", b"OggS\0\x02", b"ID3\x04\0\0\0\0\x7f\x7f", b"\xff\xfb\x90\0"]
MAGIC += [b".snd\0\0\0\x18", b"caff\0\x01\0\0desc", b"riff\x2e\x91\xcf\x11"]
KINDS = [("WAV", s) for s in ("PCM_16", "PCM_24", "FLOAT", "ULAW", "IMA_ADPCM")]
KINDS += [(kind, "PCM_16") for kind in ("WAVEX", "RF64", "AIFF", "FLAC")]
KINDS += [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def read(path, content):
    """Samples or the error of a file of that content; anything else is a failure."""
    path.write_bytes(content)
    try:
        audio = read_audio(path, RATE)
    except AudioError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return error
    assert audio.dtype == np.float32 and audio.ndim == 1
    assert np.isfinite(audio).all()
    return audio


@fuzzing.settings
@hypothesis.given(st.sampled_from(MAGIC), st.binary(max_size=600))
def test_any_bytes(tmp_path, magic, rest):
    read(tmp_path / "a.wav", magic + rest)


@pytest.fixture(scope="module")
def corpus():
    """Small files of all kinds, two channels of noise."""
    files = {}
    for kind, subtype in KINDS:
        buffer = io.BytesIO()
        samples = np.random.default_rng(0).uniform(-0.5, 0.5, [2400, 2])
        soundfile.write(buffer, samples, 48000, subtype, format=kind)
        files[kind, subtype] = buffer.getvalue()
    return files


@fuzzing.settings
@hypothesis.given(st.data())
def test_files_with_changed_bytes(corpus, tmp_path, data):
    """Most changes are made near the beginning: there are the headers."""
    content = bytearray(corpus[data.draw(st.sampled_from(KINDS))])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(80, len(content) - 1)) | st.integers(0, len(content)))
        replaced = data.draw(st.integers(0, 4))
        content[place : place + replaced] = data.draw(st.binary(max_size=4))
    read(tmp_path / "a.wav", bytes(content))


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_cut_at_every_byte_of_the_header(corpus, tmp_path, kind, subtype):
    whole = corpus[kind, subtype]
    assert isinstance(read(tmp_path / "a.wav", whole), np.ndarray)
    for size in [*range(200), *range(200, len(whole), len(whole) // 40), len(whole) - 1]:
        found = read(tmp_path / "a.wav", whole[:size])
        assert isinstance(found, AudioError), size


@pytest.mark.parametrize("depth", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_rate_with_every_number_of_channels(write, depth):
    for rate in (8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000):
        for channels in range(1, 9):
            samples = np.tile(np.arange(channels) / 10, [rate // 20, 1])
            stream = stream_audio(write("WAV", depth, rate, samples=samples), RATE)
            audio = np.concatenate([block.samples for block in stream])
            assert stream.channels == channels
            assert abs(len(audio) - RATE // 20) <= 1
            mean = np.arange(channels).mean() / 10
            np.testing.assert_allclose(audio[300:-300], mean, atol=0.01)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "FLAC"])
def test_one_sample(write, kind):
    for rate in (8000, 16000, 192000):
        assert len(read_audio(write(kind, sample_rate=rate, samples=np.ones(1)), RATE)) <= 2


def test_a_header_cannot_ask_for_much_memory(tmp_path):
    """A thousand channels at a million Hz: ten seconds of it are 40 GB."""
    path = tmp_path / "a.wav"
    channels, rate, frames = 1024, 999_999, 20
    soundfile.write(path, np.zeros([frames, 2]), 48000)
    content = bytearray(path.read_bytes()[:44])
    size = frames * channels * 2
    for place, length, value in [
        (4, 4, size + 36),
        (22, 2, channels),
        (24, 4, rate),
        (28, 4, rate * channels * 2 % 2**32),
        (32, 2, channels * 2),
        (40, 4, size),
    ]:
        content[place : place + length] = value.to_bytes(length, "little")
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limits[1]))
    try:
        assert len(read(path, bytes(content) + bytes(size))) <= 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.mark.parametrize(
    ("encode", "decode"), [(mu_law_encode, mu_law_decode), (uniform_encode, uniform_decode)]
)
@fuzzing.settings
@hypothesis.given(
    st.lists(st.floats(width=32) | st.floats(-1, 1, width=32), min_size=2, max_size=20),
    st.integers(2, 2**16),
)
def test_laws_of_companding(encode, decode, amplitudes, num_classes):
    finite = np.array([a for a in amplitudes if not np.isnan(a)] or [0.0], np.float32)
    ids = encode(finite, num_classes)
    assert ids.dtype == np.int32 and ids.min() >= 0 and ids.max() < num_classes
    # The order is kept, and so are ids.
    assert (np.diff(encode(np.sort(finite), num_classes)) >= 0).all()
    again = decode(ids, num_classes)
    assert np.isfinite(again).all() and np.abs(again).max() <= 1
    np.testing.assert_array_equal(encode(again, num_classes), ids)
    # Negated amplitudes have mirrored ids, but on the edge of a cell.
    mirrored = num_classes - 1 - encode(-finite, num_classes)
    assert np.abs(mirrored - ids).max() <= 1
