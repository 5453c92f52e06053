"""Every rater's order is random, and balanced over systems and clips."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ada.listening import draw_order


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5), seed=st.integers(0, 2**62))
def test_every_round_has_each_system_once_and_no_clip_comes_twice(sizes, seed):
    systems = {f"s{k}": [10 * k + i for i in range(n)] for k, n in enumerate(sizes)}
    order = draw_order(systems, {}, min(sizes), seed)
    assert len(order) == len(set(order)) == min(sizes) * len(sizes)
    rounds = [order[i : i + len(sizes)] for i in range(0, len(order), len(sizes))]
    assert all(sorted(clip // 10 for clip in r) == list(range(len(sizes))) for r in rounds)
    assert order == draw_order(systems, {}, min(sizes), seed)


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), raters=st.integers(1, 12))
def test_clips_of_a_system_are_given_equally_often(sizes, raters):
    systems = {f"s{k}": [10 * k + i for i in range(n)] for k, n in enumerate(sizes)}
    counts = Counter({clip: 0 for clips in systems.values() for clip in clips})
    for seed in range(raters):
        counts.update(draw_order(systems, counts, min(sizes), seed))
    for clips in systems.values():
        given = [counts[clip] for clip in clips]
        assert max(given) - min(given) <= 1


def test_every_place_is_equally_likely():
    systems = {"a": [0, 1], "b": [2, 3]}
    orders = [draw_order(systems, {}, 2, seed) for seed in range(4000)]
    for place in range(4):
        shares = Counter(order[place] for order in orders)
        # Five standard deviations of a count of 1000.
        assert all(abs(shares[clip] - 1000) < 5 * 27.4 for clip in range(4))


def test_more_rounds_than_clips_are_refused():
    with pytest.raises(ValueError, match="2 rounds, but 1 clips of 'b'"):
        draw_order({"a": [0, 1], "b": [2]}, {}, 2, 0)
