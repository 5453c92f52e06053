"""The centred residual block."""

import numpy as np
import pytest

from ada.layers import Field, ResidualBlock


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 1), (3, 4), (5, 2)])
def test_field_is_exactly_what_a_step_sees(kernel_size, dilation, randomize, vector_influences):
    block = ResidualBlock(6, kernel_size, dilation)
    block.build((None, None, 6))
    reach = (kernel_size - 1) // 2 * dilation
    assert block.field == Field(past=reach, future=reach)
    t = np.arange(20)
    distance = t[:, None] - t
    expected = (np.abs(distance) <= reach) & (distance % dilation == 0)
    seen = vector_influences(randomize(block), 20, 6, trials=4)
    np.testing.assert_array_equal(seen, expected)


def test_equals_its_formula(randomize):
    block = ResidualBlock(4, 3, 2)
    block.build((None, None, 4))
    randomize(block)
    x = np.random.default_rng(1).normal(size=(2, 9, 4)).astype(np.float32)
    padded = np.pad(np.maximum(x, 0.0), [(0, 0), (2, 2), (0, 0)])
    kernel, bias = block.convolution.kernel.numpy(), block.convolution.bias.numpy()
    inner = sum(padded[:, 2 * j : 2 * j + 9] @ kernel[j] for j in range(3)) + bias
    expected = x + np.maximum(inner, 0.0) @ block.mix.kernel.numpy() + block.mix.bias.numpy()
    np.testing.assert_allclose(block(x), expected, rtol=1e-5, atol=1e-6)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel_size must be odd, got 4"):
        ResidualBlock(6, 4)
