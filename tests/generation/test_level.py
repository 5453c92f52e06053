"""One level: items, groups, blocks, codes, and what is known."""

import numpy as np
import pytest
import tensorflow as tf
from support import SAMPLERS, LevelsOnce

from ada.generation import (
    BlockSampler,
    Level,
    SamplingConfig,
    Stream,
    generate_level,
    streaming,
    uniforms,
)

DRAWS = SamplingConfig(seed=5)
levels = LevelsOnce()


pytestmark = pytest.mark.usefixtures("short_blocks")


@pytest.fixture(scope="module")
def model(make_wavenet):
    return make_wavenet()


def drawn(
    model, num_items, num_steps=40, config=DRAWS, index=0, batch_size=2, backend="graph", **given
):
    made = levels.level(model, config, index=index, batch_size=batch_size, backend=backend)
    return generate_level(made, num_items, num_steps, **given)


@pytest.mark.parametrize("backend", SAMPLERS)
def test_an_item_is_the_same_whatever_is_generated_beside_it(backend, model):
    many = drawn(model, 5, backend=backend)
    assert many[0].shape == many[1].shape == (5, 40)
    assert many[0].dtype == np.int32
    assert len(np.unique(many[0], axis=0)) == 5
    for num_items in (1, 2, 3):
        few = drawn(model, num_items, backend=backend)
        for all_items, some in zip(many, few, strict=True):
            np.testing.assert_array_equal(some, all_items[:num_items])


def test_a_longer_sequence_begins_with_the_shorter(model):
    long, short = drawn(model, 2, 40), drawn(model, 2, 17)
    np.testing.assert_array_equal(short[0], long[0][:, :17])


def test_seed_and_level_decide(model):
    first, _ = drawn(model, 2)
    np.testing.assert_array_equal(drawn(model, 2)[0], first)
    assert (drawn(model, 2, config=SamplingConfig(seed=6))[0] != first).any()
    assert (drawn(model, 2, index=1)[0] != first).any()


def test_random_numbers_are_those_of_seed_item_level_and_block(model):
    ids, log_probs = drawn(model, 2, 32, index=3)
    sampler = BlockSampler(model, 2, 16, jit_compile=False)
    state = sampler.initial_state()
    for block in range(2):
        noise = tf.stack([uniforms(5, item, 3, block, 16) for item in range(2)])
        state, block_ids, block_log_probs = sampler(state, noise)
        span = slice(16 * block, 16 * block + 16)
        np.testing.assert_array_equal(ids[:, span], block_ids)
        np.testing.assert_array_equal(log_probs[:, span], block_log_probs)


def test_draws_reach_the_sampler(model):
    greedy, _ = drawn(model, 2, config=SamplingConfig(5, temperature=0.0))
    np.testing.assert_array_equal(drawn(model, 2, config=SamplingConfig(6, top_k=1))[0], greedy)
    np.testing.assert_array_equal(drawn(model, 2, config=SamplingConfig(7, top_p=1e-6))[0], greedy)


def codes_for(items, steps):
    return np.random.default_rng(1).integers(0, 8, (items, steps)).astype(np.int32)


@pytest.mark.parametrize("backend", SAMPLERS[::2])  # XLA: test_exactness.py
@pytest.mark.parametrize("upsample", [False, True], ids=["repeated", "upsampled"])
@pytest.mark.parametrize(("hop", "num_steps"), [(2, 97), (4, 140), (4, 137), (8, 33)])
def test_every_item_follows_its_own_codes(hop, num_steps, upsample, backend, make_autoencoder):
    """Over several blocks and windows, and the last hop in part."""
    model = make_autoencoder(hop, upsample=upsample)
    codes = codes_for(3, -(-num_steps // hop))
    ids, log_probs = drawn(model, 3, num_steps, codes=codes, backend=backend)
    assert ids.shape == (3, num_steps)
    assert np.abs(log_probs - model.log_prob(ids, codes)).max() < 1e-4
    assert np.abs(log_probs - model.log_prob(ids, codes[::-1])).max() > 1e-2


def test_codes_that_end_too_early_are_refused(make_autoencoder):
    with pytest.raises(ValueError, match="9 codes at hop 4 do not last for 37 ids"):
        drawn(make_autoencoder(), 2, 37, codes=codes_for(2, 9))


@pytest.mark.parametrize("backend", SAMPLERS)
@pytest.mark.parametrize("prompt_steps", [1, 16, 23, 60, 90])
def test_sequences_begin_with_what_is_known(prompt_steps, backend, model):
    known = np.random.default_rng(4).integers(0, 7, (3, prompt_steps))
    ids, log_probs = drawn(model, 3, 70, prefixes=list(known), backend=backend)
    np.testing.assert_array_equal(ids[:, :prompt_steps], known[:, :70])
    assert np.isnan(log_probs[:, :prompt_steps]).all()
    expected = model.log_prob(ids)[:, prompt_steps:]
    assert np.abs(log_probs[:, prompt_steps:] - expected).max(initial=0.0) < 1e-4


@pytest.mark.parametrize("backend", SAMPLERS)
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_continued_level_equals_uninterrupted_one(kernel_size, backend, make_wavenet):
    """From as many of its ids as the receptive field holds, bit for bit, wherever it stopped."""
    model = make_wavenet(2, 3, kernel_size)
    assert model.receptive_field in (1, 15, 29)
    made = Level(model, DRAWS, batch_size=2, backend=backend)
    whole = generate_level(made, 3, 100)
    drawn_steps = []
    made.sampler = counting(made.sampler, drawn_steps)
    for stops in ((50, 50, 50), (64, 64, 64), (15, 96, 80), (0, 99, 33)):
        drawn_steps.clear()
        known = [ids[:stop] for ids, stop in zip(whole[0], stops, strict=True)]
        ids, log_probs = generate_level(made, 3, 100, prefixes=known)
        np.testing.assert_array_equal(ids, whole[0])
        for row, expected, stop in zip(log_probs, whole[1], stops, strict=True):
            np.testing.assert_array_equal(row[stop:], expected[stop:])
        # Two groups: of the first two items, and of the last.
        firsts = [
            max(stop - model.receptive_field, 0) // 16 * 16 for stop in (min(stops[:2]), stops[2])
        ]
        assert sum(drawn_steps) == 200 - sum(firsts)


def counting(sampler, counts):
    """A sampler that notes how many ids every call is asked for."""

    class Counting:
        batch_size, initial_state = sampler.batch_size, sampler.initial_state

        def __call__(self, *args, **kwargs):
            counts.append(args[5] if len(args) > 5 else kwargs["num_steps"])
            return sampler(*args, **kwargs)

    return Counting()


def test_seconds_are_those_of_drawing(model, monkeypatch):
    """Whatever is done before the first id, such as compiling, does not count."""
    now = [100.0]
    made = Level(model, DRAWS, batch_size=2, backend="graph")
    sampler = made.sampler

    class Slow:
        batch_size, initial_state, model = sampler.batch_size, sampler.initial_state, sampler.model

        def __call__(self, *args, **kwargs):
            # The first call compiles and draws nothing.
            now[0] += 1000.0 if now[0] == 100.0 else 3.0
            return sampler(*args, **kwargs)

    monkeypatch.setattr(streaming.time, "monotonic", lambda: now[0])
    made.sampler = Slow()
    stream = Stream([made], [40], 2)
    assert [block.start for block in stream] == [0, 16, 32]
    assert stream.seconds == 9.0
    assert stream.level_seconds == [9.0]
    assert stream.num_generated == 80


@pytest.mark.parametrize(("hop", "steps"), [(2, 16), (4, 16), (6, 18), (64, 64)])
def test_blocks_hold_whole_codes(hop, steps, make_autoencoder):
    assert Level(make_autoencoder(hop), DRAWS).block_steps == steps
