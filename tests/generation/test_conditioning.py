"""Conditioning in windows equals that of the whole, whatever its length."""

import numpy as np
import pytest

from ada.generation import conditioning, conditioning_steps


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch):
    monkeypatch.setattr(conditioning, "WINDOW_STEPS", 8)


@pytest.fixture(scope="module", params=[False, True], ids=["repeated", "upsampled"])
def model(request, make_autoencoder):
    return make_autoencoder(upsample=request.param)


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(1).integers(0, 8, (2, 50)).astype(np.int32)


@pytest.mark.parametrize("length", [1, 3, 8, 11, 19, 50])
def test_windows_equal_the_whole_with_its_end(length, model, codes):
    whole = model.conditioning(codes[:, :length]).numpy()
    np.testing.assert_allclose(
        conditioning_steps(model, codes[:, :length], length), whole, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("length", [4, 9, 16, 30])
def test_a_step_is_the_same_bit_for_bit_however_long_the_codes_are(length, model, codes):
    rate, future = model.modulator.upsample_by, model.modulator.field.future
    long = conditioning_steps(model, codes, 47)
    short = conditioning_steps(model, codes[:1, : length + future], length)
    assert short.shape[1] == length * rate
    np.testing.assert_array_equal(short, long[:1, : length * rate])
