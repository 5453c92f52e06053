"""The causal dilated convolution against its definition."""

import numpy as np
import pytest
import tensorflow as tf

from ada.layers import CausalConv1D, convolution

SHAPES = [(1, 1), (2, 1), (2, 4), (3, 1), (3, 5)]


def by_definition(inputs, kernel, bias, dilation):
    """sum_j W_j x_{t - (k - 1 - j) d} + b, with zeros before the first step."""
    taps = len(kernel)
    outputs = np.zeros((*inputs.shape[:2], kernel.shape[-1])) + bias
    for t in range(inputs.shape[1]):
        for j in range(taps):
            source = t - (taps - 1 - j) * dilation
            if source >= 0:
                outputs[:, t] += inputs[:, source] @ kernel[j]
    return outputs


@pytest.mark.parametrize("formulation", ["convolution", "product"])
@pytest.mark.parametrize(("kernel_size", "dilation"), SHAPES)
def test_equals_its_definition(kernel_size, dilation, formulation, randomize, monkeypatch):
    monkeypatch.setattr(convolution, "can_dilate", lambda dtype: formulation == "convolution")
    layer = CausalConv1D(4, kernel_size, dilation)
    layer.build((None, None, 3))
    randomize(layer)
    inputs = np.random.default_rng(1).normal(size=(2, 13, 3)).astype(np.float32)
    expected = by_definition(inputs, layer.kernel.numpy(), layer.bias.numpy(), dilation)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_convolution_trains_in_every_precision(dtype, randomize):
    """Whatever this machine's kernels are: TensorFlow's own have no gradient on some processors."""
    layer = CausalConv1D(4, 2, 2, dtype=f"mixed_{dtype}" if dtype != "float32" else dtype)
    layer.build((None, None, 3))
    inputs = tf.ones([1, 9, 3], dtype)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(randomize(layer)(inputs), tf.float32))
    for gradient in tape.gradient(loss, [v.value for v in layer.trainable_variables]):
        assert np.any(gradient)


def test_known_answer():
    layer = CausalConv1D(1, 3, 2, use_bias=False)
    layer.build((None, None, 1))
    layer.kernel.assign(np.array([100.0, 10.0, 1.0]).reshape(3, 1, 1))
    outputs = layer(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], np.float32).reshape(1, 6, 1))
    np.testing.assert_array_equal(outputs[0, :, 0], [1, 2, 13, 24, 135, 246])


@pytest.mark.parametrize(("kernel_size", "dilation"), SHAPES)
def test_sees_its_taps_and_nothing_else(kernel_size, dilation, randomize, vector_influences):
    layer = CausalConv1D(4, kernel_size, dilation)
    layer.build((None, None, 3))
    t = np.arange(16)
    distance = t[:, None] - t
    expected = np.isin(distance, dilation * np.arange(kernel_size))
    np.testing.assert_array_equal(vector_influences(randomize(layer), 16, 3), expected)
    assert layer.receptive_field == distance[expected].max() + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2, 1), "filters must be at least 1, got 0"),
        ((4, -1, 1), "kernel_size must be at least 1, got -1"),
        ((4, 2, 0), "dilation_rate must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CausalConv1D(*arguments)
