"""The kernel in C: there where it can be, the same as XLA's loop, and safe."""

import shutil
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from ada.generation import BlockSampler, Level, SamplingConfig, generate_level, native, streaming
from ada.generation.native import NativeSampler
from ada.models import WaveNet
from ada.utils.errors import UserError

BLOCK, CLASSES = 32, 40


def test_native_backend_is_there_where_there_is_a_compiler():
    assert native.AVAILABLE or not shutil.which("cc")


pytestmark = pytest.mark.skipif(
    not native.AVAILABLE and not shutil.which("cc"), reason="no compiler"
)


@pytest.fixture(scope="module", params=[(6, 16), (64, 128), (20, 72)], ids=str)
def model(request, randomize):
    """Widths of less than a vector, of whole blocks of vectors, and of neither."""
    residual, skip = request.param
    model = WaveNet(CLASSES, 2, 3, 2, residual, skip, 5)
    model.build()
    return randomize(model, scale=0.2)


def inputs(batch_size, codes=8):
    rng = np.random.default_rng(batch_size)
    conditioning = rng.normal(size=(batch_size, codes, 5)).astype(np.float32)
    return rng.uniform(size=(batch_size, BLOCK)).astype(np.float32), conditioning


def blocks(sampler, uniforms, conditioning, number=3):
    """A number of blocks, all from the same numbers; ids and log-probabilities of each."""
    state, results = sampler.initial_state(), []
    for _ in range(number):
        state, ids, log_probs = sampler(state, uniforms, 0.9, conditioning)
        results.append((np.array(ids), np.array(log_probs)))
    return [np.concatenate(part, 1) for part in zip(*results, strict=True)]


@pytest.mark.parametrize("batch_size", [1, 3, 4, 9])
def test_the_same_numbers_draw_what_the_graph_draws(model, batch_size):
    uniforms, conditioning = inputs(batch_size)
    given = {"top_k": 30, "top_p": 0.95}
    ids, log_probs = blocks(
        NativeSampler(model, batch_size, BLOCK, **given), uniforms, conditioning
    )
    graph = BlockSampler(model, batch_size, BLOCK, **given, jit_compile=False)
    expected_ids, expected = blocks(graph, uniforms, conditioning)
    # Numbers on the edge between two ids are rare: none of these is.
    np.testing.assert_array_equal(ids, expected_ids)
    assert np.abs(log_probs - expected).max() < 1e-4


def test_a_sequence_is_the_same_whatever_is_beside_it(model):
    """Bit for bit, alone or in a batch of nine."""
    uniforms, conditioning = inputs(9)
    ids, log_probs = blocks(NativeSampler(model, 9, BLOCK), uniforms, conditioning)
    for row in range(9):
        one = slice(row, row + 1)
        alone = blocks(NativeSampler(model, 1, BLOCK), uniforms[one], conditioning[one])
        np.testing.assert_array_equal(alone[0], ids[one])
        np.testing.assert_array_equal(alone[1], log_probs[one])


def drawn(model, batch_size, num_items, **given):
    made = Level(model, SamplingConfig(3), batch_size=batch_size, backend="native")
    return generate_level(made, num_items, 40, **given)


def test_the_batch_size_means_nothing(make_wavenet):
    one, many = (drawn(make_wavenet(), batch_size, 5) for batch_size in (1, 4))
    for alone, together in zip(one, many, strict=True):
        np.testing.assert_array_equal(alone, together)


def test_groups_on_many_threads_draw_what_one_draws(make_autoencoder, monkeypatch):
    monkeypatch.setattr(streaming.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(native.np, "ravel", lambda x: time.sleep(1e-4) or np.asarray(x).reshape(-1))
    codes = np.random.default_rng(0).integers(0, 8, (64, 10)).astype(np.int32)
    many, one = (drawn(make_autoencoder(), batch_size, 64, codes=codes) for batch_size in (1, 64))
    for alone, together in zip(many, one, strict=True):
        np.testing.assert_array_equal(alone, together)


@pytest.fixture(scope="module")
def wide(randomize):
    """Widths that bfloat16 weights take: pairs of vectors, more than one."""
    model = WaveNet(64, 2, 3, 2, 96, 160, 5)
    model.build()
    return randomize(model, scale=0.1)


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_bfloat16_weights_are_rounded_and_no_more(batch_size, wide):
    """Bit for bit what float32 weights give that are rounded already."""
    uniforms, conditioning = inputs(batch_size)
    half = blocks(NativeSampler(wide, batch_size, BLOCK, half=True), uniforms, conditioning)
    rounded = keras.models.clone_model(wide)
    rounded.build()
    for weight, other in zip(wide.weights, rounded.weights, strict=True):
        # Matrices of the loop: neither the table, nor biases, nor what acts once a code.
        is_matrix = len(weight.shape) > 1 and "table" not in weight.path
        is_matrix &= "condition" not in weight.path
        value = tf.cast(tf.cast(weight, tf.bfloat16), tf.float32) if is_matrix else weight
        other.assign(value)
    full = blocks(NativeSampler(rounded, batch_size, BLOCK), uniforms, conditioning)
    for ours, expected in zip(half, full, strict=True):
        np.testing.assert_array_equal(ours, expected)
    exact = blocks(NativeSampler(wide, batch_size, BLOCK), uniforms, conditioning)
    assert (exact[1] != half[1]).any()


def test_cost_of_bfloat16_weights_is_measured(wide, make_wavenet):
    """In bits, on the first block, by the model itself."""
    plain = WaveNet(64, 2, 3, 2, 96, 160)
    plain.build()
    made = Level(plain, SamplingConfig(3), batch_size=2, weights="bfloat16")
    assert made.rounding_bits is None
    known = [np.arange(5), np.arange(7)]
    ids, log_probs = generate_level(made, 2, 100, prefixes=known)
    difference = log_probs - plain.log_prob(ids)
    expected = float(np.nanmean(difference) / np.log(2.0))
    np.testing.assert_allclose(made.rounding_bits, expected, atol=1e-6)
    assert expected != 0.0
    # Nothing is rounded, nothing is measured.
    full = Level(plain, SamplingConfig(3), batch_size=2)
    generate_level(full, 2, 100)
    assert full.rounding_bits is None
    with pytest.raises(UserError, match="in multiples of 32: .*6 and 16 channels and 7 classes"):
        Level(make_wavenet(), SamplingConfig(3), weights="bfloat16")
    with pytest.raises(UserError, match="xla is not: sample with float32"):
        Level(plain, SamplingConfig(3), weights="bfloat16", backend="xla")


def test_sampler_uses_weights_of_the_model_it_is_made_from(make_wavenet):
    """A listener keeps its sampler from one validation to the next."""
    wavenet = make_wavenet()
    sampler, uniforms = NativeSampler(wavenet, 1, BLOCK), inputs(1)[0]
    before = sampler(sampler.initial_state(), uniforms)[2]
    for weight in wavenet.trainable_weights:
        weight.assign(1.1 * weight)
    after = sampler(sampler.initial_state(), uniforms)[2]
    np.testing.assert_array_equal(
        after, NativeSampler(wavenet, 1, BLOCK)(sampler.initial_state(), uniforms)[2]
    )
    assert (before != after).any()


def test_a_state_is_left_as_it_was(model):
    sampler = NativeSampler(model, 2, BLOCK)
    state = sampler.initial_state()
    uniforms, conditioning = inputs(2)
    first = sampler(state, uniforms, 1.0, conditioning)
    again = sampler(state, uniforms, 1.0, conditioning)
    np.testing.assert_array_equal(first[1], again[1])
    assert not state.ring.any()


@pytest.mark.parametrize("u", [0.0, 1.0 - 2**-24])
@pytest.mark.parametrize("temperature", [0.0, 1e-3, 1.0, 1e4])
def test_extreme_numbers_draw_something_possible(u, temperature, make_wavenet):
    wavenet = make_wavenet()
    wavenet.logits.bias.assign([300.0, -300.0, 0.0, 200.0, -1e9, 0.0, 299.0])
    sampler = NativeSampler(wavenet, 1, BLOCK)
    _, ids, log_probs = sampler(sampler.initial_state(), np.full([1, BLOCK], u), temperature)
    assert np.isfinite(log_probs).all()
    assert 4 not in ids
    if temperature < 1.0:
        assert set(ids[0]) <= {0, 6}


def test_inputs_that_do_not_fit_are_refused():
    sizes = (0, 1, 2, 3, 4, 5, 1, 8, 8, 1, 0, 1.0, 1.0, 0)
    weights = 5 * 3 + 2 * 3 * 6 + 6 + 3 * 4 + 4 * 4 + 4 + 4 * 5 + 5

    def draw(sizes=sizes, weights=weights, forced=-1, ring=3, dilation=1, codes=None):
        native._kernel.draw(
            *sizes,
            np.full(1, dilation, np.int32),
            np.zeros(weights, np.float32),
            None if codes is None else np.zeros(codes * 6, np.float32),
            np.zeros(8, np.float32),
            np.full(8, forced, np.int32),
            np.zeros(ring, np.float32),
            np.full(1, -1, np.int32),
            np.zeros(8, np.int32),
            np.zeros(8, np.float32),
        )

    draw()
    for wrong, message in (
        ({"weights": weights - 1}, "weights has"),
        ({"ring": 2}, "ring has"),
        ({"forced": 5}, "forced holds 5, not below 5"),
        ({"sizes": (0, 0, *sizes[2:])}, "out of range"),
        ({"sizes": (*sizes[:8], 9, *sizes[9:])}, "out of range"),
        ({"sizes": (1, *sizes[1:])}, "multiples of 32"),
        ({"sizes": (*sizes[:10], -1, *sizes[11:])}, "out of range"),
        ({"sizes": (*sizes[:11], -0.5, *sizes[12:])}, "out of range"),
        ({"sizes": (*sizes[:13], -1)}, "out of range"),
        ({"sizes": (*sizes[:13], 2**63 - 1)}, "out of range"),
        ({"sizes": (*sizes[:9], 3, *sizes[10:]), "codes": 2}, "out of range"),
        ({"sizes": (0, *[2**31 - 1] * 5, *sizes[6:])}, "out of range"),
        ({"dilation": 0}, "dilations out of range"),
        ({"dilation": -3}, "dilations out of range"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(**wrong)
