"""Modes of sampling, over chains of one, two and three levels, bit for bit."""

import numpy as np
import pytest

from ada.generation import SamplingConfig, generate, modes
from ada.generation.lengths import chain_geometry
from ada.generation.prompts import encode_prompts
from ada.runs.chain import Chain
from ada.utils.errors import UsageError, UserError

QUIET = {"backend": "graph", "progress": False, "batch_size": 2}
LEVELS = [1, 2, 3]


pytestmark = pytest.mark.usefixtures("short_blocks", "levels_once")


@pytest.fixture(scope="module")
def pieces():
    rng = np.random.default_rng(3)
    return [rng.integers(0, 7, steps).astype(np.int32) for steps in (110, 90)]


def draws(chain):
    """Another temperature for every level."""
    return [SamplingConfig(5, temperature=1.0 - 0.1 * i) for i in range(len(chain.runs))]


def made(request, chain=None, **options):
    """All that a request makes, as `generate` gives it."""
    given = {"prefixes": request.prefixes, "codes": request.codes, "indices": request.indices}
    given |= QUIET | options
    how = draws(chain or request.chain)[-len(request.chain.runs) :]
    return generate(request.chain, request.num_items, request.duration_secs, how, **given)


def assert_same(one, other):
    for ids, expected in zip(one.ids, other.ids, strict=True):
        np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(one.audio, other.audio)


@pytest.mark.parametrize("levels", LEVELS)
def test_a_longer_generation_begins_with_the_shorter(levels, chains):
    """No level's conditioning sees where the codes above it end."""
    short, long = (made(modes.ancestral(chains[levels], range(2), secs)) for secs in (0.053, 0.2))
    assert short.audio.shape == (2, 53)
    for few, many in zip(short.ids, long.ids, strict=True):
        np.testing.assert_array_equal(few, many[:, : few.shape[1]])
        assert len(np.unique(many)) > 2


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("first_secs", [0.001, 0.053])
def test_continuing_equals_one_longer_generation(first_secs, levels, chains):
    first = made(modes.ancestral(chains[levels], range(3), first_secs))
    more = made(modes.continued_ids(chains[levels], first.ids, range(3), 0.15 - first_secs))
    assert_same(more, made(modes.ancestral(chains[levels], range(3), 0.15)))


def test_a_piece_may_be_continued_in_several_ways(chains):
    first = made(modes.ancestral(chains[3], range(1), 0.05))
    more = made(modes.continued_ids(chains[3], first.ids, range(3), 0.05))
    for ids, begun in zip(more.ids, first.ids, strict=True):
        np.testing.assert_array_equal(ids[:, : begun.shape[1]], np.repeat(begun, 3, axis=0))
    assert len(np.unique(more.ids[-1], axis=0)) == 3


@pytest.mark.parametrize("levels", LEVELS)
def test_primed_clips_begin_with_prompts_of_any_length(levels, chains, pieces):
    chain = chains[levels]
    request = modes.primed(
        chain, dict(zip("ab", pieces, strict=True)), range(3), 0.15, progress=False
    )
    result = made(request)
    assert result.audio.shape == (3, 150)
    longer = [np.concatenate([piece, np.zeros(60, np.int32)]) for piece in pieces]
    geometry = chain_geometry(chain)
    known = encode_prompts(chain, pieces, geometry, progress=False)
    encoded = encode_prompts(chain, longer, geometry, whole=True, progress=False)
    for number, ids in enumerate(result.ids):
        for item in range(3):
            begun = known[number][item % 2]
            assert len(begun) > 2
            np.testing.assert_array_equal(ids[item, : len(begun)], begun)
            np.testing.assert_array_equal(begun, encoded[number][item % 2][: len(begun)])
    # What follows the same prompt differs from clip to clip; the bits are of what was drawn.
    assert (result.ids[-1][0] != result.ids[-1][2]).any()
    assert all(0 < bits < 10 for bits in result.bits)


def test_a_prompt_as_long_as_the_clip_leaves_nothing_to_draw_at_the_bottom(chains, pieces):
    result = made(modes.primed(chains[2], {"a": pieces[0]}, range(1), 0.11, progress=False))
    np.testing.assert_array_equal(result.ids[-1], pieces[:1])
    assert result.bits[-1] is None
    assert result.bits[0] > 0


def test_continued_audio_keeps_all_of_it(chains, pieces):
    result = made(modes.continued(chains[3], {"a": pieces[0]}, range(2), 0.04, progress=False))
    assert result.audio.shape == (2, 150)
    np.testing.assert_array_equal(result.ids[-1][:, :110], np.tile(pieces[0], (2, 1)))


@pytest.mark.parametrize("levels", [2, 3])
def test_own_codes_give_the_same_audio(levels, chains):
    first = made(modes.ancestral(chains[levels], range(3), 0.1))
    request = modes.upsampled(chains[levels], first.ids[0], range(3), 100)
    again = made(request, chains[levels])
    assert len(again.bits) == levels - 1
    assert_same(again, first)
    # The level below the top alone is given: what is above does not matter.
    if levels == 3:
        lowest = Chain(chains[3].runs[2:], chains[3].checkpoints[2:])
        request = modes.upsampled(lowest, first.ids[1], range(3), 100)
        again = made(request, chains[3])
        np.testing.assert_array_equal(again.audio, first.audio)


def test_without_a_length_codes_are_used_to_their_end(chains):
    codes = np.random.default_rng(1).integers(0, 7, (1, 6)).astype(np.int32)
    result = made(modes.upsampled(chains[3], codes, range(2)))
    assert result.audio.shape == (2, 6 * 16)
    assert [ids.shape[1] for ids in result.ids] == [6, 24, 96]


def test_audio_is_encoded_to_the_top_and_decoded_again(chains, pieces):
    request = modes.upsampled_audio(chains[3], {"a": pieces[0]}, range(1), progress=False)
    result = made(request)
    assert result.audio.shape == (1, 110)
    middle = chains[3].load_model(2).encode(pieces[0][np.newaxis])
    top = chains[3].load_model(1).encode(middle).numpy()
    np.testing.assert_array_equal(result.ids[0], top)


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (UsageError, r"a lasts 0.11 s, more than --duration_secs=0.1:",
         lambda c, p: modes.primed(c[2], {"a": p[0]}, range(1), 0.1)),
        (UsageError, r"a lasts 0.11 s, b 0.09 s: continue them one at a time",
         lambda c, p: modes.continued(c[2], {"a": p[0], "b": p[1]}, range(1), 0.1)),
        (UsageError, r"a lasts 0.11 s, b 0.09 s: give --duration_secs",
         lambda c, p: modes.upsampled_audio(c[2], {"a": p[0], "b": p[1]}, range(1))),
        (UsageError, r"codes last for 0.112 s, less than --duration_secs=0.2",
         lambda c, p: modes.upsampled_audio(c[2], {"a": p[0]}, range(1), 200, progress=False)),
        (UsageError, r"run from 0 to 9, those of .*level1 from 0 to 6",
         lambda c, p: modes.upsampled(c[2], np.array([[0, 9]]), range(1))),
        (UserError, "has no codes to decode",
         lambda c, p: modes.upsampled(c[1], np.array([[0, 1]]), range(1))),
        (UserError, "put a prior above it",
         lambda c, p: modes.primed(modes.decoders_of(c[3]), {"a": p[0]}, range(1), 1.0)),
        (UserError, "put a prior above it",
         lambda c, p: modes.ancestral(modes.decoders_of(c[3]), range(1), 1.0)),
    ],
)  # fmt: skip
def test_invalid_requests_are_refused(error, message, make, chains, pieces):
    with pytest.raises(error, match=message):
        make(chains, pieces)


def test_prompts_of_unequal_length_are_upsampled_to_one_that_all_have(chains, pieces):
    prompts = dict(zip("ab", pieces, strict=True))
    request = modes.upsampled_audio(chains[2], prompts, range(2), 80, progress=False)
    assert made(request).audio.shape == (2, 80)


def test_clips_are_known_by_their_numbers(chains, pieces):
    """Prompts and random numbers of clips 1 and 4 are what they are among all."""
    prompts = dict(zip("ab", pieces, strict=True))
    some, many = (
        made(modes.primed(chains[3], prompts, numbers, 0.15, progress=False))
        for numbers in ([1, 4], range(5))
    )
    for ids, expected in zip(some.ids, many.ids, strict=True):
        np.testing.assert_array_equal(ids, expected[[1, 4]])
