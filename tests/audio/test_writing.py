import io
import wave

import numpy as np
import pytest
import soundfile as sf
import tensorflow as tf

from ada.audio import encoded_bytes, from_pcm16, pcm16, read_audio, wav_bytes, write_wav
from ada.audio.writing import wav_size, write_wav_from

EVERY_INT16 = np.arange(-32768, 32768).astype(np.int16)


def test_int16_survives_the_round_trip():
    audio = from_pcm16(EVERY_INT16)
    assert audio.dtype == np.float32
    assert (audio[0], audio[32768]) == (-1.0, 0.0)
    assert pcm16(audio).dtype == np.int16
    np.testing.assert_array_equal(pcm16(audio), EVERY_INT16)


def test_int16_survives_the_round_trip_in_a_graph():
    graph = tf.function(lambda x: pcm16(from_pcm16(x)), jit_compile=True, autograph=False)
    samples = graph(tf.constant(EVERY_INT16))
    assert samples.dtype == tf.int16
    np.testing.assert_array_equal(samples.numpy(), EVERY_INT16)


def test_pcm16_clips_and_rounds():
    samples = pcm16([1.0, 2.0, -2.0, np.inf, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768])
    np.testing.assert_array_equal(samples, [32767, 32767, -32768, 32767, 1, -1, 0])
    with pytest.raises(ValueError, match="1 of 3 samples are NaN"):
        pcm16([0.0, np.nan, 1.0])


def test_wav_is_mono_16_bit_pcm(tmp_path):
    path = tmp_path / "made" / "on the way" / "a.wav"
    audio = np.random.default_rng(0).uniform(-1.5, 1.5, 1000).astype(np.float32)
    write_wav(path, audio, 16000)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, 16000, 1000)
    np.testing.assert_array_equal(sf.read(path, dtype="int16")[0], pcm16(audio))
    np.testing.assert_allclose(read_audio(path, 16000), np.clip(audio, -1, 1), atol=1 / 32768)
    assert path.read_bytes() == wav_bytes(audio, 16000)
    assert wav_bytes(tf.constant(audio), 16000) == wav_bytes(audio, 16000)
    assert sf.info(io.BytesIO(wav_bytes([], 8000))).frames == 0


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write_wav(path, np.zeros(10), 16000)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"mono.*\(10, 2\)"):
        write_wav(path, np.zeros([10, 2]), 16000)

    def full_disk(self, contents):
        with self.open("wb") as file:
            file.write(contents[:5])
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_wav(path, np.ones(10), 16000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grows_is_whole_at_any_time(tmp_path):
    audio = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    grown, whole = tmp_path / "grown.wav", tmp_path / "whole.wav"
    for start in range(0, 1000, 300):
        write_wav_from(grown, start, audio[start : start + 300], 16000)
        stop = min(start + 300, 1000)
        assert grown.stat().st_size == wav_size(stop)
        write_wav(whole, audio[:stop], 16000)
        assert grown.read_bytes() == whole.read_bytes()
    # What is there already stays; what was cut, or is silence after a power cut, is written again.
    before = grown.stat().st_mtime_ns
    write_wav_from(grown, 300, audio[300:600], 16000)
    assert (grown.read_bytes(), grown.stat().st_mtime_ns) == (whole.read_bytes(), before)
    content = whole.read_bytes()
    for damaged in (content[:99], content[:700] + bytes(400) + content[1100:], bytes(44), b""):
        grown.write_bytes(damaged)
        for start in range(0, 1000, 300):
            write_wav_from(grown, start, audio[start : start + 300], 16000)
        assert grown.read_bytes() == content


@pytest.mark.parametrize(("rate", "written"), [(16000, 16000), (4000, 8000), (20000, 22050)])
def test_mp3_takes_any_rate_and_compresses_as_asked(rate, written):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
    default, large, small = (encoded_bytes(tone, rate, "mp3", c) for c in (None, 0.0, 0.8))
    assert len(small) < len(default) < len(wav_bytes(tone, rate))
    assert len(small) < len(large)
    audio, found = sf.read(io.BytesIO(small))
    assert found == written
    spectrum = np.abs(np.fft.rfft(audio[written // 2 : 3 * written // 2]))
    assert np.argmax(spectrum) == 440


def test_flac_holds_the_samples_of_wav():
    noise = np.random.default_rng(0).uniform(-1, 1, 999)
    flac, wav = (encoded_bytes(noise, 12345, form) for form in ("flac", "wav"))
    ours, theirs = (sf.read(io.BytesIO(x), dtype="int16") for x in (flac, wav))
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1] == 12345
