"""Dead codes and their age: known answers, and what the step counts."""

import numpy as np
import pytest
import tensorflow as tf

from ada.training import launch
from ada.training.code_use import DECAY, WINDOW_STEPS, CodeUse, health

# Code 0 is used in every step, 1 in the first alone, 2 every 50th step, 3 never.
FORCED = [np.array([1, step == 1, step % 50 == 0, 0], np.float32) for step in range(1, 251)]


@pytest.fixture
def use():
    use = CodeUse(4)
    for step, used in enumerate(FORCED, start=1):
        use.update(tf.constant(used / used.sum()), step)
    return use


def test_ages_by_hand(use):
    np.testing.assert_array_equal(use.ages(250), [0, 249, 0, 250])
    np.testing.assert_array_equal(use.ages(253), [3, 252, 3, 253])


def test_health_by_hand(use):
    found = health(use, 250)
    assert found["dead_codes"] == 2
    assert found["dead_age_mean"] == 249.5
    assert found["dead_age_max"] == 250
    assert found["restarts"] == 0
    assert found["used_codes"] == 2  # what is left of the one use of code 1 is too little
    assert found["used_share"] == 0.5
    share = np.zeros(4)
    for used in FORCED:
        share = DECAY * share + (1.0 - DECAY) * used / used.sum()
    share /= share.sum()
    entropy = -sum(p * np.log(p) for p in share if p > 0)
    assert found["perplexity"] == pytest.approx(np.exp(entropy), rel=1e-5)


def test_a_code_dies_when_the_window_is_full_and_lives_by_one_use():
    use = CodeUse(2)
    for step in range(1, WINDOW_STEPS + 1):
        found = health(use, step - 1)
        assert found.get("dead_codes", 0) == 0
        use.update(tf.constant([1.0, 0.0]), step)
    found = health(use, WINDOW_STEPS)
    assert (found["dead_codes"], found["dead_age_max"]) == (1, WINDOW_STEPS)
    use.update(tf.constant([0.99, 0.01]), WINDOW_STEPS + 1)
    found = health(use, WINDOW_STEPS + 1)
    assert (found["dead_codes"], found["dead_age_mean"], found["dead_age_max"]) == (0, 0.0, 0)


def test_a_new_codebook_is_as_old_as_it_is(use):
    use.count_restarts(tf.constant([True, False, True, False]))
    assert health(use, 250)["restarts"] == 2
    use.reset(250)
    np.testing.assert_array_equal(use.ages(260), [10] * 4)
    assert health(use, 260) == {}
    use.update(tf.constant([0.5, 0.5, 0.0, 0.0]), 261)
    np.testing.assert_array_equal(use.ages(261), [0, 0, 11, 11])
    assert health(use, 261)["restarts"] == 0


def test_the_step_counts_what_it_used(settings):
    trainer = launch.make_trainer(settings)
    # As if there were a codebook, of which some codes are far away from all queries.
    trainer.quantizer.active.assign(1.0)
    codebook = np.random.default_rng(0).normal(0.0, 0.1, (8, 4)).astype(np.float32)
    codebook[[2, 5]] = 1e3
    trainer.quantizer.codebook.assign(codebook)
    rng = np.random.default_rng(0)
    expected, restarted = np.zeros(8, np.int64), 0
    for step in range(1, 9):
        ids = rng.integers(0, 4, (4, 64)).astype(np.int32)
        before = trainer.quantizer.codebook.numpy()
        weights = np.full(ids.shape, 1.0 / ids.size, np.float32)
        result = trainer.train_step({"ids": tf.constant(ids), "weights": tf.constant(weights)})
        expected[result.metrics["usage"].numpy() > 0.0] = step
        # A gradient step moves a code by 1e-2 at most.
        moved = np.abs(trainer.quantizer.codebook.numpy() - before).max(-1)
        restarted += np.count_nonzero(moved > 0.05)
        assert step > 1 or set(np.flatnonzero(expected == 0)) >= {2, 5}
    np.testing.assert_array_equal(trainer.code_use.last_used.numpy(), expected)
    assert int(trainer.code_use.restarts) == restarted >= 2


def test_models_without_codes_have_nothing_to_tell():
    assert health(CodeUse(0), 5) == {}
