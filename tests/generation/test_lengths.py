"""How many ids every level needs."""

import pytest

from ada.generation.lengths import (
    CodeGeometry,
    chain_geometry,
    codes_inside,
    ids_of_codes,
    level_lengths,
)
from ada.layers import Field
from ada.runs.chain import Chain
from ada.runs.run import Run

HOP8, HOP4 = (CodeGeometry(Field(hop, hop + 1, hop), 3, 16) for hop in (8, 4))


@pytest.mark.parametrize(
    ("num_steps", "decoders", "lengths"),
    [
        (100, [], [100]),
        (100, [HOP8], [16, 100]),
        # The level in between is run ahead as well: 16 codes take 4 codes, and 3 to look ahead.
        (100, [HOP4, HOP8], [7, 16, 100]),
    ],
)
def test_every_level_is_run_ahead(num_steps, decoders, lengths):
    assert level_lengths(num_steps, decoders) == lengths


@pytest.mark.parametrize(
    ("given", "lengths"),
    [(9, [7, 16, 100]), (7, [7, 16, 100]), (6, [6, 16, 100]), (4, [4, 16, 100])],
)
def test_codes_given_may_end_early(given, lengths):
    assert level_lengths(100, [HOP4, HOP8], given) == lengths


def test_no_level_gets_longer_than_its_codes():
    assert level_lengths(128, [HOP4, HOP8], 4) == [4, 16, 128]
    assert ids_of_codes(4, [HOP4, HOP8]) == 128
    with pytest.raises(ValueError, match="4 codes last for 128 ids, not for 129"):
        level_lengths(129, [HOP4, HOP8], 4)


@pytest.mark.parametrize(("num_steps", "inside"), [(0, 0), (8, 0), (16, 0), (17, 1), (25, 2)])
def test_codes_inside_see_nothing_beyond(num_steps, inside):
    assert codes_inside(num_steps, HOP8) == inside


def test_geometry_takes_no_weights(chain_dirs, monkeypatch):
    chain = Chain.open(chain_dirs[3])
    expected = tuple(CodeGeometry.of(run.build_model()) for run in chain.runs)
    monkeypatch.delattr(Run, "build_model")
    assert chain_geometry(chain) == expected
    assert [geometry is None for geometry in expected] == [True, False, False]
