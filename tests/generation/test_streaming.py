"""Streams: all levels advance together, in any number of groups, and keep what they need."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from support import SAMPLERS

from ada.generation import (
    Level,
    SamplingConfig,
    Stream,
    conditioning,
    generate,
    load_levels,
    modes,
    stream,
    streaming,
)
from ada.generation.lengths import chain_geometry, level_lengths
from ada.utils.errors import UserError

BLOCK, WINDOW = 16, 8


pytestmark = pytest.mark.usefixtures("short_blocks", "levels_once")


def begun(chain, num_items=1, secs=None, **options):
    return stream(
        chain, num_items, secs, SamplingConfig(3), **{"batch_size": 2, "backend": "graph"} | options
    )


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_blocks_add_up_to_what_is_generated_at_once(levels, chains):
    made = generate(chains[levels], 3, 0.15, SamplingConfig(3), batch_size=2, backend="graph")
    blocks = list(begun(chains[levels], 3, 0.15))
    assert [b.audio.shape[1] for b in blocks] == [16] * 9 + [6]
    assert all(b.items == range(3) for b in blocks)
    np.testing.assert_array_equal(np.concatenate([b.audio for b in blocks], 1), made.audio)
    for number, expected in enumerate(made.ids):
        for item in range(3):
            drawn = [
                part.ids[item - part.items.start]
                for block in blocks
                for part in block.levels[number]
                if item in part.items
            ]
            np.testing.assert_array_equal(np.concatenate(drawn), expected[item])


@pytest.mark.parametrize("levels", [2, 3])
def test_every_level_is_ahead_by_what_the_modulator_below_sees(levels, chains):
    """Rounded up to whole windows of it, and to blocks; no level waits for another's end."""
    chain = chains[levels]
    decoders = chain_geometry(chain)[1:]
    drawn = [0] * levels
    for block in itertools.islice(begun(chain, secs=60.0), 40):
        for number, parts in enumerate(block.levels):
            drawn[number] += sum(part.ids.shape[1] for part in parts)
        wanted = drawn[-1]
        assert wanted == block.start + BLOCK
        for number, geometry in reversed(list(enumerate(decoders))):
            hop = geometry.encoder_field.hop
            codes = -(-wanted // (WINDOW * hop)) * WINDOW + geometry.lookahead
            assert wanted / hop <= drawn[number] == -(-codes // BLOCK) * BLOCK
            wanted = drawn[number]


def test_without_a_duration_it_goes_on_for_ever(chains):
    first = list(itertools.islice(begun(chains[3]), 12))
    finite = list(begun(chains[3], secs=0.16))
    for block, expected in zip(first, finite, strict=False):
        np.testing.assert_array_equal(block.audio, expected.audio)
    assert first[-1].start == 11 * BLOCK


def test_groups_without_a_thread_take_turns(chains, monkeypatch):
    monkeypatch.setattr(streaming.os, "cpu_count", lambda: 2)
    blocks = list(begun(chains[2], 7, 0.04))
    places = [(block.items.start, block.items.stop, block.start) for block in blocks]
    assert places == [(0, 4, 0), (0, 4, 16), (0, 4, 32), (4, 7, 0), (4, 7, 16), (4, 7, 32)]
    audio = [np.concatenate([b.audio for b in blocks if b.items.start == i], 1) for i in (0, 4)]
    made = generate(chains[2], 7, 0.04, SamplingConfig(3), batch_size=2, backend="graph")
    np.testing.assert_array_equal(np.concatenate(audio), made.audio)


def test_little_is_kept_of_a_long_stream(chains, monkeypatch):
    groups, kept = [], []
    begin = streaming.Group.__init__

    def noted(group, *args):
        groups.append(group)
        begin(group, *args)

    monkeypatch.setattr(streaming.Group, "__init__", noted)
    for block in itertools.islice(begun(chains[3]), 200):
        if block.start % 160 == 0:
            [group] = groups
            sizes = [np.size(array) for array in tf.nest.flatten(group._states)]
            sizes += [part.ids.size for parts in group._taken for part in parts]
            kept.append(sum(sizes))
    assert max(kept[len(kept) // 2 :]) <= max(kept[: len(kept) // 2]) < 3000


def test_prompts_of_any_lengths_stand_side_by_side(chains):
    """A group that knows much begins to draw later than another; each clip is as if alone."""
    chain = chains[3]
    whole = generate(chain, 4, 0.3, SamplingConfig(3), batch_size=2, backend="graph")
    # Of clips 0 and 1 nothing is known, of the others nearly all at the bottom and little above.
    cuts = {0: (0, 0, 0), 1: (0, 0, 0), 2: (3, 20, 280), 3: (9, 60, 300)}
    known = [[ids[item, : cuts[item][n]] for item in range(4)] for n, ids in enumerate(whole.ids)]
    again = generate(
        chain, 4, 0.3, SamplingConfig(3), prefixes=known, batch_size=2, backend="graph"
    )
    for ids, expected in zip(again.ids, whole.ids, strict=True):
        np.testing.assert_array_equal(ids, expected)


@pytest.mark.parametrize("window", [4, 64])
def test_stream_continues_from_the_middle_of_a_window(window, chains, monkeypatch):
    """Wherever it stopped, with windows shorter and longer than the blocks of the level above."""
    monkeypatch.setattr(conditioning, "WINDOW_STEPS", window)
    levels = load_levels(chains[3], SamplingConfig(3), backend="graph", batch_size=1)
    whole = stream(chains[3], 1, 1.2, SamplingConfig(3), levels=levels).collect()
    for stop in (150, 500, 777, 1199):
        # Levels above are as far ahead as they are when the bottom stops there.
        steps = (stop, *level_lengths(stop, chain_geometry(chains[3])[1:])[1::-1])
        known = [[ids[0, :n]] for (ids, _), n in zip(whole, steps[::-1], strict=True)]
        again = stream(
            chains[3], 1, 1.2, SamplingConfig(3), levels=levels, prefixes=known
        ).collect()
        for (ids, _), (expected, _) in zip(again, whole, strict=True):
            np.testing.assert_array_equal(ids, expected)


def test_the_progress_bar_says_how_fast_and_how_long(chains, capfd):
    made = begun(chains[2], 2, 0.3, progress=True)
    list(made)
    shown = capfd.readouterr().err
    assert "generating: 100%" in shown
    assert f"{made.real_time_factor:.2f} x real time" in shown
    assert "step/s" in shown
    assert made.num_generated == 600
    assert len(made.level_seconds) == 2
    assert made.real_time_factor == 0.6 / made.seconds


def test_lengths_of_an_endless_stream_are_numbers(chains):
    lengths = level_lengths(streaming.ENDLESS, chain_geometry(chains[3])[1:])
    assert lengths[-1] == streaming.ENDLESS > lengths[0] > 2**50


@pytest.mark.parametrize("backend", SAMPLERS[:2])
def test_a_clip_can_be_made_without_those_before_it(backend, chains):
    options = {"batch_size": 2, "backend": backend}
    many = generate(chains[3], 6, 0.1, SamplingConfig(3), **options)
    some = generate(chains[3], 3, 0.1, SamplingConfig(3), indices=[1, 4, 5], **options)
    for ids, expected in zip(some.ids, many.ids, strict=True):
        np.testing.assert_array_equal(ids, expected[[1, 4, 5]])


def test_models_are_loaded_once_for_many_streams(chains):
    levels = load_levels(chains[3], backend="graph", batch_size=2)
    for draws in (SamplingConfig(3), SamplingConfig(4, temperature=0.5), SamplingConfig(3)):
        made = stream(chains[3], 2, 0.1, draws, levels=levels)
        expected = generate(chains[3], 2, 0.1, draws, backend="graph", batch_size=2)
        for (ids, _), wanted in zip(made.collect(), expected.ids, strict=True):
            np.testing.assert_array_equal(ids, wanted)
    with pytest.raises(ValueError, match="another top-k or top-p"):
        stream(chains[3], 2, 0.1, SamplingConfig(3, top_k=5), levels=levels)


def test_two_streams_side_by_side_do_not_disturb_each_other(chains):
    levels = load_levels(chains[3], backend="graph", batch_size=2)
    one, two = (stream(chains[3], 1, 0.1, SamplingConfig(seed), levels=levels) for seed in (3, 4))
    pairs = list(zip(one, two, strict=True))
    for seed, blocks in zip((3, 4), zip(*pairs, strict=True), strict=True):
        expected = generate(chains[3], 1, 0.1, SamplingConfig(seed), backend="graph", batch_size=2)
        np.testing.assert_array_equal(np.concatenate([b.audio for b in blocks], 1), expected.audio)


def test_blocks_are_read_only(chains):
    for block in begun(chains[3], secs=0.05):
        for part in block.levels[0]:
            with pytest.raises(ValueError, match="read-only"):
                part.ids[:] = 0


def test_given_codes_last_as_long_as_they_are(chains):
    decoders = modes.decoders_of(chains[3])
    codes = np.random.default_rng(1).integers(0, 7, (1, 6)).astype(np.int32)
    assert sum(b.audio.shape[1] for b in begun(decoders, codes=codes)) == 6 * 16


@pytest.mark.parametrize(
    ("message", "make"),
    [
        ("2 clips, but codes of 1", lambda c: begun(modes.decoders_of(c), 2, codes=ONE)),
        ("0 clips, but none", lambda c: begun(c, 0)),
        ("2 clips, but indices of 3", lambda c: begun(c, 2, indices=[1, 2, 3])),
        (r"2 clips, but prefixes\[0\] of 1", lambda c: begun(c, 2, prefixes=[[ONE[0]]] * 3)),
        ("3 levels, 3 lengths, prefixes of 2", lambda c: begun(c, 1, prefixes=[[ONE[0]]] * 2)),
        (
            "configs for 2 levels, of a chain of 3",
            lambda c: stream(c, 1, 0.1, [SamplingConfig()] * 2),
        ),
        ("codes must be 0 .. 6", lambda c: begun(modes.decoders_of(c), codes=ONE + 7)),
        ("codes must be 0 .. 6", lambda c: begun(modes.decoders_of(c), codes=ONE - 1)),
        ("whole numbers", lambda c: begun(modes.decoders_of(c), codes=ONE + 0.5)),
        ("whole numbers", lambda c: begun(modes.decoders_of(c), codes=ONE[..., np.newaxis])),
        (
            "ids of a prefix must be 0 .. 6",
            lambda c: list(begun(c, 1, 0.1, prefixes=[[ONE[0] + 7]] * 3)),
        ),
        (
            "ids of a prefix must be 0 .. 6",
            lambda c: list(begun(c, 1, 0.1, prefixes=[[ONE[0] - 1]] * 3)),
        ),
        ("finite duration", lambda c: begun(c).collect()),
    ],
)
def test_inputs_that_do_not_fit_are_refused(message, make, chains):
    with pytest.raises(ValueError, match=message):
        make(chains[3])


ONE = np.zeros([1, 6], np.int32)


def test_stream_is_iterated_over_once(chains):
    made = begun(chains[1], secs=0.05)
    list(made)
    with pytest.raises(RuntimeError, match="once"):
        list(made)


def test_a_model_that_diverged_is_said_to(make_wavenet):
    model = make_wavenet()
    model.logits.bias.assign(np.full(7, np.nan))
    for backend in ("auto", "graph"):
        made = Stream([Level(model, SamplingConfig(), backend=backend)], [40], 1)
        with pytest.raises(UserError, match="level 0 has no probabilities .* diverged"):
            list(made)
