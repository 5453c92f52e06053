"""Longest shared runs equal what looking at every pair finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import write_codes

from ada.evaluation.copies import memorised
from ada.evaluation.memorisation import longest_shared_runs
from ada.runs.chain import Chain

CODES = st.lists(st.integers(0, 2), min_size=1, max_size=40)


def by_looking(clip, corpus):
    longest = 0
    for piece in corpus:
        for i in range(len(clip)):
            for j in range(len(piece)):
                k = 0
                while i + k < len(clip) and j + k < len(piece) and clip[i + k] == piece[j + k]:
                    k += 1
                longest = max(longest, k)
    return longest


@given(st.lists(CODES, min_size=1, max_size=4), st.lists(CODES, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_longest_run_equals_brute_force(clips, corpus):
    arrays = [[np.array(run) for run in runs] for runs in (clips, corpus)]
    assert longest_shared_runs(*arrays).tolist() == [by_looking(clip, corpus) for clip in clips]


def test_a_copy_is_found_to_its_length():
    rng = np.random.default_rng(0)
    corpus = [rng.integers(0, 256, 50000) for _ in range(3)]
    clip = rng.integers(0, 256, 3000)
    clip[100:1437] = corpus[1][-1337:]
    assert longest_shared_runs([clip, clip[:600], corpus[2][7:3000]], corpus).tolist() == [
        1337,
        500,
        2993,
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_any_kind_of_integer(dtype):
    assert longest_shared_runs([np.array([1, 2], dtype)], [np.array([2, 1], dtype)]) == [1]
    assert longest_shared_runs([np.array([9], dtype)], [np.array([2, 1], dtype)]) == [0]


def test_copies_of_other_data_than_the_training_data_mean_nothing(chain_dirs, tmp_path):
    chain = Chain.open(chain_dirs[2])
    splits = dict.fromkeys(("train", "validation", "test"), [np.arange(40) % 7])
    upstream = chain.runs[1].identity()
    data_dir = write_codes(tmp_path / "codes", splits, 7, 4, upstream, sample_rate=1000)
    assert memorised(chain, np.arange(16)[np.newaxis] % 7, data_dir=data_dir) is None
