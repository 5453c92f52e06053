import itertools

import numpy as np
import pytest
import tensorflow as tf

from ada.data import evaluation_windows
from ada.data.windows import evaluation_table

CASES = [
    # window, left, right, alignment
    (50, 0, 0, 1),
    (50, 10, 0, 1),
    (50, 10, 7, 1),
    (64, 20, 9, 8),
    (64, 55, 0, 8),
    (2000, 100, 50, 64),
    (51, 25, 25, 1),
]


@pytest.mark.parametrize("case", CASES)
def test_every_step_counts_once_with_its_context(codes, case):
    window, left, right, alignment = case
    dataset, truth = codes
    counts = [np.zeros(len(steps), int) for steps in truth["train"]]
    batches = evaluation_windows(
        dataset,
        "train",
        window_steps=window,
        left_context=left,
        right_context=right,
        alignment=alignment,
        batch_size=8,
    )
    assert batches.element_spec["ids"] == tf.TensorSpec([8, window], tf.int32)
    for batch in batches:
        batch = {key: value.numpy() for key, value in batch.items()}
        assert batch["source"].dtype == batch["start"].dtype == np.int64
        for ids, weights, source, start in zip(*batch.values(), strict=True):
            steps = truth["train"][source]
            there = steps[start : start + window]
            np.testing.assert_array_equal(ids[: len(there)], there)
            assert not ids[len(there) :].any()
            assert start % alignment == 0
            counted = np.flatnonzero(weights)
            if not len(counted):
                continue
            assert (weights[counted] == 1).all()
            np.testing.assert_array_equal(counted, np.arange(counted[0], counted[-1] + 1))
            counts[source][start + counted] += 1
            assert start == 0 and counted[0] == 0 or counted[0] >= left
            assert window - 1 - counted[-1] >= right
    for count in counts:
        np.testing.assert_array_equal(count, 1)


def test_table_for_many_shapes():
    lengths = np.array([1, 2, 7, 64, 65, 129, 1000])
    for window, left, right, alignment in itertools.product(
        (16, 33, 64), (0, 5, 11), (0, 3), (1, 2, 4)
    ):
        if window < left + right + alignment:
            continue
        table = evaluation_table(
            lengths,
            window_steps=window,
            left_context=left,
            right_context=right,
            alignment=alignment,
            batch_size=1,
            max_steps=None,
        )
        for source, length in enumerate(lengths):
            mine = table["source"] == source
            begin, end = table["count_from"][mine], table["count_to"][mine]
            np.testing.assert_array_equal(begin, [0, *end[:-1]])
            assert end[-1] == length
            assert (end > begin).all()
            assert (end + right <= table["start"][mine] + window).all()


def test_slices_together_are_the_batch(codes):
    arguments = {"window_steps": 64, "left_context": 20, "batch_size": 6}
    whole = list(evaluation_windows(codes[0], "validation", **arguments))
    slices = [
        list(evaluation_windows(codes[0], "validation", **arguments, slice_index=i, num_slices=2))
        for i in range(2)
    ]
    assert len(whole) == len(slices[0]) == len(slices[1])
    for batch, *parts in zip(whole, *slices, strict=True):
        for key in batch:
            np.testing.assert_array_equal(batch[key], np.concatenate([p[key] for p in parts]))


def test_last_batch_is_filled_with_nothing(codes):
    batches = list(
        evaluation_windows(codes[0], "test", window_steps=64, left_context=8, batch_size=5)
    )
    assert len(batches) == 1
    np.testing.assert_array_equal(batches[0]["weights"].numpy().sum(axis=1), [10, 0, 0, 0, 0])


@pytest.mark.parametrize("max_steps", [1, 100, 500, 1000, 2780, 2781, 10**9])
def test_max_steps_takes_an_even_subset(codes, max_steps):
    batches = evaluation_windows(
        codes[0],
        "train",
        window_steps=64,
        left_context=14,
        batch_size=4,
        max_steps=max_steps,
    )
    rows = [row for batch in batches for row in zip(*(v.numpy() for v in batch.values()))]  # noqa: B905
    counted = sum(row[1].sum() for row in rows)
    if max_steps >= 2781:
        assert counted == 2781
    else:
        assert counted <= max(max_steps, 64)
        assert counted >= min(max_steps, 2781) * 0.75 - 64
    if 500 <= max_steps < 2781:
        assert {row[2] for row in rows if row[1].any()} >= {0, 2}


def test_no_room_to_count_is_an_error_with_the_numbers(codes):
    with pytest.raises(
        ValueError, match="window of 64 .* left context of 60 .* right context of 4"
    ):
        evaluation_windows(
            codes[0], "test", window_steps=64, left_context=60, right_context=4, batch_size=1
        )
    with pytest.raises(ValueError, match="alignment of 8; use at least 72 steps"):
        evaluation_windows(
            codes[0], "test", window_steps=64, left_context=64, alignment=8, batch_size=1
        )
