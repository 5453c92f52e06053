"""Downsampling and upsampling: values, and exactly what a step sees."""

import math

import numpy as np
import pytest

from ada.layers import Downsample, Field, Upsample


def make(layer, channels):
    layer.build((None, None, channels))
    return layer


@pytest.mark.parametrize(
    ("hop", "method", "field"),
    [
        (1, "strided", Field(0, 0, 1)),
        (2, "strided", Field(1, 1, 2)),
        (5, "strided", Field(2, 3, 5)),
        (6, "strided", Field(1 + 3, 2 + 3, 6)),
        (8, "strided", Field(2 + 4, 2 + 4, 8)),
        (64, "strided", Field(2 + 8 + 32, 2 + 8 + 32, 64)),
        (1, "average", Field(0, 0, 1)),
        (6, "average", Field(0, 0, 6)),
    ],
)
def test_field_is_exactly_what_a_step_sees(hop, method, field, randomize, vector_influences):
    layer = randomize(make(Downsample(6, hop, method), 5))
    assert layer.field == field
    steps = 3 if hop == 64 else 5
    # ReLUs may stand in the way of one trial, not of all.
    seen = vector_influences(layer, steps * hop, 5, trials=4)
    own = np.arange(steps)[:, None] * hop
    inputs = np.arange(steps * hop)
    expected = (inputs >= own - field.past) & (inputs < own + hop + field.future)
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize(
    ("hop", "strides"),
    [(1, []), (2, [2]), (6, [3, 2]), (8, [4, 2]), (12, [4, 3]), (64, [4] * 3), (7, [7])],
)
def test_strides_multiply_to_the_hop(hop, strides):
    assert Downsample(2, hop).strides == strides
    assert math.prod(strides) == hop


def test_strided_equals_its_definition(randomize):
    layer = randomize(make(Downsample(4, 3), 2))
    x = np.random.default_rng(1).normal(size=(2, 12, 2)).astype(np.float32)
    [convolution] = layer.convolutions
    padded = np.pad(np.maximum(x, 0.0), [(0, 0), (1, 2), (0, 0)])
    kernel, bias = convolution.kernel.numpy(), convolution.bias.numpy()
    expected = [np.einsum("bkc,kcd->bd", padded[:, 3 * i : 3 * i + 6], kernel) for i in range(4)]
    np.testing.assert_allclose(layer(x), np.stack(expected, 1) + bias, rtol=1e-5, atol=1e-6)


def test_average_is_a_projected_mean(randomize):
    layer = randomize(make(Downsample(4, 3, "average"), 2))
    x = np.random.default_rng(1).normal(size=(2, 12, 2)).astype(np.float32)
    [mix] = layer.convolutions
    expected = x.reshape(2, 4, 3, 2).mean(2) @ mix.kernel.numpy() + mix.bias.numpy()
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)


def test_upsampled_steps_are_projections_of_their_own_step(randomize, vector_influences):
    layer = randomize(make(Upsample(2, 3), 4))
    x = np.random.default_rng(1).normal(size=(2, 5, 4)).astype(np.float32)
    kernel, bias = layer.project.kernel.numpy(), layer.project.bias.numpy()
    expected = np.stack(
        [x @ kernel[:, 2 * i : 2 * i + 2] + bias[2 * i : 2 * i + 2] for i in range(3)], axis=2
    ).reshape(2, 15, 2)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)
    seen = vector_influences(layer, 5, 4)
    np.testing.assert_array_equal(seen, np.repeat(np.eye(5, dtype=bool), 3, axis=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((4, 0), "hop_length must be at least 1, got 0"), ((4, 2, "max"), "strided.*got 'max'")],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Downsample(*arguments)
