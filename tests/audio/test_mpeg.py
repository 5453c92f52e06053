"""MP3 files with and without the frame that holds their length."""

import io

import numpy as np
import pytest
import soundfile as sf

from ada.audio import AudioError, read_audio
from ada.audio.mpeg import find_first_frame

RATE = 16000


def loud_then_soft(sample_rate, channels):
    """Variable bit rate spends most of its bits on the beginning."""
    rng = np.random.default_rng(0)
    samples = rng.uniform(-0.5, 0.5, [sample_rate, channels])
    samples[sample_rate // 8 :] *= 0.001
    return np.tile(samples, (2, 1))


def first_frame(contents, sample_rate):
    return find_first_frame(io.BytesIO(contents), sample_rate)


def without_length(contents, sample_rate):
    """Cuts the first frame off."""
    first = first_frame(contents, sample_rate)
    assert first.declares_frames
    assert first.declares_samples
    following = contents.index(first.header[:2], first.offset + 4)
    while first_frame(contents[following:], sample_rate).offset != 0:
        following = contents.index(first.header[:2], following + 1)
    rest = contents[following:]
    assert not first_frame(rest, sample_rate).declares_frames
    return rest


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 1), (22050, 2), (11025, 1)])
def test_files_without_length_are_read_to_their_end(write, rate, channels, mode):
    samples = loud_then_soft(rate, channels)
    path = write(
        "MP3", "MPEG_LAYER_III", rate, samples=samples, bitrate_mode=mode, compression_level=0.5
    )
    expected = read_audio(path, rate)
    path.write_bytes(
        b"ID3\x04\0\0\0\0\x02\x01" + bytes(257) + without_length(path.read_bytes(), rate)
    )
    audio = read_audio(path, rate)
    # The delay of encoder and decoder stays in, the padding at the end too.
    assert 0 <= len(audio) - len(expected) < 4 * 1152
    lag = np.argmax(np.correlate(audio[: rate // 2], expected[: rate // 4], "valid"))
    both = min(len(audio) - lag, len(expected))
    assert len(expected) - both < 1152
    np.testing.assert_allclose(audio[lag:][:both][2000:], expected[:both][2000:], atol=1e-4)


def test_libsndfile_alone_loses_the_end(write):
    """The reason for `length_frame`; once libsndfile reads such files whole, it can go."""
    samples = loud_then_soft(44100, 2)
    path = write(
        "MP3", "MPEG_LAYER_III", samples=samples, bitrate_mode="VARIABLE", compression_level=0.5
    )
    path.write_bytes(without_length(path.read_bytes(), 44100))
    assert len(sf.read(path)[0]) < len(samples) - 44100 // 2


def test_a_wrong_count_of_frames_is_forgiven_by_one(write):
    """Without "LAME" behind it the count is exact to a frame at best."""
    path = write("MP3", "MPEG_LAYER_III", secs=2.0)
    contents = bytearray(path.read_bytes())
    at = max(contents.find(b"Xing"), contents.find(b"Info"))
    assert at > 0
    lame = max(contents.find(name, at) for name in (b"LAME", b"Lavc"))
    contents[lame : lame + 4] = b"Abcd"
    for extra, is_read in ((0, True), (1, True), (4, False)):
        changed = bytearray(contents)
        count = int.from_bytes(contents[at + 8 : at + 12], "big") + extra
        changed[at + 8 : at + 12] = count.to_bytes(4, "big")
        path.write_bytes(changed)
        if is_read:
            assert len(read_audio(path, RATE)) > 1.9 * RATE
        else:
            with pytest.raises(AudioError, match="truncated: declares"):
                read_audio(path, RATE)
