"""Spectrogram pictures, by what is known of them."""

import numpy as np
import pytest

from ada.audio.spectrogram import FLOOR_DB, spectrogram_db, spectrogram_picture

SINE = np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))


@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_a_sine_is_the_loudest_at_its_frequency(amplitude):
    level = spectrogram_db(amplitude * SINE)
    assert level.shape == (513, 63)
    middle = level[:, 30]
    assert middle.argmax() == 64  # 1000 Hz, in bins of 15.625 Hz
    assert middle.max() == pytest.approx(0.0, abs=0.1)
    assert middle[300] == FLOOR_DB


def test_silence_is_dark():
    assert (spectrogram_db(np.zeros(16000)) == FLOOR_DB).all()
    assert spectrogram_picture(np.zeros(16000)).max() <= 10
    # Noise 100 dB below full scale is not drawn as bright as music.
    noise = np.random.default_rng(0).normal(0.0, 1e-5, 16000)
    assert spectrogram_db(noise).max() < -20.0
