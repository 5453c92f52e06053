"""The argmax quantiser's losses and gradients against closed forms in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import ArgmaxQuantizer

BETA, NU, EPSILON = 0.3, 7.0, 1e-5
NORMALIZATIONS = ["relu", "softmax"]


def make(normalization="relu"):
    quantizer = ArgmaxQuantizer(6, BETA, NU, normalization, EPSILON)
    quantizer.build((None, None, 6))
    return quantizer


@pytest.fixture
def activations():
    return np.random.default_rng(1).normal(size=(2, 4, 6)).astype(np.float32)


def normalized(a, normalization):
    if normalization == "softmax":
        exponentials = np.exp(a - a.max(-1, keepdims=True))
        return exponentials / exponentials.sum(-1, keepdims=True)
    rectified = np.maximum(a.astype(np.float64), 0.0)
    return rectified / (rectified.sum(-1, keepdims=True) + EPSILON)


def through_normalization(a, gradient, normalization):
    """From a gradient by q to the gradient by the activations.

    ReLU: q = r / s, so dq_c / da_j = [a_j > 0] (delta_cj - q_c) / s; softmax: q_j (delta_cj - q_c).
    """
    q = normalized(a, normalization)
    along = gradient - (gradient * q).sum(-1, keepdims=True)
    if normalization == "softmax":
        return q * along
    return (a > 0) * along / (np.maximum(a, 0.0).sum(-1, keepdims=True) + EPSILON)


def value_and_gradient(quantizer, activations, term, **kwargs):
    activations = tf.constant(activations)
    with tf.GradientTape() as tape:
        tape.watch(activations)
        loss = quantizer(activations, **kwargs).losses[term]
    return float(loss), tape.gradient(loss, activations).numpy()


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_normalisation(normalization, activations):
    q = make(normalization).normalize(activations).numpy()
    np.testing.assert_allclose(q, normalized(activations, normalization), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(q.sum(-1), np.ones((2, 4)), atol=1e-4)
    assert (q >= 0.0).all()


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_codes_are_the_largest_activations_as_one_hot_vectors(normalization, activations):
    quantizer = make(normalization)
    output = quantizer(activations)
    codes = activations.argmax(-1)
    np.testing.assert_array_equal(output.codes, codes)
    np.testing.assert_allclose(output.quantized, np.eye(6)[codes], atol=1e-6)
    np.testing.assert_array_equal(quantizer.codes_to_quantized(codes), np.eye(6)[codes])


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_commitment_loss(normalization, activations, weights):
    given, shares = weights
    value, gradient = value_and_gradient(
        make(normalization), activations, "commitment", weights=given
    )
    gap = normalized(activations, normalization) - np.eye(6)[activations.argmax(-1)]
    np.testing.assert_allclose(value, BETA * (shares * (gap**2).sum(-1)).sum(), rtol=1e-5)
    expected = through_normalization(
        activations, 2 * BETA * shares[..., np.newaxis] * gap, normalization
    )
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_diversity_loss(normalization, activations, weights):
    given, shares = weights
    value, gradient = value_and_gradient(
        make(normalization), activations, "diversity", weights=given
    )
    q = normalized(activations, normalization)
    gap = (shares[..., np.newaxis] * q).sum((0, 1)) - 1 / 6
    np.testing.assert_allclose(value, NU * (gap**2).sum(), rtol=1e-5)
    by_q = 2 * NU * shares[..., np.newaxis] * gap
    expected = through_normalization(activations, by_q, normalization)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("term", ["commitment", "diversity"])
def test_gradients_are_those_of_finite_differences(term, activations):
    """The closed forms above, checked without any of their algebra."""
    _, gradient = value_and_gradient(make(), activations, term)
    one_hot = np.eye(6)[activations.argmax(-1)]

    def loss(a):
        q = normalized(a, "relu")
        if term == "commitment":
            return BETA * ((one_hot - q) ** 2).sum(-1).mean()
        return NU * ((q.mean((0, 1)) - 1 / 6) ** 2).sum()

    step = 1e-6
    for index in [(0, 0, 1), (0, 3, 5), (1, 1, 0), (1, 2, 2)]:
        moved = np.zeros(activations.shape)
        moved[index] = step
        slope = (loss(activations + moved) - loss(activations - moved)) / (2 * step)
        np.testing.assert_allclose(gradient[index], slope, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_parts_of_a_batch_add_up_to_the_whole(normalization, activations, weights):
    """Replicas see parts; E_t[q] of the global batch is given to all of them."""
    quantizer = make(normalization)
    shares = weights[1].astype(np.float32)
    value, gradient = value_and_gradient(quantizer, activations, "diversity", weights=shares)

    q = quantizer.normalize(activations)
    halves = [slice(0, 1), slice(1, 2)]
    mean_query = sum(quantizer.mean_query(q[half], shares[half]) for half in halves)
    parts = [
        value_and_gradient(
            quantizer, activations[half], "diversity", weights=shares[half], mean_query=mean_query
        )
        for half in halves
    ]
    np.testing.assert_allclose(sum(v for v, _ in parts), value, rtol=1e-5)
    np.testing.assert_allclose(np.concatenate([g for _, g in parts]), gradient, atol=1e-6)
    assert quantizer.mean_query_needed
    assert not ArgmaxQuantizer(6, diversity_weight=0.0).mean_query_needed


def test_the_gradient_goes_straight_through_to_the_normalised_query(activations):
    quantizer = make()
    activations = tf.constant(activations[:1])
    upstream = np.random.default_rng(2).normal(size=(1, 4, 6)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(activations)
        loss = tf.reduce_sum(upstream * quantizer(activations).quantized)
    gradient = tape.gradient(loss, activations)
    expected = through_normalization(activations.numpy(), upstream, "relu")
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_dead_queries_are_counted_and_get_code_0_and_no_gradient(activations):
    activations[0, 1] = -np.abs(activations[0, 1])
    activations[1, 2] = 0.0
    shares = np.arange(8, dtype=np.float32).reshape(2, 4) / 28
    output = make()(activations, weights=shares)
    np.testing.assert_allclose(output.metrics["zero_queries"], (1 + 6) / 28, rtol=1e-6)
    assert output.codes[0, 1] == 0
    for term in ("commitment", "diversity"):
        _, gradient = value_and_gradient(make(), activations, term, weights=shares)
        assert not gradient[0, 1].any()
        assert gradient[0, 2].any()
    assert "zero_queries" not in make("softmax")(activations).metrics


def test_a_batch_of_dead_queries_has_finite_losses_in_parts_too():
    dead = -np.ones((2, 4, 6), np.float32)
    shares = np.full((2, 4), 1 / 16, np.float32)
    output = make()(dead, weights=shares, mean_query=np.zeros(6, np.float32))
    np.testing.assert_allclose(output.losses["diversity"], NU / 6 / 2, rtol=1e-5)
    np.testing.assert_allclose(output.losses["commitment"], BETA / 2, rtol=1e-5)


def test_metrics(activations, weights):
    given, shares = weights
    metrics = make()(activations, weights=given).metrics
    usage = np.bincount(activations.argmax(-1).ravel(), shares.ravel(), minlength=6)
    np.testing.assert_allclose(metrics["usage"], usage, rtol=1e-6)
    largest = (shares * normalized(activations, "relu").max(-1)).sum()
    np.testing.assert_allclose(metrics["largest_activation"], largest, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((1,), "at least 2 codes, got 1"), ((6, 0.1, 1.0, "max"), "'relu', 'softmax'.*got 'max'")],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ArgmaxQuantizer(*arguments)
