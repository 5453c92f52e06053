"""The incremental sampler equals the teacher-forced model, in every mode."""

import numpy as np
import pytest
import tensorflow as tf
from support import SAMPLERS

from ada.generation import make_sampler
from ada.models import WaveNet

BLOCK, BLOCKS, CHANNELS = 16, 3, 3
STEPS = BLOCK * BLOCKS


def generate(sampler, uniforms, temperature=1.0, conditioning=None, forced=None):
    """Block by block; ids and log-probabilities `[batch, STEPS]`."""
    state, results = sampler.initial_state(), []
    for block in range(BLOCKS):
        span = slice(block * BLOCK, (block + 1) * BLOCK)
        h = None
        if conditioning is not None:
            h = tf.constant(np.split(conditioning, BLOCKS, axis=1)[block])
        prompt = None if forced is None else forced[:, span]
        state, *result = sampler(state, uniforms[:, span], temperature, h, prompt)
        results.append(result)
    return [np.concatenate(parts, axis=1) for parts in zip(*results, strict=True)]


def prompts(lengths):
    ids = np.random.default_rng(2).integers(0, 7, (len(lengths), STEPS)).astype(np.int32)
    return np.where(np.arange(STEPS) < np.array(lengths)[:, np.newaxis], ids, -1)


def check_equal_to_teacher_forced(model, sampler, hop, prompt_lengths):
    rng = np.random.default_rng(1)
    batch_size = len(prompt_lengths)
    conditioning = None
    if hop:
        conditioning = rng.normal(size=(batch_size, STEPS // hop, CHANNELS)).astype(np.float32)
    uniforms = rng.uniform(size=(batch_size, STEPS)).astype(np.float32)
    forced = prompts(prompt_lengths)

    ids, log_probs = generate(sampler, uniforms, 1.0, conditioning, forced)
    np.testing.assert_array_equal(ids[forced >= 0], forced[forced >= 0])
    assert np.abs(log_probs - model.log_prob(ids, conditioning)).max() < 1e-4
    # The ids drawn are those that the numbers stand for, but where one is about on an edge.
    edges = tf.cumsum(tf.nn.softmax(model(ids, conditioning)), axis=-1).numpy()
    meant = (edges < uniforms[..., np.newaxis]).sum(-1)
    clear = np.abs(edges - uniforms[..., np.newaxis]).min(-1) > 1e-4
    drawn = (forced < 0) & clear
    assert drawn.sum() >= 0.9 * (forced < 0).sum()
    np.testing.assert_array_equal(ids[drawn], meant[drawn])

    ids, log_probs = generate(sampler, uniforms, 0.0, conditioning, forced)
    logits = model(ids, conditioning).numpy()
    best_two = np.sort(logits, axis=-1)[..., -2:]
    clear = (best_two[..., 1] - best_two[..., 0] > 1e-3) & (forced < 0)
    np.testing.assert_array_equal(ids[clear], logits.argmax(-1)[clear])
    assert np.abs(log_probs - model.log_prob(ids, conditioning)).max() < 1e-4


# 4: one step of the modulator for 4 ids; 1: upsampled to the rate of the ids.
@pytest.mark.parametrize("backend", SAMPLERS)
@pytest.mark.parametrize("hop", [None, 4, 1])
@pytest.mark.parametrize("kernel_size", [1, 2, 3])
def test_generated_ids_score_the_same_when_fed_back(kernel_size, hop, backend, make_wavenet):
    model = make_wavenet(2, 3, kernel_size, channels=CHANNELS if hop else 0)
    field = model.receptive_field
    assert field == {1: 1, 2: 15, 3: 29}[kernel_size]
    sampler = make_sampler(model, 3, BLOCK, backend=backend)
    check_equal_to_teacher_forced(model, sampler, hop, [0, max(field // 2, 1), field + 5])


@pytest.mark.parametrize("backend", SAMPLERS)
def test_batch_of_one_and_prompts_of_every_length(backend, make_wavenet):
    model = make_wavenet(2, 3, 2, channels=CHANNELS)
    sampler = make_sampler(model, 1, BLOCK, backend=backend)
    for length in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, STEPS):
        check_equal_to_teacher_forced(model, sampler, 4, [length])


@pytest.mark.parametrize("backend", SAMPLERS)
def test_layers_of_unequal_dilation_wrap_around_on_their_own(backend, make_wavenet):
    model = make_wavenet(1, 5, 3)
    assert model.receptive_field == 63 > STEPS
    sampler = make_sampler(model, 2, BLOCK, backend=backend)
    check_equal_to_teacher_forced(model, sampler, None, [0, 20])


@pytest.mark.parametrize("backend", SAMPLERS)
def test_days_of_audio_are_counted(backend, make_wavenet):
    """More steps than 32 bits hold: 37 hours at 16 kHz."""
    sampler = make_sampler(make_wavenet(), 2, BLOCK, backend=backend)
    uniforms = np.random.default_rng(1).uniform(size=(2, BLOCK)).astype(np.float32)
    start = sampler.initial_state()
    _, *expected = sampler(start, uniforms)
    # A multiple of every layer's number of rows, half a block before the limit and past it.
    for steps in (2**31 - 8, 2**32, 2**40):
        shift = tf.cast(steps, tf.int64) if backend != "native" else steps
        late, ids, log_probs = sampler(start._replace(step=start.step + shift), uniforms)
        np.testing.assert_array_equal(ids, expected[0])
        np.testing.assert_array_equal(log_probs, expected[1])
        assert int(late.step) == steps + BLOCK


@pytest.mark.parametrize("backend", SAMPLERS)
def test_top_k_leaves_log_probabilities_those_of_the_model(backend, make_wavenet):
    model = make_wavenet()
    uniforms = np.random.default_rng(1).uniform(size=(2, STEPS)).astype(np.float32)
    greedy = generate(make_sampler(model, 2, BLOCK, backend=backend), uniforms, 0.0)
    best = generate(make_sampler(model, 2, BLOCK, top_k=1, backend=backend), uniforms)
    np.testing.assert_array_equal(best[0], greedy[0])
    np.testing.assert_array_equal(best[1], greedy[1])
    assert (best[1] < 0.0).all()


@pytest.mark.parametrize("backend", SAMPLERS)
def test_top_p_restricts_what_is_drawn(backend, make_wavenet):
    model = make_wavenet()
    uniforms = np.random.default_rng(1).uniform(size=(2, STEPS)).astype(np.float32)
    ids, _ = generate(make_sampler(model, 2, BLOCK, top_p=0.5, backend=backend), uniforms)
    probabilities = tf.nn.softmax(model(ids)).numpy()
    chosen = np.take_along_axis(probabilities, ids[..., np.newaxis], -1)
    before = np.where(probabilities > chosen, probabilities, 0.0).sum(-1)
    assert before.max() < 0.5 + 1e-4


@pytest.mark.parametrize("backend", SAMPLERS)
def test_a_model_trained_in_bfloat16_samples_in_float32(backend, make_wavenet):
    exact, mixed = make_wavenet(), make_wavenet(dtype="mixed_bfloat16")
    sampler = make_sampler(mixed, 2, BLOCK, backend=backend)
    check_equal_to_teacher_forced(exact, sampler, None, [0, 5])


@pytest.mark.parametrize("backend", SAMPLERS)
def test_block_ends_at_the_given_step(backend, make_wavenet):
    sampler = make_sampler(make_wavenet(), 2, BLOCK, backend=backend)
    start = sampler.initial_state()
    uniforms = tf.constant(np.random.default_rng(1).uniform(size=(2, BLOCK)), tf.float32)
    whole, ids, log_probs = sampler(start, uniforms)

    same, *nothing = sampler(start, uniforms, num_steps=0)
    for before, after in zip(start, same, strict=True):
        np.testing.assert_array_equal(before, after)
    assert not any(np.any(part) for part in nothing)

    state, *first = sampler(start, uniforms, num_steps=5)
    for part, all_of_it in zip(first, (ids, log_probs), strict=True):
        np.testing.assert_array_equal(part[:, :5], all_of_it[:, :5])
        assert not np.any(part[:, 5:])
    rest = tf.pad(uniforms[:, 5:], [[0, 0], [0, 5]])
    state, *last = sampler(state, rest, num_steps=BLOCK - 5)
    np.testing.assert_array_equal(last[0][:, :-5], ids[:, 5:])
    assert state.step == whole.step


@pytest.mark.parametrize(
    ("channels", "given", "message"),
    [
        (0, 4, "built for 0 .* present"),
        (CHANNELS, None, f"built for {CHANNELS} .* absent"),
        (CHANNELS, 3, "3 steps of conditioning do not divide a block of 16"),
    ],
)
@pytest.mark.parametrize("backend", SAMPLERS)
def test_conditioning_that_does_not_fit_is_refused(backend, channels, given, message, make_wavenet):
    sampler = make_sampler(make_wavenet(channels=channels), 2, BLOCK, backend=backend)
    h = None if given is None else tf.zeros([2, given, CHANNELS])
    with pytest.raises(ValueError, match=message):
        sampler(sampler.initial_state(), tf.zeros([2, BLOCK]), 1.0, h)


@pytest.mark.parametrize("backend", SAMPLERS[:2])
def test_a_network_of_real_depth_and_length(backend):
    """30 layers, 256 classes, two thousand steps: rounding must not add up."""
    model = WaveNet(256, 3, 10, 2, 16, 32)
    model.build()
    # Logits that matter: a fresh network predicts almost nothing.
    model.logits.kernel.assign(20.0 * model.logits.kernel)
    sampler = make_sampler(model, 2, 512, backend=backend)
    rng = np.random.default_rng(1)
    state, ids, log_probs = sampler.initial_state(), [], []
    for _ in range(4):
        noise = tf.constant(rng.uniform(size=(2, 512)), tf.float32)
        state, new_ids, new_log_probs = sampler(state, noise)
        ids.append(new_ids)
        log_probs.append(new_log_probs)
    ids, log_probs = np.concatenate(ids, 1), np.concatenate(log_probs, 1)
    assert np.abs(log_probs - model.log_prob(ids)).max() < 1e-4
    assert log_probs.std() > 0.5


@pytest.mark.parametrize("backend", SAMPLERS)
@pytest.mark.parametrize(("top_k", "top_p"), [(1, 1.0), (3, 1.0), (0, 0.35), (5, 0.25)])
def test_of_equal_ids_the_first_are_sampled(top_k, top_p, backend, make_wavenet):
    """Ids 1, 2, 4, 5 and 6 have probability 1/5 each: exactly as many are possible as asked for."""
    model = make_wavenet()
    model.logits.kernel.assign(tf.zeros_like(model.logits.kernel))
    model.logits.bias.assign([-99.0, 1.0, 1.0, -99.0, 1.0, 1.0, 1.0])
    sampler = make_sampler(model, 2, BLOCK, top_k, top_p, backend=backend)
    uniforms = ((np.arange(2 * BLOCK) + 0.5) / (2 * BLOCK)).reshape(2, BLOCK).astype(np.float32)
    _, ids, _ = sampler(sampler.initial_state(), uniforms)
    count = min(top_k or 5, int(np.ceil(round(5 * top_p, 6))))
    assert set(np.unique(ids)) == {1, 2, 4, 5, 6} & set(range([2, 3, 5, 6, 7][count - 1]))


@pytest.mark.parametrize("backend", SAMPLERS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": -1}, "top_k must be a whole number of at least 0"),
        ({"top_k": -(2**40)}, "top_k must be a whole number of at least 0"),
        ({"top_p": -0.5}, r"top_p must be in \(0, 1\]"),
        ({"top_p": 1.5}, r"top_p must be in \(0, 1\]"),
        ({"top_p": float("nan")}, r"top_p must be in \(0, 1\]"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1 and"),
        ({"block_steps": -16}, "block_steps must be .* got -16"),
    ],
)
def test_options_out_of_range_are_refused(options, message, backend, make_wavenet):
    with pytest.raises(ValueError, match=message):
        make_sampler(
            make_wavenet(), **{"batch_size": 2, "block_steps": BLOCK} | options, backend=backend
        )


@pytest.mark.parametrize("backend", SAMPLERS)
def test_arrays_that_do_not_fit_are_refused(backend, make_wavenet):
    """Before they reach the kernel, which would read past their ends."""
    sampler = make_sampler(make_wavenet(channels=CHANNELS), 2, BLOCK, backend=backend)
    state = sampler.initial_state()
    given = {
        "uniforms": np.zeros([2, BLOCK], np.float32),
        "conditioning": np.zeros([2, 4, CHANNELS], np.float32),
        "forced": np.full([2, BLOCK], -1, np.int32),
    }
    sampler(state, **given)
    for wrong, message in (
        ({"uniforms": np.zeros([2, BLOCK - 1])}, "uniforms must have shape"),
        ({"uniforms": np.zeros([2 * BLOCK])}, "uniforms must have shape"),
        ({"uniforms": np.zeros([])}, "uniforms must have shape"),
        ({"forced": np.zeros([1, BLOCK], np.int32)}, "forced must have shape"),
        ({"forced": np.full([2, BLOCK], 7, np.int32)}, "forced must be from -1 to 6, got 7"),
        ({"conditioning": np.zeros([2, 4, CHANNELS + 1])}, "conditioning must have shape"),
        ({"conditioning": np.zeros([3, 4, CHANNELS])}, "conditioning must have shape"),
        ({"conditioning": np.zeros([2, 4])}, "conditioning must have shape"),
        ({"conditioning": np.zeros([2, 0, CHANNELS])}, "0 steps of conditioning do not divide"),
        ({"conditioning": np.zeros([2, 32, CHANNELS])}, "32 steps of conditioning do not divide"),
        ({"num_steps": BLOCK + 1}, "num_steps must be .* at most 16, got 17"),
        ({"state": state._replace(previous=np.zeros([3], np.int32))}, "previous must have shape"),
        (
            {"state": state._replace(previous=np.full([2], 7, np.int32))},
            "previous must be from -1",
        ),
        ({"state": state._replace(ring=np.zeros([8, 1, 6], np.float32))}, "ring must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler(**{"state": state} | given | wrong)
