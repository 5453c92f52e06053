"""Codebooks from data, by running means, and the restart of dead codes, by hand in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from ada.quantizers import VectorQuantizer, kmeans

SEED = np.array([0, 1], np.int32)
CODEBOOK = np.array([[0, 0], [4, 0], [0, 4], [9, 9]], np.float32)


def make(**kwargs):
    """A quantiser of 4 codes whose codebook is CODEBOOK."""
    quantizer = VectorQuantizer(4, 2, **kwargs)
    quantizer.build((None, None, 2))
    quantizer.codebook.assign(CODEBOOK)
    if quantizer.ema_decay is not None:
        quantizer.ema_sums.assign(CODEBOOK)
    return quantizer


def batch(seed, codes):
    """The share of each code; queries near the vectors of codes; the codes; that all count."""
    codes = np.array(codes, np.int32)
    noise = np.random.default_rng(seed).normal(0.0, 0.3, (len(codes), 2))
    queries = (CODEBOOK[codes] + noise).astype(np.float32)
    usage = np.bincount(codes, minlength=4).astype(np.float32) / len(codes)
    return usage, queries, codes, np.ones(len(codes), np.float32)


@pytest.mark.parametrize("options", [{"warmup_steps": 3}, {"init_from_data": True}])
def test_until_there_is_a_codebook_queries_pass_unquantised(options, queries):
    quantizer = VectorQuantizer(4, 3, **options)
    queries = tf.constant(queries)
    with tf.GradientTape() as tape:
        tape.watch(queries)
        output = quantizer(queries)
        loss = tf.add_n(list(output.losses.values()))
    np.testing.assert_array_equal(output.quantized, queries)
    assert float(loss) == 0.0
    gradients = tape.gradient(loss, [queries, quantizer.codebook.value])
    assert all(not np.any(tf.convert_to_tensor(g)) for g in gradients)
    assert quantizer.wants_codebook


def test_the_codebook_is_made_from_data_and_used_from_then_on(queries):
    quantizer = VectorQuantizer(4, 3, warmup_steps=3)
    quantizer.build((None, None, 3))
    points = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    quantizer.init_codebook(tf.constant(points), seed=5)
    np.testing.assert_array_equal(quantizer.codebook, kmeans(points, 4, seed=5))
    assert not quantizer.wants_codebook
    output = quantizer(queries)
    vectors = quantizer.codebook.numpy()[output.codes.numpy()]
    np.testing.assert_allclose(output.quantized, vectors, rtol=1e-6, atol=1e-6)
    assert float(output.losses["codebook"]) > 0.0


def test_by_default_there_is_nothing_to_make_and_nothing_to_update():
    quantizer = make()
    assert not quantizer.wants_codebook
    assert not quantizer.needs_update
    assert quantizer.update_state(*batch(0, [0, 1]), SEED) is None
    np.testing.assert_array_equal(quantizer.codebook, CODEBOOK)


def test_running_means_by_hand():
    decay = 0.9
    quantizer = make(ema_decay=decay)
    assert not quantizer.trainable_variables
    assert "codebook" not in quantizer(CODEBOOK[np.newaxis]).losses
    assert quantizer.needs_update
    counts, sums = np.ones(4), CODEBOOK.astype(np.float64)
    for seed, chosen in enumerate([[0, 0, 1, 3], [2, 2, 2, 1], [0, 1, 1, 1]]):
        usage, queries, codes, counted = batch(seed, chosen)
        assert quantizer.update_state(usage, queries, codes, counted, SEED) is None
        one_hot = np.eye(4)[codes]
        counts = decay * counts + (1 - decay) * one_hot.sum(0)
        sums = decay * sums + (1 - decay) * one_hot.T @ queries
        total = counts.sum()
        smoothed = (counts + 1e-5) / (total + 4e-5) * total
        np.testing.assert_allclose(quantizer.ema_counts, counts, rtol=1e-5)
        np.testing.assert_allclose(quantizer.ema_sums, sums, rtol=1e-5, atol=1e-6)
        expected = sums / smoothed[:, np.newaxis]
        np.testing.assert_allclose(quantizer.codebook, expected, rtol=1e-5, atol=1e-6)


def test_running_means_wait_for_a_codebook_and_start_from_it():
    quantizer = make(ema_decay=0.5, warmup_steps=2)
    quantizer.update_state(*batch(0, [0, 1, 1]), SEED)
    np.testing.assert_allclose(quantizer.codebook, CODEBOOK, rtol=1e-6)
    np.testing.assert_array_equal(quantizer.ema_counts, np.ones(4))
    quantizer.init_codebook(np.random.default_rng(0).normal(size=(40, 2)), seed=0)
    np.testing.assert_array_equal(quantizer.ema_sums, quantizer.codebook)
    np.testing.assert_array_equal(quantizer.ema_counts, np.ones(4))


def test_dead_codes_become_queries_and_living_ones_stay():
    quantizer = make(restart_every=2)
    usage, queries, codes, counted = batch(0, [0, 0, 1])
    assert not np.any(quantizer.update_state(usage, queries, codes, counted, SEED))
    np.testing.assert_array_equal(quantizer.codebook, CODEBOOK)
    np.testing.assert_array_equal(quantizer.uses, usage)

    usage, queries, codes, counted = batch(1, [0, 3, 0])
    replaced = quantizer.update_state(usage, queries, codes, counted, SEED)
    np.testing.assert_array_equal(replaced, [False, False, True, False])
    codebook = quantizer.codebook.numpy()
    np.testing.assert_array_equal(codebook[[0, 1, 3]], CODEBOOK[[0, 1, 3]])
    assert (codebook[2] == queries).all(-1).any()
    np.testing.assert_array_equal(quantizer.uses, np.zeros(4))
    assert float(quantizer.steps) == 0.0

    # The count starts again: nothing is due after one more step.
    assert not np.any(quantizer.update_state(usage, queries, codes, counted, SEED))


def test_a_restart_takes_its_running_means_along():
    quantizer = make(restart_every=2, ema_decay=0.9)
    quantizer.update_state(*batch(1, [0, 1, 1, 0]), SEED)
    usage, queries, codes, counted = batch(0, [0, 1, 1, 0])
    replaced = quantizer.update_state(usage, queries, codes, counted, SEED).numpy()
    np.testing.assert_array_equal(replaced, [False, False, True, True])
    codebook, sums = quantizer.codebook.numpy(), quantizer.ema_sums.numpy()
    for row in codebook[replaced]:
        assert (row == queries).all(-1).any()
    np.testing.assert_array_equal(sums[replaced], codebook[replaced])
    np.testing.assert_array_equal(quantizer.ema_counts.numpy()[replaced], [1.0, 1.0])
    # Stale averages would pull a restarted row back.
    assert not np.any(quantizer.update_state(*batch(1, [0, 1, 1, 0]), SEED))
    np.testing.assert_allclose(quantizer.codebook[2:], codebook[2:], rtol=1e-4)


def test_nothing_is_restarted_during_the_warm_up():
    quantizer = make(restart_every=1, warmup_steps=5)
    assert not np.any(quantizer.update_state(*batch(0, [0, 0]), SEED))
    np.testing.assert_array_equal(quantizer.codebook, CODEBOOK)
    assert float(quantizer.steps) == 0.0


def test_restarts_are_a_function_of_the_seed():
    def restarted(seed):
        quantizer = make(restart_every=1)
        quantizer.update_state(*batch(0, [0] * 64), np.array(seed, np.int32))
        return quantizer.codebook.numpy()

    np.testing.assert_array_equal(restarted([0, 1]), restarted([0, 1]))
    assert (restarted([0, 1]) != restarted([0, 2])).any()


def test_no_state_is_moved_by_gradients():
    quantizer = make(restart_every=1, ema_decay=0.9, warmup_steps=1)
    names = {variable.name for variable in quantizer.non_trainable_variables}
    assert names == {"codebook", "active", "uses", "steps", "ema_counts", "ema_sums"}
    assert [v.name for v in make(restart_every=1).trainable_variables] == ["codebook"]


def test_what_stands_for_padding_alone_changes_nothing():
    found = []
    for padding in (0, 5):
        quantizer = make(restart_every=1, ema_decay=0.9)
        usage, queries, codes, counted = batch(0, [0, 1, 1])
        queries = np.concatenate([queries, np.full((padding, 2), 77.0, np.float32)])
        codes = np.concatenate([codes, np.full(padding, 3, np.int32)])
        counted = np.concatenate([counted, np.zeros(padding, np.float32)])
        quantizer.update_state(usage, queries, codes, counted, SEED)
        found.append(quantizer.codebook.numpy()[:2])
        for code in quantizer.codebook.numpy()[2:]:
            assert (code == queries[:3]).all(-1).any()
    np.testing.assert_array_equal(*found)
