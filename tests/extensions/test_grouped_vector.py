"""Residual codebooks over groups of steps, against closed forms in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import (
    CodeStatistics,
    EmaCodebook,
    GroupedVectorQuantizer,
    RestartUnusedCodes,
)
from ada.extensions.anti_collapse.warmup import make_codebook
from ada.quantizers import VectorQuantizer

ALPHA, BETA = 1.7, 0.3
GROUP, CODES, DIM = 2, 8, 3


@pytest.fixture
def quantizer(randomize):
    quantizer = GroupedVectorQuantizer(CODES, DIM, GROUP, ALPHA, BETA)
    quantizer.build((None, None, DIM))
    return randomize(quantizer, scale=1.0)


def residual_quantised(queries, codebook, group=GROUP):
    """Codes, residuals and their vectors `[batch, steps, ...]`, group by group, by brute force."""
    codebooks = np.split(codebook, group)
    codes, residuals, vectors = [], [], []
    for row in queries:
        for first in range(0, len(row), group):
            left = row[first : first + group].mean(0)
            for place, book in enumerate(codebooks):
                nearest = ((left - book) ** 2).sum(-1).argmin()
                codes.append(nearest + place * len(book))
                residuals.append(left)
                vectors.append(book[nearest])
                left = left - book[nearest]
    shape = queries.shape[:2]
    return (
        np.reshape(codes, shape),
        np.reshape(residuals, queries.shape),
        np.reshape(vectors, queries.shape),
    )


def sums(vectors, group=GROUP):
    """The sum of each group's vectors at all of its steps."""
    batch, steps, dim = vectors.shape
    totals = vectors.reshape(batch, steps // group, group, dim).sum(2)
    return np.repeat(totals, group, axis=1)


def test_codes_are_those_of_residuals_of_group_means(quantizer, queries):
    output = quantizer(queries)
    codes, _, vectors = residual_quantised(queries, quantizer.codebook.numpy())
    np.testing.assert_array_equal(output.codes, codes)
    np.testing.assert_allclose(output.quantized, sums(vectors), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(quantizer.codes_to_quantized(output.codes), output.quantized, 1e-5)
    # A code tells its place in the group.
    np.testing.assert_array_equal(codes // (CODES // GROUP), [[0, 1, 0, 1]] * 2)


def test_losses_are_the_slides_of_residuals(quantizer, queries, weights):
    given, shares = weights
    queries = tf.constant(queries)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(queries)
        losses = quantizer(queries, given).losses
    _, residuals, vectors = residual_quantised(queries.numpy(), quantizer.codebook.numpy())
    square = (shares * ((vectors - residuals) ** 2).sum(-1)).sum()
    np.testing.assert_allclose(losses["codebook"], ALPHA * square, rtol=1e-5)
    np.testing.assert_allclose(losses["commitment"], BETA * square, rtol=1e-5)
    codebook = quantizer.codebook.value
    assert tape.gradient(losses["codebook"], queries) is None
    assert tape.gradient(losses["commitment"], codebook) is None
    # d/dq of beta w |r_g - e_g|^2, through the mean over the group.
    by_residual = 2 * BETA * shares[..., np.newaxis] * (residuals - vectors)
    found = tape.gradient(losses["commitment"], queries)
    np.testing.assert_allclose(found, sums(by_residual) / GROUP, rtol=1e-4, atol=1e-6)


def test_gradient_goes_straight_through_to_the_group_mean(quantizer, queries):
    queries = tf.constant(queries[:1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(queries)
        quantized = quantizer(queries).quantized
    jacobian = tape.jacobian(quantized, queries, experimental_use_pfor=False)
    same_group = np.kron(np.eye(2), np.full((2, 2), 0.5))
    expected = np.einsum("tu,ij->tiuj", same_group, np.eye(DIM))[np.newaxis, :, :, np.newaxis]
    np.testing.assert_allclose(jacobian, expected, atol=1e-6)


def test_one_step_groups_are_the_plain_quantizer(queries, randomize):
    grouped, plain = (
        GroupedVectorQuantizer(6, DIM, 1, ALPHA, BETA),
        VectorQuantizer(6, DIM, ALPHA, BETA),
    )
    for quantizer in (grouped, plain):
        quantizer.build((None, None, DIM))
        randomize(quantizer, scale=1.0)
    one, other = grouped(queries), plain(queries)
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_allclose(one.quantized, other.quantized, rtol=1e-6)
    for name, value in other.losses.items():
        np.testing.assert_allclose(one.losses[name], value, rtol=1e-6)


def test_unfinished_group_is_quantised_as_far_as_it_goes(quantizer):
    queries = np.random.default_rng(4).normal(size=(2, 5, DIM)).astype(np.float32)
    output = quantizer(queries)
    assert output.codes.shape == (2, 5)
    np.testing.assert_allclose(quantizer.codes_to_quantized(output.codes), output.quantized, 1e-5)
    first = quantizer.codebook.numpy()[output.codes.numpy()[:, 4]]
    np.testing.assert_allclose(output.quantized[:, 4], first, rtol=1e-5)
    # The groups before are what they are without it.
    np.testing.assert_array_equal(output.codes[:, :4], quantizer(queries[:, :4]).codes)


def test_codebooks_from_data_quantise_what_is_left():
    """Two centres, each with two offsets: residual k-means finds both, and no error is left."""
    rng = np.random.default_rng(0)
    centres = np.array([[10.0, 0.0, 5.0], [-10.0, 4.0, 0.0]])
    offsets = np.array([[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0]])
    points = (centres[:, np.newaxis] + offsets).reshape(-1, DIM)[rng.integers(0, 4, 2048)]
    queries = np.repeat(points.astype(np.float32), GROUP, axis=0)
    quantizer = GroupedVectorQuantizer(4, DIM, GROUP)
    quantizer.build((None, None, DIM))
    make_codebook(SimpleNamespace(quantizer=quantizer), queries, seed=1)
    error = quantizer(queries[np.newaxis]).metrics["quantization_error"]
    assert error < 0.01


def test_moving_averages_follow_residuals_of_their_own_place():
    quantizer = GroupedVectorQuantizer(CODES, DIM, GROUP)
    quantizer.build((None, None, DIM))
    rng = np.random.default_rng(5)
    quantizer.codebook.assign(rng.normal(size=(CODES, DIM)))
    ema = EmaCodebook(0.9)
    ema.build(SimpleNamespace(quantizer=quantizer))
    queries = rng.normal(size=(6, DIM)).astype(np.float32)
    counted = np.array([1, 1, 1, 1, 1, 0], np.float32)
    codes, residuals, _ = residual_quantised(queries[np.newaxis], quantizer.codebook.numpy())
    codes, residuals = codes[0], residuals[0]
    counts, totals = np.ones(CODES), quantizer.codebook.numpy().astype(float)
    # The last group is partly padding.
    hits, moved = np.zeros(CODES), np.zeros((CODES, DIM))
    for code, residual in zip(codes[:4], residuals[:4], strict=True):
        hits[code] += 1
        moved[code] += residual
    counts, totals = 0.9 * counts + 0.1 * hits, 0.9 * totals + 0.1 * moved
    usage = tf.zeros([CODES])
    q = quantizer.look_up(queries[np.newaxis]).q[0]
    ema.after_step(CodeStatistics(usage, q, tf.constant(codes), tf.constant(counted)), [0, 0])
    np.testing.assert_allclose(ema.counts, counts, rtol=1e-5)
    np.testing.assert_allclose(quantizer.codebook, totals / counts[:, np.newaxis], rtol=1e-3)


def test_unused_codes_become_residuals_of_their_own_place():
    quantizer = GroupedVectorQuantizer(CODES, DIM, GROUP)
    quantizer.build((None, None, DIM))
    restarts = RestartUnusedCodes(1)
    restarts.build(SimpleNamespace(quantizer=quantizer))
    quantizer.codebook.assign(np.zeros((CODES, DIM)))
    queries = np.random.default_rng(6).normal(size=(16, DIM)).astype(np.float32)
    codes, residuals, _ = residual_quantised(queries[np.newaxis], np.zeros((CODES, DIM)))
    usage = np.zeros(CODES, np.float32)
    usage[codes[0]] = 0.5
    q = quantizer.look_up(queries[np.newaxis]).q[0]
    found = CodeStatistics(tf.constant(usage), q, tf.constant(codes[0]), tf.ones([16]))
    replaced = restarts.after_step(found, [1, 2]).numpy()
    np.testing.assert_array_equal(replaced, usage == 0.0)
    for code in np.flatnonzero(replaced):
        place = code // (CODES // GROUP)
        distances = np.abs(residuals[0, place::GROUP] - quantizer.codebook.numpy()[code]).sum(-1)
        assert distances.min() < 1e-6


@pytest.mark.parametrize(("codes", "group"), [(9, 2), (2, 2), (8, 0)])
def test_codes_that_do_not_divide_are_refused(codes, group):
    with pytest.raises(ValueError, match=f"num_codes {codes} must be a multiple"):
        GroupedVectorQuantizer(codes, DIM, group)
