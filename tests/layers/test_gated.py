"""The gated residual block against the formula."""

import numpy as np
import pytest

from ada.layers import GatedResidualBlock


def make(randomize, **kwargs):
    block = GatedResidualBlock(4, kernel_size=2, dilation_rate=3, **kwargs)
    block.build((None, None, 4))
    return randomize(block)


def by_formula(block, x, conditioning):
    """z = tanh(W_f * x + V_f h) . sigmoid(W_g * x + V_g h); x + W_r z."""
    past = np.pad(x, [(0, 0), (3, 0), (0, 0)])[:, : x.shape[1]]
    kernel, bias = block.convolution.kernel.numpy(), block.convolution.bias.numpy()
    gates = past @ kernel[0] + x @ kernel[1] + bias + conditioning
    z = np.tanh(gates[..., :4]) / (1.0 + np.exp(-gates[..., 4:]))
    if not block.residual_output:
        return x, z
    return x + z @ block.residual.kernel.numpy() + block.residual.bias.numpy(), z


@pytest.mark.parametrize("hop", [None, 1, 4])
@pytest.mark.parametrize("residual_output", [True, False])
def test_equals_the_formula(hop, residual_output, randomize):
    block = make(randomize, residual_output=residual_output)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 12, 4)).astype(np.float32)
    slow, everywhere = None, 0.0
    if hop:
        slow = rng.normal(size=(2, 12 // hop, 8)).astype(np.float32)
        everywhere = np.repeat(slow, hop, axis=1)
    for found, expected in zip(block(x, slow), by_formula(block, x, everywhere), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_last_block_has_no_residual_weights(randomize):
    with_output, without = make(randomize), make(randomize, residual_output=False)
    assert len(with_output.weights) == 4
    assert len(without.weights) == 2


@pytest.mark.parametrize("output", [0, 1])
def test_is_causal(output, randomize, vector_influences):
    block = make(randomize)
    t = np.arange(12)
    seen = vector_influences(lambda x: block(x)[output], 12, 4)
    np.testing.assert_array_equal(seen, np.isin(t[:, None] - t, [0, 3]))


def test_conditioning_serves_its_own_hop_and_nothing_else(randomize, influences):
    block = make(randomize)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 12, 4)).astype(np.float32)
    slow, others = rng.normal(size=(2, 2, 3, 8)).astype(np.float32)
    seen = influences(lambda h: block(np.repeat(x, len(h), axis=0), h)[1], slow, others)
    np.testing.assert_array_equal(seen, np.repeat(np.eye(3, dtype=bool), 4, axis=0))
