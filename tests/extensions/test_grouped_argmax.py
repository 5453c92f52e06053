"""Argmax quantisers side by side over groups of steps, against closed forms in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import GroupedArgmaxQuantizer
from ada.extensions.anti_collapse.argmax_codes import codes_from_data
from ada.quantizers import ArgmaxQuantizer

BETA, NU = 0.3, 5.0
GROUP, K = 2, 3


@pytest.fixture(params=["relu", "softmax"])
def quantizer(request):
    quantizer = GroupedArgmaxQuantizer(GROUP * K, GROUP, BETA, NU, request.param)
    quantizer.build((None, None, GROUP * K))
    return quantizer


@pytest.fixture
def activations():
    return np.random.default_rng(1).normal(size=(2, 4, GROUP * K)).astype(np.float32)


def normalized(quantizer, activations):
    """Q of every group and place by brute force, `[batch, groups, G, K]`."""
    means = activations.reshape(2, -1, GROUP, GROUP * K).mean(2).reshape(2, -1, GROUP, K)
    if quantizer.normalization == "softmax":
        e = np.exp(means - means.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)
    r = np.maximum(means, 0.0)
    return r / (r.sum(-1, keepdims=True) + 1e-5)


def test_each_step_has_the_largest_activation_of_its_place(quantizer, activations):
    q = normalized(quantizer, activations)
    output = quantizer(activations)
    codes = q.argmax(-1) + K * np.arange(GROUP)
    np.testing.assert_array_equal(output.codes, codes.reshape(2, -1))
    one_hot = np.eye(GROUP * K)[codes].sum(2)
    expected = np.repeat(one_hot, GROUP, axis=1)
    np.testing.assert_allclose(output.quantized, expected, atol=1e-6)
    np.testing.assert_array_equal(quantizer.codes_to_quantized(output.codes), expected)


def test_losses_are_the_slides_of_each_place(quantizer, activations):
    shares = np.random.default_rng(2).uniform(size=(2, 4)).astype(np.float32)
    shares /= shares.sum()
    q = normalized(quantizer, activations)
    own = q.reshape(2, -1, K)
    one_hot = np.eye(K)[own.argmax(-1)]
    losses = quantizer(activations, shares).losses
    commitment = (shares * ((one_hot - own) ** 2).sum(-1)).sum()
    np.testing.assert_allclose(losses["commitment"], BETA * commitment, rtol=1e-5)
    mean = np.einsum("bt,btgk->gk", shares, np.repeat(q, GROUP, axis=1))
    np.testing.assert_allclose(losses["diversity"], NU * ((mean - 1 / K) ** 2).sum(), rtol=1e-4)
    # What a replica reports of its part of the mean.
    found = quantizer.mean_query(quantizer.normalize(activations), shares)
    np.testing.assert_allclose(found, mean.ravel(), rtol=1e-5)


def test_gradient_goes_straight_through_to_q(quantizer, activations):
    activations = tf.constant(activations)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(activations)
        through = tf.reduce_sum(quantizer(activations).quantized ** 2)
        q = quantizer.normalize(activations)
        direct = tf.reduce_sum(q * tf.stop_gradient(2.0 * quantizer(activations).quantized))
    one, other = tape.gradient(through, activations), tape.gradient(direct, activations)
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-7)


def test_one_step_groups_are_the_plain_quantizer():
    grouped, plain = GroupedArgmaxQuantizer(5, 1, BETA, NU), ArgmaxQuantizer(5, BETA, NU)
    for quantizer in (grouped, plain):
        quantizer.build((None, None, 5))
    activations = np.random.default_rng(3).normal(size=(2, 6, 5)).astype(np.float32)
    one, other = grouped(activations), plain(activations)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_allclose(one.quantized, other.quantized, atol=1e-6)
    for name, value in other.losses.items():
        np.testing.assert_allclose(one.losses[name], value, rtol=1e-5)


def test_unfinished_group_is_quantised_as_far_as_it_goes(quantizer):
    activations = np.random.default_rng(4).normal(size=(2, 5, GROUP * K)).astype(np.float32)
    output = quantizer(activations)
    assert output.codes.shape == (2, 5)
    np.testing.assert_allclose(
        quantizer.codes_to_quantized(output.codes), output.quantized, atol=1e-6
    )
    np.testing.assert_array_equal(output.codes[:, :4], quantizer(activations[:, :4]).codes)


def test_codes_from_data_describe_it_side_by_side():
    """Points on a grid of two independent directions: each place finds one of them."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(GROUP * 4, 2)))[0].T
    steps = np.array([-3.0, -1.0, 1.0, 3.0])
    coordinates = np.stack([2.0 * rng.choice(steps, 2000), rng.choice(steps, 2000)], axis=1)
    points = (coordinates @ directions + 0.5).astype(np.float32)
    queries = np.repeat(points, GROUP, axis=0)
    quantizer = GroupedArgmaxQuantizer(GROUP * 4, GROUP, normalization="softmax")
    quantizer.build((None, None, GROUP * 4))
    quantizer.set_active(False)
    np.testing.assert_allclose(quantizer(queries[np.newaxis]).quantized[0], queries, rtol=1e-5)
    quantizer.set_active(True)
    recoding = codes_from_data(quantizer, queries, seed=0)
    activations = queries @ recoding.kernel + recoding.bias
    codes = quantizer(activations[np.newaxis]).codes
    decoded = quantizer.codes_to_quantized(codes)[0].numpy() @ recoding.centres
    error = ((decoded - queries) ** 2).sum(-1).mean()
    spread = ((queries - queries.mean(0)) ** 2).sum(-1).mean()
    assert error < 0.1 * spread
    assert len(np.unique(codes)) == GROUP * 4


def test_codes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="num_codes 9 must be a multiple"):
        GroupedArgmaxQuantizer(9, 2)
