"""Spectrogram pictures, by what is known of them."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib import image

from ada.audio.spectrogram import FLOOR_DB, spectrogram_db, spectrogram_picture, spectrogram_png

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
    assert spectrogram_picture(np.zeros(16000)).max() == 0
    # Noise 100 dB below full scale is not drawn as bright as music.
    noise = np.random.default_rng(0).normal(0.0, 1e-5, 16000)
    assert spectrogram_db(noise).max() < -20.0


def test_a_png_has_the_shades_of_the_picture_and_is_small():
    rng = np.random.default_rng(0)
    noisy = SINE + 0.1 * rng.standard_normal(16000)
    content = spectrogram_png(noisy)
    assert len(content) < 12_000
    pixels = image.imread(io.BytesIO(content))[..., :3]
    shades = spectrogram_picture(noisy)
    assert pixels.shape[:2] == shades.shape == (256, 63)
    colours = matplotlib.colormaps["magma"](np.linspace(0, 1, 32))[:, :3]
    assert np.abs(pixels - colours[shades]).max() < 0.01
