"""The auxiliary loss against its closed form, and what it trains."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import SpectralLoss
from ada.models.losses import explained_share

WEIGHT = 3.0


@pytest.fixture
def loss(randomize):
    loss = SpectralLoss(8, WEIGHT, num_bands=6, lowest_hz=1000.0, num_taps=32)
    loss.build((None, None, 4))
    return randomize(loss)


@pytest.fixture
def batch():
    """Features, audio and weights of two rows of five steps; the last step counts nothing."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(size=(2, 5)).astype(np.float32)
    weights[1, 4] = 0.0
    return (
        rng.normal(size=(2, 5, 4)).astype(np.float32),
        rng.uniform(-1.0, 1.0, (2, 40)).astype(np.float32),
        weights / weights.sum(),
    )


def test_loss_is_the_weighted_mean_squared_error(loss, batch):
    features, audio, weights = batch
    output = loss(features, audio, weights)
    target = loss.target(tf.constant(audio)).numpy()
    prediction = features @ loss.head.kernel.numpy() + loss.head.bias.numpy()
    error = (weights[..., np.newaxis] * (prediction - target) ** 2).sum((0, 1))
    np.testing.assert_allclose(output.losses["auxiliary"], WEIGHT * error.mean(), rtol=1e-5)
    mean = (weights[..., np.newaxis] * target).sum((0, 1))
    variance = (weights[..., np.newaxis] * (target - mean) ** 2).sum()
    found = explained_share(output.metrics["auxiliary_moments"])
    assert found == pytest.approx(1.0 - error.sum() / variance, rel=1e-3)


def test_moments_of_parts_add_up(loss, batch):
    whole = loss(*batch).metrics["auxiliary_moments"]
    parts = [loss(*(value[row : row + 1] for value in batch)) for row in range(2)]
    np.testing.assert_allclose(
        sum(part.metrics["auxiliary_moments"] for part in parts), whole, rtol=1e-5
    )


def test_explained_share_of_mean_and_of_target():
    target = np.random.default_rng(0).normal(2.0, 1.5, (1000, 3))
    mean, square = target.mean(0), (target**2).mean(0)
    assert explained_share([np.zeros(3), mean, square]) == 1.0
    assert explained_share([target.var(0), mean, square]) == pytest.approx(0.0, abs=1e-9)
