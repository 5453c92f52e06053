"""Levels and channels: what is mixed, refused or noted."""

import numpy as np
import pytest
from audio_support import RATE, encoded, encoded_at_rate, floats, melody, read, same

SOUND = melody(1.7, RATE, seed=1)


def test_eight_channels_and_more_are_not_mixed_up(tmp_path):
    """PyAV reads behind the end of the list of channels, if it is asked for an array."""
    for channels in (8, 20):
        sounds = np.stack([melody(0.4, 48000, seed) for seed in range(channels)], axis=1)
        kind = ("FLAC", "PCM_16") if channels == 8 else ("CAF", "PCM_16")
        audio, _ = read(tmp_path, encoded(*kind, sounds, 48000))
        assert same(audio, encoded_at_rate(sounds.mean(1)), 1)


@pytest.mark.parametrize("scale", [100, 2**15, 2**23, 2**31])
def test_floats_at_the_scale_of_integers_are_refused(tmp_path, scale):
    reason, detail = read(tmp_path, floats(SOUND * scale))
    assert reason == "out_of_scale" and "full scale is 1" in detail


def test_clipping_is_counted(tmp_path):
    audio, notes = read(tmp_path, floats(SOUND * 4))
    assert notes == ["clipped"] and np.abs(audio).max() == pytest.approx(2.4, abs=1e-6)
    assert read(tmp_path, floats(SOUND))[1] == []


@pytest.mark.parametrize(
    "weights", [(1, -1), (0.3, -0.3), (1, -0.8), (0.2, 1, -0.9), (1, -1, 1, -1)]
)
def test_channels_that_cancel_are_not_averaged(tmp_path, weights):
    samples = SOUND[:, None] * weights
    audio, notes = read(tmp_path, floats(samples, len(weights)))
    assert notes == ["cancelling"]
    loudest = weights[int(np.argmax(np.abs(weights)))]
    np.testing.assert_allclose(audio, SOUND * loudest, atol=1e-6)


def test_other_channels_are_averaged(tmp_path):
    different = np.stack([SOUND, melody(1.7, RATE, seed=9), 0 * SOUND, 0 * SOUND], axis=1)
    audio, notes = read(tmp_path, floats(different, 4))
    assert notes == []
    np.testing.assert_allclose(audio, different.mean(1), atol=1e-6)
