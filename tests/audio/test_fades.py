"""Fades at the ends of clips."""

import numpy as np
import pytest

from ada.audio.fades import faded


@pytest.mark.parametrize("block", [1, 7, 80, 1000])
def test_blocks_are_faded_as_the_whole_clip(block):
    audio = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
    whole = faded(audio, 16000)
    parts = [
        faded(audio[:, start : start + block], 16000, start, 1000)
        for start in range(0, 1000, block)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, 1), whole)
    np.testing.assert_array_equal(whole[:, 80:-80], audio[:, 80:-80])


@pytest.mark.parametrize(("rate", "samples"), [(16000, 400), (44100, 1000), (8000, 30), (100, 5)])
def test_gain_rises_from_nothing_and_falls_to_it(rate, samples):
    gain = faded(np.ones(samples, np.float32), rate)
    length = max(min(round(0.005 * rate), samples // 2), 1)
    np.testing.assert_allclose(gain, gain[::-1], rtol=1e-6)
    assert (np.diff(gain[:length]) > 0).all()
    assert gain.max() == 1.0 or samples < 2 * length + 2
    if length > 4:
        assert gain[0] < 0.02
    assert faded(np.ones(1, np.float32), rate).shape == (1,)
