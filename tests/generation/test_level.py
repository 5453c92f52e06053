"""One level: items, groups, blocks and prompts."""

import numpy as np
import pytest
import tensorflow as tf
from support import SAMPLERS

from ada.generation import BlockSampler, Draws, generate_level, level, uniforms

DRAWS = Draws(seed=5)


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch):
    monkeypatch.setattr(level, "BLOCK_STEPS", 16)


@pytest.fixture(scope="module")
def model(make_wavenet):
    return make_wavenet()


@pytest.fixture(scope="module")
def conditioned(make_wavenet):
    return make_wavenet(channels=3)


def conditioning(items, steps):
    return np.random.default_rng(3).normal(size=(items, steps, 3)).astype(np.float32)


def drawn(model, num_items, num_steps=40, draws=DRAWS, **kwargs):
    kwargs = {"lanes": 2, "backend": "graph"} | kwargs
    return generate_level(model, num_items, num_steps, draws, **kwargs)[:2]


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
    assert (drawn(model, 2, draws=Draws(seed=6))[0] != first).any()
    assert (drawn(model, 2, level=1)[0] != first).any()


def test_random_numbers_are_those_of_seed_item_level_and_block(model):
    ids, log_probs = drawn(model, 2, 32, level=3)
    sampler = BlockSampler(model, 2, 16, jit_compile=False)
    state = sampler.initial_state()
    for block in range(2):
        noise = tf.stack([uniforms(5, item, 3, block, 16) for item in range(2)])
        state, block_ids, block_log_probs = sampler(state, noise)
        span = slice(16 * block, 16 * block + 16)
        np.testing.assert_array_equal(ids[:, span], block_ids)
        np.testing.assert_array_equal(log_probs[:, span], block_log_probs)


def test_draws_reach_the_sampler(model):
    greedy, _ = drawn(model, 2, draws=Draws(5, temperature=0.0))
    np.testing.assert_array_equal(drawn(model, 2, draws=Draws(6, top_k=1))[0], greedy)
    np.testing.assert_array_equal(drawn(model, 2, draws=Draws(7, top_p=1e-6))[0], greedy)


@pytest.mark.parametrize("hop", [1, 4, 6])
def test_every_item_follows_its_own_conditioning(hop, conditioned):
    steps = 40 if hop != 6 else 42
    h = conditioning(3, steps // hop)
    ids, log_probs = drawn(conditioned, 3, steps, conditioning=h, hop_length=hop)
    expected = conditioned.log_prob(ids, h)
    assert np.abs(log_probs - expected).max() < 1e-4
    assert np.abs(log_probs - conditioned.log_prob(ids, h[::-1])).max() > 1e-2


def test_a_last_hop_may_be_used_in_part(conditioned):
    h = conditioning(2, 10)
    whole, part = (drawn(conditioned, 2, steps, conditioning=h, hop_length=4) for steps in (40, 37))
    np.testing.assert_array_equal(part[0], whole[0][:, :37])
    np.testing.assert_array_equal(part[1], whole[1][:, :37])


def test_conditioning_that_ends_too_early_is_refused(conditioned):
    with pytest.raises(ValueError, match="9 steps of conditioning at hop 4 .* 37 ids"):
        drawn(conditioned, 2, 37, conditioning=conditioning(2, 9), hop_length=4)


@pytest.mark.parametrize("prompt_steps", [1, 16, 23, 60])
def test_sequences_begin_with_their_prompts(prompt_steps, model):
    forced = np.random.default_rng(4).integers(0, 7, (3, prompt_steps))
    ids, log_probs = drawn(model, 3, 40, forced=forced)
    np.testing.assert_array_equal(ids[:, :prompt_steps], forced[:, :40])
    assert np.abs(log_probs - model.log_prob(ids)).max() < 1e-4


def test_seconds_are_those_of_drawing(model, monkeypatch):
    """Whatever is done before the first id, such as compiling, does not count."""
    now = [100.0]
    monkeypatch.setattr(level.time, "monotonic", lambda: now[0])
    sampler = BlockSampler(model, 2, 16, jit_compile=False)

    class Slow:
        lanes = 2
        initial_state = sampler.initial_state

        def __call__(self, *args):
            # The first call compiles and draws nothing.
            now[0] += 1000.0 if now[0] == 100.0 else 3.0
            return sampler(*args)

    assert generate_level(model, 2, 40, DRAWS, sampler=Slow()).seconds == 9.0


@pytest.mark.parametrize(("hop", "steps"), [(1, 16), (4, 16), (6, 18), (64, 64)])
def test_blocks_hold_whole_codes(hop, steps):
    assert level.block_steps(hop) == steps
