"""Codebooks from data, by moving averages, and the restart of unused codes, by hand in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import CodebookWarmup, CodeStatistics, EmaCodebook, RestartUnusedCodes
from ada.extensions.anti_collapse.kmeans import kmeans
from ada.extensions.anti_collapse.warmup import make_codebook
from ada.quantizers import IdentityQuantizer, VectorQuantizer

SEED = np.array([0, 1], np.int32)
CODEBOOK = np.array([[0, 0], [4, 0], [0, 4], [9, 9]], np.float32)


def model_of(quantizer, part="all"):
    num_codes = quantizer.num_codes if quantizer is not None else 0
    return SimpleNamespace(quantizer=quantizer, num_codes=num_codes, trained_part=part)


class Training:
    """A quantiser of 4 codes whose codebook is CODEBOOK, and its hooks, as a trainer calls them."""

    def __init__(self, *hooks, quantizer=None, codebook=CODEBOOK):
        self.quantizer = quantizer or VectorQuantizer(4, 2)
        self.quantizer.build((None, None, self.quantizer.code_dim))
        self.quantizer.codebook.assign(codebook)
        self.hooks = hooks
        for hook in hooks:
            assert hook.applies_to(model_of(self.quantizer))
            hook.build(model_of(self.quantizer))

    def step(self, usage, q, codes, counted, seed=SEED):
        """Returns the mask of replaced rows."""
        replaced = np.zeros(len(usage), bool)
        for hook in self.hooks:
            found = hook.after_step(CodeStatistics(usage, q, codes, counted), seed)
            if found is not None:
                replaced |= found.numpy()
                for other in self.hooks:
                    other.follow(found)
        return replaced

    @property
    def codebook(self):
        return self.quantizer.codebook.numpy()


def batch(seed, codes):
    """The share of each code; queries near the vectors of codes; the codes; that all count."""
    codes = np.array(codes, np.int32)
    noise = np.random.default_rng(seed).normal(0.0, 0.3, (len(codes), 2))
    queries = (CODEBOOK[codes] + noise).astype(np.float32)
    usage = np.bincount(codes, minlength=4).astype(np.float32) / len(codes)
    return usage, queries, codes, np.ones(len(codes), np.float32)


@pytest.mark.parametrize("hook", [CodebookWarmup(3), CodebookWarmup(0, init_from_data=True)])
def test_until_there_is_a_codebook_queries_pass_unquantised(hook, queries):
    quantizer = VectorQuantizer(4, 3)
    quantizer.build((None, None, 3))
    hook.build(model_of(quantizer))
    queries = tf.constant(queries)
    with tf.GradientTape() as tape:
        tape.watch(queries)
        output = quantizer(queries)
        loss = tf.add_n(list(output.losses.values()))
    np.testing.assert_array_equal(output.quantized, queries)
    assert float(loss) == 0.0
    gradients = tape.gradient(loss, [queries, quantizer.codebook.value])
    assert all(not np.any(tf.convert_to_tensor(g)) for g in gradients)
    assert not quantizer.is_active


def test_codebook_is_made_from_data_and_used_from_then_on(queries):
    quantizer = VectorQuantizer(4, 3)
    quantizer.build((None, None, 3))
    CodebookWarmup(3).build(model_of(quantizer))
    points = np.random.default_rng(3).normal(size=(50, 3)).astype(np.float32)
    assert make_codebook(model_of(quantizer), points, seed=5) == [quantizer.codebook]
    np.testing.assert_array_equal(quantizer.codebook, kmeans(points, 4, seed=5))
    assert quantizer.is_active
    output = quantizer(queries)
    vectors = quantizer.codebook.numpy()[output.codes.numpy()]
    np.testing.assert_allclose(output.quantized, vectors, rtol=1e-6, atol=1e-6)
    assert float(output.losses["codebook"]) > 0.0


@pytest.mark.parametrize("hook", [CodebookWarmup(), EmaCodebook(), RestartUnusedCodes()])
def test_by_default_hooks_are_off(hook):
    assert not hook.applies_to(model_of(VectorQuantizer(4, 2)))


@pytest.mark.parametrize("hook", [CodebookWarmup(1), EmaCodebook(0.9), RestartUnusedCodes(3)])
def test_hooks_apply_where_a_codebook_is_trained(hook):
    assert hook.applies_to(model_of(VectorQuantizer(4, 2)))
    assert hook.applies_to(model_of(VectorQuantizer(4, 2), "bottleneck"))
    assert not hook.applies_to(model_of(VectorQuantizer(4, 2), "local_model"))
    assert not hook.applies_to(model_of(IdentityQuantizer(2)))
    assert not hook.applies_to(model_of(None))


def test_moving_averages_by_hand():
    decay = 0.9
    ema = EmaCodebook(decay)
    training = Training(ema)
    assert "codebook" not in training.quantizer(CODEBOOK[np.newaxis]).losses
    counts, sums = np.ones(4), CODEBOOK.astype(np.float64)
    for seed, chosen in enumerate([[0, 0, 1, 3], [2, 2, 2, 1], [0, 1, 1, 1]]):
        usage, queries, codes, counted = batch(seed, chosen)
        assert not training.step(usage, queries, codes, counted).any()
        one_hot = np.eye(4)[codes]
        counts = decay * counts + (1 - decay) * one_hot.sum(0)
        sums = decay * sums + (1 - decay) * one_hot.T @ queries
        total = counts.sum()
        smoothed = (counts + 1e-5) / (total + 4e-5) * total
        np.testing.assert_allclose(ema.counts, counts, rtol=1e-5)
        np.testing.assert_allclose(ema.sums, sums, rtol=1e-5, atol=1e-6)
        expected = sums / smoothed[:, np.newaxis]
        np.testing.assert_allclose(training.codebook, expected, rtol=1e-5, atol=1e-6)


def test_moving_averages_wait_for_a_codebook_and_start_from_it():
    ema = EmaCodebook(0.5)
    training = Training(CodebookWarmup(2), ema)
    training.step(*batch(0, [0, 1, 1]))
    np.testing.assert_allclose(training.codebook, CODEBOOK, rtol=1e-6)
    np.testing.assert_array_equal(ema.counts, np.ones(4))
    points = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    make_codebook(model_of(training.quantizer), points, seed=0)
    ema.follow(tf.ones([4], tf.bool))
    np.testing.assert_array_equal(ema.sums, training.codebook)
    np.testing.assert_array_equal(ema.counts, np.ones(4))


def test_unused_codes_become_queries_and_used_ones_stay():
    restarts = RestartUnusedCodes(2)
    training = Training(restarts)
    usage, queries, codes, counted = batch(0, [0, 0, 1])
    assert not training.step(usage, queries, codes, counted).any()
    np.testing.assert_array_equal(training.codebook, CODEBOOK)
    np.testing.assert_array_equal(restarts.uses, usage)

    usage, queries, codes, counted = batch(1, [0, 3, 0])
    replaced = training.step(usage, queries, codes, counted)
    np.testing.assert_array_equal(replaced, [False, False, True, False])
    np.testing.assert_array_equal(training.codebook[[0, 1, 3]], CODEBOOK[[0, 1, 3]])
    assert (training.codebook[2] == queries).all(-1).any()
    np.testing.assert_array_equal(restarts.uses, np.zeros(4))
    assert float(restarts.steps) == 0.0

    # The count starts again: nothing is due after one more step.
    assert not training.step(usage, queries, codes, counted).any()


def test_moving_averages_follow_a_restart():
    ema = EmaCodebook(0.9)
    training = Training(ema, RestartUnusedCodes(2))
    training.step(*batch(1, [0, 1, 1, 0]))
    usage, queries, codes, counted = batch(0, [0, 1, 1, 0])
    replaced = training.step(usage, queries, codes, counted)
    np.testing.assert_array_equal(replaced, [False, False, True, True])
    codebook = training.codebook
    for row in codebook[replaced]:
        assert (row == queries).all(-1).any()
    np.testing.assert_array_equal(ema.sums.numpy()[replaced], codebook[replaced])
    np.testing.assert_array_equal(ema.counts.numpy()[replaced], [1.0, 1.0])
    # Stale averages would pull a restarted row back.
    assert not training.step(*batch(1, [0, 1, 1, 0])).any()
    np.testing.assert_allclose(training.codebook[2:], codebook[2:], rtol=1e-4)


def test_nothing_is_restarted_during_the_warmup():
    restarts = RestartUnusedCodes(1)
    training = Training(CodebookWarmup(5), restarts)
    assert not training.step(*batch(0, [0, 0])).any()
    np.testing.assert_array_equal(training.codebook, CODEBOOK)
    assert float(restarts.steps) == 0.0


def test_restarts_are_a_function_of_the_seed():
    def restarted(seed):
        training = Training(RestartUnusedCodes(1))
        training.step(*batch(0, [0] * 64), np.array(seed, np.int32))
        return training.codebook

    np.testing.assert_array_equal(restarted([0, 1]), restarted([0, 1]))
    assert (restarted([0, 1]) != restarted([0, 2])).any()


def test_state_is_what_checkpoints_must_hold():
    training = Training(CodebookWarmup(1), EmaCodebook(0.9), RestartUnusedCodes(1))
    assert [sorted(hook.state) for hook in training.hooks] == [
        [],
        ["counts", "sums"],
        ["steps", "uses"],
    ]
    # Averaged over training steps (Polyak) like every other weight.
    assert [v.name for v in training.quantizer.trainable_variables] == ["codebook"]
    assert [v.name for v in training.quantizer.non_trainable_variables] == ["active"]


def test_padding_changes_nothing():
    found = []
    for padding in (0, 5):
        training = Training(EmaCodebook(0.9), RestartUnusedCodes(1))
        usage, queries, codes, counted = batch(0, [0, 1, 1])
        queries = np.concatenate([queries, np.full((padding, 2), 77.0, np.float32)])
        codes = np.concatenate([codes, np.full(padding, 3, np.int32)])
        counted = np.concatenate([counted, np.zeros(padding, np.float32)])
        training.step(usage, queries, codes, counted)
        found.append(training.codebook[:2])
        for code in training.codebook[2:]:
            assert (code == queries[:3]).all(-1).any()
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CodebookWarmup(-1), "CodebookWarmup.steps must be at least 0, got -1"),
        (lambda: EmaCodebook(1.0), r"EmaCodebook.decay must be in \[0, 1\), got 1.0"),
        (lambda: RestartUnusedCodes(-2), "RestartUnusedCodes.every must be at least 0, got -2"),
    ],
)
def test_impossible_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
