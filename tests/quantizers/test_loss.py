"""The loss of an autoregressive discrete autoencoder as a whole, against METHOD's closed form."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import ada_loss

ALPHA, BETA, NU, NLL = 1.7, 0.3, 5.0, 2.5


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(2, 2, 4, 3)).astype(np.float32)


def test_loss_is_the_sum_of_its_terms(vectors, weights):
    given, shares = weights
    shares = np.float32(shares) if given is None else given
    q, e = vectors
    mean_q = (shares[..., np.newaxis] * q).sum((0, 1))
    terms = ada_loss(NLL, q, e, shares, ALPHA, BETA, NU, mean_q, uniform=1 / 3)
    square = (shares * ((e - q) ** 2).sum(-1)).sum()
    expected = NLL + (ALPHA + BETA) * square + NU * ((mean_q - 1 / 3) ** 2).sum()
    np.testing.assert_allclose(sum(terms.values()), expected, rtol=1e-5)
    assert list(terms) == ["nll", "commitment", "codebook", "diversity"]


def test_gradients_stop_at_the_brackets(vectors):
    q, e = map(tf.constant, vectors)
    weights = tf.fill([2, 4], 1 / 8)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([q, e])
        terms = ada_loss(tf.constant(NLL), q, e, weights, ALPHA, BETA)
    assert tape.gradient(terms["codebook"], q) is None
    assert tape.gradient(terms["commitment"], e) is None
    gap = 2 / 8 * (e - q)
    np.testing.assert_allclose(tape.gradient(terms["codebook"], e), ALPHA * gap, rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(terms["commitment"], q), -BETA * gap, rtol=1e-5)


def test_terms_without_weight_are_left_out(vectors):
    q, e = vectors
    assert list(ada_loss(NLL, q, e, np.full((2, 4), 1 / 8, np.float32), beta=BETA)) == [
        "nll",
        "commitment",
    ]
