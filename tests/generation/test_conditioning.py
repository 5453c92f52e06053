"""Conditioning in windows equals that of the whole, whatever its length."""

import numpy as np
import pytest

from ada.generation import conditioning
from ada.generation.conditioning import Conditioning


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch):
    monkeypatch.setattr(conditioning, "WINDOW_STEPS", 8)


@pytest.fixture(scope="module", params=[False, True], ids=["repeated", "upsampled"])
def model(request, make_autoencoder):
    return make_autoencoder(upsample=request.param)


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).integers(0, 8, (2, 50)).astype(np.int32)


def in_windows(model, codes, num_steps):
    """Conditioning of the first `num_steps` codes, of which no more is read than is needed."""
    steps = Conditioning(model, block_codes=4)
    assert steps.window_codes == 8
    windows = []
    for first in range(0, num_steps, 8):
        last = min(first + 8, num_steps)
        start, stop = max(first - steps.field.past, 0), last + steps.field.future
        window = steps.window(codes[:, start:stop], start, first, last)
        assert window.first == first
        rest = (last - first) * steps.rate
        assert not window.values[:, rest:].numpy().any()
        windows.append(window.values[:, :rest])
    return np.concatenate(windows, axis=1)


@pytest.mark.parametrize("length", [1, 3, 8, 11, 19, 50])
def test_windows_equal_the_whole_with_its_end(length, model, codes):
    whole = model.conditioning(codes[:, :length]).numpy()
    np.testing.assert_allclose(
        in_windows(model, codes[:, :length], length), whole, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("length", [4, 9, 16, 30])
def test_a_step_is_the_same_bit_for_bit_however_long_the_codes_are(length, model, codes):
    rate, future = model.modulator.upsample_by, model.modulator.field.future
    long = in_windows(model, codes, 47)
    short = in_windows(model, codes[:1, : length + future], length)
    assert short.shape[1] == length * rate
    np.testing.assert_array_equal(short, long[:1, : length * rate])


@pytest.mark.parametrize(("block_codes", "window"), [(1, 8), (3, 6), (8, 8), (9, 9)])
def test_windows_hold_whole_blocks(block_codes, window, model):
    assert Conditioning(model, block_codes).window_codes == window
