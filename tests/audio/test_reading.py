import sys

import numpy as np
import pytest
import soxr

from ada.audio import AudioError, DecoderUnavailableError, read_audio, stream_audio

RATE = 16000
LOSSY = {"VORBIS": 0.03, "OPUS": 0.06, "MPEG_LAYER_III": 0.03}
COARSE = {"PCM_U8": 0.01, "PCM_S8": 0.01, "ULAW": 0.02, "ALAW": 0.02}

ENCODINGS = [
    *[
        ("WAV", s)
        for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
    ],
    *[("AIFF", s) for s in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("FLAC", s) for s in ("PCM_S8", "PCM_16", "PCM_24")],
    *[("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
    *[(kind, "PCM_16") for kind in ("RF64", "WAVEX", "W64", "CAF", "AU")],
]
RATES = [
    *[("WAV", "PCM_16", rate) for rate in (8000, 11025, 22050, 32000, 48000, 88200, 96000, 192000)],
    *[("FLAC", "PCM_24", rate) for rate in (8000, 22050, 96000, 192000)],
    *[("OGG", "VORBIS", rate) for rate in (8000, 22050, 48000, 96000)],
    *[("MP3", "MPEG_LAYER_III", rate) for rate in (8000, 11025, 16000, 22050, 32000, 48000)],
]
CHANNELS = [
    *[("WAV", "PCM_16", n) for n in range(2, 9)],
    *[("AIFF", "PCM_24", n) for n in (2, 8)],
    *[("FLAC", "PCM_16", n) for n in range(2, 9)],
    *[("OGG", "VORBIS", n) for n in (2, 6, 8)],
    *[("OGG", "OPUS", n) for n in (2, 6)],
    *[("MP3", "MPEG_LAYER_III", 2)],
]


CODECS = {"VORBIS": "vorbis", "OPUS": "opus", "MPEG_LAYER_III": "mp3"}


def check(path, expected, subtype, rate, channels):
    stream = stream_audio(path, RATE)
    assert (stream.source_sample_rate, stream.channels, stream.notes) == (rate, channels, ())
    assert stream.codec == CODECS.get(subtype, stream.codec)
    audio = np.concatenate([block.samples for block in stream])
    assert audio.dtype == np.float32
    assert (stream.num_cuts, stream.cut_secs) == (0, 0.0)
    expected = expected * np.mean(1 / np.arange(1, channels + 1))
    assert abs(len(audio) - len(expected)) <= 1
    middle = slice(RATE // 10, -RATE // 10)  # codecs smear and resamplers ring at the ends
    tolerance = LOSSY.get(subtype) or COARSE.get(subtype, 1e-3)
    np.testing.assert_allclose(audio[:RATE][middle], expected[middle], atol=tolerance)


@pytest.mark.parametrize(("kind", "subtype"), ENCODINGS)
def test_every_encoding(write, sine, kind, subtype):
    rate = 48000 if subtype == "OPUS" else 44100
    check(write(kind, subtype, rate, channels=2), sine(RATE), subtype, rate, 2)


@pytest.mark.parametrize(("kind", "subtype", "rate"), RATES)
def test_every_rate(write, sine, kind, subtype, rate):
    check(write(kind, subtype, rate), sine(RATE), subtype, rate, 1)


@pytest.mark.parametrize("rate", [8000, 12000, 16000, 24000])
def test_opus_is_decoded_at_48_khz_whatever_rate_its_header_notes(write, sine, rate):
    check(write("OGG", "OPUS", rate), sine(RATE), "OPUS", 48000, 1)


@pytest.mark.parametrize(("kind", "subtype", "channels"), CHANNELS)
def test_every_number_of_channels(write, sine, kind, subtype, channels):
    path = write(kind, subtype, 48000, channels)
    check(path, sine(RATE), subtype, 48000, channels)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
@pytest.mark.parametrize("block_secs", [0.0003, 0.0101, 0.25])
def test_blocks_join_to_the_whole(write, kind, block_secs):
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(kind, "PCM_16")
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [30000, 2])
    path = write(kind, subtype, samples=noise)
    blocks = list(stream_audio(path, RATE, block_secs=block_secs))
    assert len(blocks) > 2
    assert {block.segment for block in blocks} == {0}
    np.testing.assert_array_equal(
        np.concatenate([b.samples for b in blocks]), read_audio(path, RATE)
    )


def test_streaming_is_one_shot_resampling(write):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30000).astype(np.float32)
    path = write("WAV", "FLOAT", samples=noise)
    audio = np.concatenate([b.samples for b in stream_audio(path, RATE, block_secs=0.05)])
    np.testing.assert_array_equal(audio, soxr.resample(noise, 44100, RATE, "VHQ"))
    np.testing.assert_array_equal(read_audio(path, 44100), noise)


@pytest.mark.parametrize("block_secs", [0.01, 0.033, 10.0])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_bad_regions_are_cut_out(write, sine, bad, block_secs):
    samples = np.repeat(sine(44100)[:, None], 2, axis=1).astype(np.float32)
    bad_regions = [(0, 100), (10000, 10001), (20000, 24410)]
    for start, stop in bad_regions:
        samples[start:stop, 1] = bad  # in one channel: the other goes with it
    path = write("WAV", "FLOAT", samples=samples)
    stream = stream_audio(path, RATE, block_secs=block_secs)
    blocks = list(stream)
    assert stream.num_cuts == 3
    assert stream.cut_secs == pytest.approx((100 + 1 + 4410) / 44100)
    segments = [
        np.concatenate([b.samples for b in blocks if b.segment == number]) for number in range(3)
    ]
    for segment, (start, stop) in zip(
        segments, [(100, 10000), (10001, 20000), (24410, 44100)], strict=True
    ):
        alone = soxr.resample(samples[start:stop, 0], 44100, RATE, "VHQ")
        np.testing.assert_array_equal(segment, alone)
    np.testing.assert_array_equal(read_audio(path, RATE), np.concatenate(segments))


@pytest.mark.parametrize("block_secs", [0.005, 10.0])
def test_crumbs_between_cuts_are_cut_as_well(write, sine, block_secs):
    samples = sine(44100).astype(np.float32)
    samples[1000:2000:3] = np.nan
    path = write("WAV", "FLOAT", samples=samples)
    stream = stream_audio(path, RATE, block_secs=block_secs)
    assert {block.segment for block in stream} == {0, 1}
    assert stream.num_cuts == 1
    assert stream.cut_secs == 1000 / 44100


def test_a_file_of_nan_is_not_finite(write):
    for samples in (np.full(1000, np.nan), np.where(np.arange(1000) % 2, 0.1, np.inf)):
        with pytest.raises(AudioError) as caught:
            read_audio(write("WAV", "DOUBLE", samples=samples), RATE)
        assert caught.value.reason == "not_finite"


def test_very_short_files_are_read(write):
    for length in (1, 2, 100):
        audio = read_audio(write(sample_rate=8000, samples=np.full(length, 0.5)), RATE)
        assert len(audio) == 2 * length


def test_loud_audio_is_not_clipped(write, sine):
    path = write("WAV", "FLOAT", samples=4 * sine(44100))
    assert np.abs(read_audio(path, RATE)).max() == pytest.approx(2.0, abs=0.01)


def test_a_stream_can_be_left_early(write):
    with stream_audio(write(secs=2.0), RATE, block_secs=0.1) as stream:
        assert len(next(stream).samples)
    stream = stream_audio(write(), RATE)
    assert len(list(stream)) > 0
    assert list(stream) == []
    stream.close()


def test_mistakes_are_named(write, monkeypatch):
    path = write()
    with pytest.raises(ValueError, match=r"\['pyav', 'tfio'\], got 'ffmpeg'"):
        read_audio(path, RATE, decoder="ffmpeg")
    with pytest.raises(ValueError, match="positive, got 0 and 10.0"):
        read_audio(path, 0)
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    with pytest.raises(DecoderUnavailableError, match=r"TensorFlow 2.16 or 2.17.*\[tfio\]"):
        read_audio(path, RATE, decoder="tfio")
