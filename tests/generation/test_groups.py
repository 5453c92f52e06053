"""Codes in groups, a front end and position in the hop: windows and pieces equal the whole."""

import numpy as np
import pytest
from support import SAMPLERS

from ada.extraction.job import SourceEncoder
from ada.generation import Level, SamplingConfig, Stream
from ada.generation.lengths import CodeGeometry, codes_inside

pytestmark = pytest.mark.usefixtures("short_blocks")
IDS = np.random.default_rng(8).integers(0, 7, (2, 203)).astype(np.int32)


@pytest.fixture(scope="module", params=[2, 3], ids=["groups of 2", "groups of 3"])
def model(request, make_note_autoencoder):
    return make_note_autoencoder(group_length=request.param)


@pytest.mark.parametrize("backend", SAMPLERS[:2])
def test_draws_have_the_log_probabilities_of_the_whole(model, backend):
    codes = np.random.default_rng(3).integers(0, model.num_codes, (2, 41)).astype(np.int32)
    level = Level(model, SamplingConfig(5), batch_size=2, backend=backend)
    [(ids, log_probs)] = Stream([level], [41 * 4], 2, codes=codes).collect()
    expected = model.log_prob(ids, codes)
    np.testing.assert_allclose(log_probs, expected, atol=1e-4)


def test_pieces_of_a_source_have_the_codes_of_the_whole(model):
    whole = model.encode(IDS[:1])[0].numpy()
    assert len(whole) == 51  # the last group is not full, nor is the last hop
    for piece_steps in (1, 40, 96):
        encoder = SourceEncoder(model, piece_steps)
        pieces = list(encoder.blocks(lambda start, n: IDS[0, start : start + n], 203))
        assert len(pieces) > 1
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_codes_inside_stay_whatever_follows(model):
    geometry = CodeGeometry.of(model)
    rng = np.random.default_rng(9)
    for length in (60, 83, 100):
        inside = codes_inside(length, geometry)
        assert 0 < inside < -(-length // 4)
        found = model.encode(IDS[:, :length]).numpy()[:, :inside]
        np.testing.assert_array_equal(found, model.encode(IDS).numpy()[:, :inside])
        other = np.concatenate([IDS[:, :length], rng.integers(0, 7, (2, 60))], axis=1)
        np.testing.assert_array_equal(found, model.encode(other.astype(np.int32))[:, :inside])


def test_context_covers_what_log_probabilities_depend_on(model):
    """Ids farther away than `context` change nothing."""
    past, future = model.context
    before = model.log_prob(IDS[:1]).numpy()[0]
    for place in (0, 7, 100, 190):
        changed = IDS[:1].copy()
        changed[0, place] = (changed[0, place] + 3) % 7
        differs = np.flatnonzero(np.abs(model.log_prob(changed).numpy()[0] - before) > 1e-5)
        assert len(differs)
        assert differs.min() >= place - future
        assert differs.max() <= place + past
