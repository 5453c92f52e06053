"""Distances of spectra, by closed forms."""

import numpy as np
import pytest

from ada.evaluation.spectral import log_mel_distance, stft_distances

NOISE = np.random.default_rng(0).normal(0.0, 0.1, (1, 16000)).astype(np.float32)


def test_equal_audio_is_at_no_distance():
    assert stft_distances(NOISE, NOISE) == {"spectral_convergence": 0.0, "log_magnitude": 0.0}
    assert log_mel_distance(NOISE, NOISE, 16000) == 0.0


def test_audio_of_twice_the_amplitude():
    """|S - 2S| / |S| = 1, |ln S - ln 2S| = ln 2, and 20 log10 2 decibels."""
    found = stft_distances(NOISE, 2 * NOISE)
    assert found["spectral_convergence"] == pytest.approx(1.0, rel=1e-5)
    assert found["log_magnitude"] == pytest.approx(np.log(2.0), rel=1e-4)
    assert log_mel_distance(NOISE, 2 * NOISE, 16000) == pytest.approx(6.0206, rel=1e-4)


def test_a_sine_of_full_amplitude_is_at_0_db_and_silence_100_below():
    sine = np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000)).astype(np.float32)[np.newaxis]
    distance = stft_distances(sine, np.zeros((1, 16000), np.float32))
    assert distance["spectral_convergence"] == pytest.approx(1.0, rel=1e-4)
    # In decibels, most bands are as silent as silence: the floor keeps them from counting.
    assert 0.0 < log_mel_distance(sine, np.zeros((1, 16000)), 16000) < 100.0


def test_phase_does_not_count():
    t = np.arange(16000)[np.newaxis] / 16000
    waves = [np.sin(2 * np.pi * 440 * t + phase).astype(np.float32) for phase in (0.0, 2.0)]
    assert log_mel_distance(*waves, 16000) < 1.0
    assert stft_distances(*waves)["spectral_convergence"] < 0.05


def test_clips_shorter_than_a_window_are_compared_and_others_refused():
    assert stft_distances(NOISE[:, :100], NOISE[:, :100])["log_magnitude"] == 0.0
    with pytest.raises(ValueError, match=r"\(1, 100\) and \(1, 200\)"):
        stft_distances(NOISE[:, :100], NOISE[:, :200])


def test_clips_count_together_and_a_silent_one_hides_nothing():
    clips = np.concatenate([NOISE, -0.5 * NOISE, np.full_like(NOISE, 8.6e-5)])
    made = np.concatenate([2 * NOISE, -NOISE, NOISE])
    found = stft_distances(clips, made)
    # |S - S'|^2 is 1, 1/4 and 1, |S|^2 is 1, 1/4 and next to nothing.
    assert found["spectral_convergence"] == pytest.approx(np.sqrt(2.25 / 1.25), rel=1e-3)
    alone = [
        log_mel_distance(*pair, 16000) for pair in zip(clips[:, None], made[:, None], strict=True)
    ]
    assert log_mel_distance(clips, made, 16000) == pytest.approx(np.mean(alone))
