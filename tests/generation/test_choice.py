"""Choosing an id: the right frequencies, the right sets, and nothing impossible."""

import numpy as np
import pytest
import tensorflow as tf

from ada.generation import choose, uniforms
from ada.generation.choice import restrict

LARGEST = np.float32(1.0 - 2.0**-24)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True), dtype=np.float64)
    return exponentials / exponentials.sum(-1, keepdims=True)


def test_known_answers():
    logits = np.log(np.array([[0.25, 0.5, 0.25]], np.float32))
    for uniform, expected in [(0.0, 0), (0.2, 0), (0.3, 1), (0.7, 1), (0.8, 2), (LARGEST, 2)]:
        found = choose(logits, np.array([uniform], np.float32), 1.0)
        assert found.dtype == tf.int32
        assert found.numpy().tolist() == [expected]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_evenly_spread_numbers_give_the_exact_frequencies(temperature):
    logits = np.random.default_rng(0).normal(0.0, 2.0, 9).astype(np.float32)
    batch_size = 2000
    uniform = ((np.arange(batch_size) + 0.5) / batch_size).astype(np.float32)
    drawn = choose(np.tile(logits, (batch_size, 1)), uniform, temperature)
    expected = batch_size * softmax(logits / temperature)
    assert np.abs(np.bincount(drawn, minlength=9) - expected).max() <= 1.01


def test_random_numbers_give_the_frequencies_of_softmax():
    logits = np.random.default_rng(0).normal(0.0, 1.0, 9).astype(np.float32)
    batch_size = 20000
    drawn = choose(np.tile(logits, (batch_size, 1)), uniforms(1, 0, 0, 0, batch_size), 1.0)
    expected = batch_size * softmax(logits)
    statistic = ((np.bincount(drawn, minlength=9) - expected) ** 2 / expected).sum()
    # Chi-square of 8 degrees of freedom: above 31.8 once in 10,000.
    assert statistic < 31.8


@pytest.mark.parametrize("temperature", [0.0, 1e-4])
def test_without_temperature_the_likeliest_wins(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(500, 9)).astype(np.float32)
    top = np.sort(logits)[:, -2:]
    assert (top[:, 1] - top[:, 0]).min() > 1e-3
    drawn = choose(logits, rng.uniform(size=500).astype(np.float32), temperature)
    np.testing.assert_array_equal(drawn, logits.argmax(-1))


def kept_by_top_k(logits, k):
    return [set(np.argsort(-row)[:k]) for row in logits]


def kept_by_top_p(logits, p):
    """The likeliest ids one by one, until their probability reaches p."""
    sets = []
    for row in softmax(logits):
        chosen, total = set(), 0.0
        for i in np.argsort(-row):
            if chosen and total >= p:
                break
            chosen.add(i)
            total += row[i]
        sets.append(chosen)
    return sets


def kept(logits, **kwargs):
    restricted = restrict(tf.constant(logits), **kwargs).numpy()
    finite = np.isfinite(restricted)
    np.testing.assert_array_equal(restricted[finite], logits[finite])
    return [set(np.flatnonzero(row)) for row in finite]


@pytest.fixture(scope="module")
def logits():
    return np.random.default_rng(0).normal(0.0, 2.0, (200, 12)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 2, 7, 12, 50])
def test_top_k_keeps_exactly_the_k_likeliest(k, logits):
    assert kept(logits, top_k=k) == kept_by_top_k(logits, k)


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.3, 0.7, 0.99])
def test_top_p_keeps_exactly_the_smallest_set_that_reaches_p(p, logits):
    assert kept(logits, top_p=p) == kept_by_top_p(logits, p)


def test_top_k_and_top_p_together_keep_what_both_keep(logits):
    both = [
        a & b for a, b in zip(kept_by_top_k(logits, 4), kept_by_top_p(logits, 0.8), strict=True)
    ]
    assert kept(logits, top_k=4, top_p=0.8) == both
    assert {len(chosen) for chosen in both} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 1}, {1}),
        ({"top_k": 2}, {1, 3}),
        ({"top_k": 4}, {0, 1, 3, 4}),
        ({"top_k": 9}, {0, 1, 2, 3, 4, 5}),
        ({"top_p": 0.4}, {1, 3}),
        ({"top_p": 0.6}, {1, 3, 4}),
        ({"top_p": 0.8}, {0, 1, 3, 4}),
        ({"top_k": 3, "top_p": 0.8}, {1, 3, 4}),
    ],
)
def test_of_equal_ids_the_first_are_kept(options, expected):
    """Three ids of probability 1/4 and three of 1/12."""
    logits = np.log(np.array([[1, 3, 1, 3, 3, 1]], np.float32))
    assert kept(logits, **options) == [expected]


def test_by_default_everything_is_kept(logits):
    assert kept(logits) == [set(range(12))] * 200


@pytest.mark.parametrize("options", [{"top_k": 3}, {"top_p": 0.6}])
def test_restrictions_apply_after_the_temperature(options, logits):
    allowed = kept(logits / np.float32(4.0), **options)
    for uniform in (0.0, 0.5, LARGEST):
        drawn = choose(logits, np.full(200, uniform, np.float32), 4.0, **options).numpy()
        assert all(i in ids for i, ids in zip(drawn, allowed, strict=True))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("num_classes", [5, 512])
def test_an_impossible_id_is_never_drawn(num_classes, jit_compile):
    """Whatever rounding does to a running sum; XLA's of 512 classes is not even monotonic."""
    compiled = tf.function(choose, jit_compile=jit_compile, autograph=False)
    rng = np.random.default_rng(0)
    batch_size = 1024
    for uniform in (0.0, 0.5, 1.0 - 2.0**-22, 1.0 - 2.0**-23, LARGEST):
        for _ in range(6):
            logits = rng.normal(0.0, 3.0, (batch_size, num_classes)).astype(np.float32)
            possible = rng.uniform(size=logits.shape) < rng.uniform(0.1, 0.9)
            possible[:, 2] = True
            logits[~possible] = -np.inf
            drawn = compiled(logits, tf.fill([batch_size], np.float32(uniform)), tf.constant(1.0))
            assert possible[np.arange(batch_size), drawn].all()


def test_random_numbers_are_a_pure_function_of_their_names():
    names = [
        {"seed": seed, "item": item, "level": level, "block": block}
        for seed in (0, 1, -1)
        for item in (0, 1)
        for level in (0, 1)
        for block in (0, 1)
    ]
    drawn = [uniforms(**name, steps=50).numpy() for name in names]
    for name, numbers in zip(names, drawn, strict=True):
        np.testing.assert_array_equal(uniforms(**name, steps=50), numbers)
        assert (numbers >= 0.0).all()
        assert (numbers < 1.0).all()
    assert len({numbers.tobytes() for numbers in drawn}) == len(names)
    # Not even a single number in common, as there would be if blocks overlapped.
    assert len(np.unique(drawn)) == 50 * len(names)


def test_random_numbers_are_the_same_in_a_graph():
    """Over the whole range of seeds, clips and blocks: an export generates what Python does."""
    compiled = tf.function(uniforms, autograph=False)
    for seed in (0, 2**40 + 5, 2**63 - 1, -1, -(2**63)):
        for item, level, block in [(0, 0, 0), (2**31 - 1, 3, 2**40)]:
            numbers = (tf.constant(n, tf.int64) for n in (seed, item))
            found = compiled(*numbers, level, tf.constant(block, tf.int64), 517)
            np.testing.assert_array_equal(found, uniforms(seed, item, level, block, 517))
