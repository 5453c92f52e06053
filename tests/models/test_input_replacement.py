"""Replacing teacher-forced inputs at random: how many, by what, and when."""

import numpy as np
import pytest
import tensorflow as tf

from ada.models.wavenet import replace_ids

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


def losses(model, ids, **kwargs):
    return float(model.compute_losses(tf.constant(ids), seeds=SEEDS, **kwargs).losses["nll"])


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(1).integers(0, 7, (3, 40))


def test_it_is_off_but_in_training(ids, make_wavenet):
    plain, replacing = make_wavenet(), make_wavenet(input_replacement=0.5)
    assert losses(replacing, ids) == losses(plain, ids)
    assert losses(plain, ids, training=True) == losses(plain, ids)
    assert losses(replacing, ids, training=True) != losses(plain, ids)


@pytest.mark.parametrize(
    ("steps", "step", "share"), [(0, 900, 0.5), (200, 0, 0.5), (200, 50, 0.375), (200, 200, 0.0)]
)
def test_inputs_are_replaced_and_targets_are_not(steps, step, share, ids, make_wavenet):
    """And the share falls linearly to zero over `input_replacement_steps`."""
    model = make_wavenet(input_replacement=0.5, input_replacement_steps=steps)
    inputs = replace_ids(ids, 7, share, SEEDS)
    log_prob = tf.nn.log_softmax(model(ids, inputs=inputs))
    expected = -np.take_along_axis(log_prob.numpy(), ids[..., np.newaxis], -1).mean()
    found = losses(model, ids, training=True, step=step)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_it_stays_off_after_its_last_step(ids, make_wavenet):
    model = make_wavenet(input_replacement=0.5, input_replacement_steps=200)
    assert losses(model, ids, training=True, step=5000) == losses(model, ids)


def test_it_needs_seeds(ids, make_wavenet):
    with pytest.raises(ValueError, match="seeds"):
        make_wavenet(input_replacement=0.5).compute_losses(ids, training=True)


def test_an_autoencoder_hands_it_on_to_its_local_model(ids, make_autoencoder):
    plain, replacing = make_autoencoder(), make_autoencoder(input_replacement=0.5)
    assert losses(replacing, ids) == losses(plain, ids)
    assert losses(replacing, ids, training=True) != losses(plain, ids)
