"""The vector quantiser's losses and gradients against closed forms in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import VectorQuantizer

ALPHA, BETA = 1.7, 0.3


@pytest.fixture
def quantizer(randomize):
    quantizer = VectorQuantizer(5, 3, codebook_weight=ALPHA, commitment_weight=BETA)
    quantizer.build((None, None, 3))
    return randomize(quantizer, scale=1.0)


def nearest(queries, codebook):
    """Codes and vectors by the full table of distances."""
    distances = ((queries[..., np.newaxis, :] - codebook) ** 2).sum(-1)
    codes = distances.argmin(-1)
    return codes, codebook[codes]


def outputs_and_gradients(quantizer, queries, weights, term):
    """The output, and the gradients of one loss term by queries and by codebook."""
    queries = tf.constant(queries)
    with tf.GradientTape() as tape:
        tape.watch(queries)
        output = quantizer(queries, weights=weights)
        loss = output.losses[term]
    return output, tape.gradient(loss, [queries, quantizer.codebook.value])


def test_replaces_queries_by_the_nearest_vectors(quantizer, queries):
    output = quantizer(queries)
    codes, vectors = nearest(queries, quantizer.codebook.numpy())
    assert len(np.unique(codes)) > 1
    np.testing.assert_array_equal(output.codes, codes)
    np.testing.assert_allclose(output.quantized, vectors, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(quantizer.codes_to_quantized(output.codes), vectors)


def test_codebook_loss_moves_the_codebook_alone(quantizer, queries, weights):
    given, shares = weights
    output, (by_queries, by_codebook) = outputs_and_gradients(quantizer, queries, given, "codebook")
    codes, vectors = nearest(queries, quantizer.codebook.numpy())
    value = ALPHA * (shares * ((vectors - queries) ** 2).sum(-1)).sum()
    np.testing.assert_allclose(output.losses["codebook"], value, rtol=1e-5)
    expected = np.zeros((5, 3))
    np.add.at(expected, codes, 2 * ALPHA * shares[..., np.newaxis] * (vectors - queries))
    np.testing.assert_allclose(tf.convert_to_tensor(by_codebook), expected, rtol=1e-4, atol=1e-6)
    assert by_queries is None


def test_commitment_loss_moves_the_queries_alone(quantizer, queries, weights):
    given, shares = weights
    output, (by_queries, by_codebook) = outputs_and_gradients(
        quantizer, queries, given, "commitment"
    )
    _, vectors = nearest(queries, quantizer.codebook.numpy())
    value = BETA * (shares * ((vectors - queries) ** 2).sum(-1)).sum()
    np.testing.assert_allclose(output.losses["commitment"], value, rtol=1e-5)
    expected = 2 * BETA * shares[..., np.newaxis] * (queries - vectors)
    np.testing.assert_allclose(by_queries, expected, rtol=1e-4, atol=1e-6)
    assert by_codebook is None


def test_the_gradient_goes_straight_through(quantizer, queries):
    queries = tf.constant(queries[:1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(queries)
        quantized = quantizer(queries).quantized
    jacobian = tape.jacobian(quantized, queries, experimental_use_pfor=False)
    identity = np.eye(12).reshape(1, 4, 3, 1, 4, 3)
    np.testing.assert_array_equal(jacobian, identity)
    assert tape.gradient(quantized, quantizer.codebook.value) is None


def test_metrics_are_raw_values(quantizer, queries, weights):
    given, shares = weights
    metrics = quantizer(queries, weights=given).metrics
    codes, vectors = nearest(queries, quantizer.codebook.numpy())
    usage = np.bincount(codes.ravel(), shares.ravel(), minlength=5)
    np.testing.assert_allclose(metrics["usage"], usage, rtol=1e-6)
    entropy = -sum(p * np.log(p) for p in usage if p)
    np.testing.assert_allclose(metrics["perplexity"], np.exp(entropy), rtol=1e-5)
    assert metrics["used_codes"] == np.count_nonzero(usage)
    error = (shares * ((vectors - queries) ** 2).sum(-1)).sum()
    np.testing.assert_allclose(metrics["quantization_error"], error, rtol=1e-5)
    norm = (shares * (queries**2).sum(-1)).sum()
    np.testing.assert_allclose(metrics["query_square"], norm, rtol=1e-5)


@pytest.mark.parametrize(("num_codes", "code_dim"), [(1, 3), (5, 0)])
def test_impossible_sizes_are_refused(num_codes, code_dim):
    with pytest.raises(ValueError, match=f"num_codes={num_codes}, code_dim={code_dim}"):
        VectorQuantizer(num_codes, code_dim)


def test_queries_of_another_width_are_refused(queries):
    with pytest.raises(ValueError, match="3 channels, the quantiser takes 4"):
        VectorQuantizer(5, 4)(queries)
