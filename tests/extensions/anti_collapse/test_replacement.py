"""Replacing teacher-forced inputs at random: how many, by what, and when."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import ReplaceInputs
from ada.extensions.anti_collapse.replacement import replace_ids

OLD = 1000  # no class, so that every replaced id shows
SEEDS = np.array([[1, 2], [3, 4], [5, 6]], np.int32)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_the_right_share_is_replaced_by_uniform_ids(share):
    ids = np.full((3, 20000), OLD)
    new = replace_ids(ids, 5, share, SEEDS).numpy()
    replaced = new[new != OLD]
    deviation = np.sqrt(share * (1 - share) / ids.size)
    assert abs(len(replaced) / ids.size - share) <= 4 * deviation
    if share:
        counts = np.bincount(replaced, minlength=5)
        assert len(counts) == 5
        expected = len(replaced) / 5
        # Chi-square of 4 degrees of freedom: above 23.5 once in 10,000.
        assert ((counts - expected) ** 2 / expected).sum() < 23.5


def test_a_row_depends_on_its_own_seed_alone():
    ids = np.full((3, 50), OLD)
    new = replace_ids(ids, 5, 0.5, SEEDS).numpy()
    for row in range(3):
        alone = replace_ids(ids[row : row + 1], 5, 0.5, SEEDS[row : row + 1])
        np.testing.assert_array_equal(alone[0], new[row])
    assert (new[0] != new[1]).any()


@pytest.mark.parametrize(
    ("steps", "step", "share"),
    [(0, 900, 0.5), (200, 0, 0.5), (200, 50, 0.375), (200, 200, 0.0), (200, 5000, 0.0)],
)
def test_share_falls_linearly_to_zero(steps, step, share):
    ids = np.full((3, 50), OLD)
    found = ReplaceInputs(0.5, steps).inputs(ids, 7, SEEDS, step)
    np.testing.assert_array_equal(found, replace_ids(ids, 7, share, SEEDS))


def test_inputs_are_replaced_and_targets_are_not(make_wavenet):
    ids = np.random.default_rng(1).integers(0, 7, (3, 40))
    model, inputs = make_wavenet(), replace_ids(ids, 7, 0.5, SEEDS)
    log_prob = tf.nn.log_softmax(model(ids, inputs=inputs))
    expected = -np.take_along_axis(log_prob.numpy(), ids[..., np.newaxis], -1).mean()
    found = float(model.compute_losses(tf.constant(ids), inputs=inputs).losses["nll"])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_autoencoder_hands_them_on_to_its_local_model_alone(make_autoencoder):
    ids = np.random.default_rng(1).integers(0, 7, (3, 40))
    model, inputs = make_autoencoder(), replace_ids(ids, 7, 0.5, SEEDS)
    plain = model.compute_losses(tf.constant(ids))
    replaced = model.compute_losses(tf.constant(ids), inputs=inputs)
    assert float(replaced.losses["nll"]) != float(plain.losses["nll"])
    np.testing.assert_array_equal(replaced.codes, plain.codes)


def test_replacement_applies_to_autoencoders_alone(make_wavenet, make_autoencoder):
    assert ReplaceInputs(0.1).applies_to(make_autoencoder())
    assert not ReplaceInputs(0.0).applies_to(make_autoencoder())
    assert not ReplaceInputs(0.1).applies_to(make_wavenet())


@pytest.mark.parametrize("share", [1.0, -0.1])
def test_impossible_shares_are_refused(share):
    with pytest.raises(ValueError, match=f"got {share}"):
        ReplaceInputs(share)
