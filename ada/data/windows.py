"""Positions of the windows of an evaluation, and the steps that each of them counts."""

import numpy as np


def evaluation_table(
    lengths: np.ndarray,
    *,
    window_steps: int,
    left_context: int,
    right_context: int,
    alignment: int,
    batch_size: int,
    max_steps: int | None,
    within_sources: bool = False,
) -> dict[str, np.ndarray]:
    """All windows over sources, for `ada.data.evaluation_windows`.

    Args:
      lengths: int64 `[num_sources]`, steps of each source.
      window_steps: steps in a window.
      left_context: steps that a window must see before those it counts.
      right_context: steps that it must see after them, of a source or of what comes after its end.
      alignment: windows start at multiples of it.
      batch_size: the table is filled up to a multiple of it.
      max_steps: count this number of steps at most, evenly spread; all if None.
      within_sources: leave out windows that reach past the end of their source.

    Returns:
      int64 columns `source`, `start` (of the window), `count_from` and `count_to` (the steps that
      it counts, from the source's start), of a whole number of batches. The rows that fill up
      the last batch count nothing.

    Raises:
      ValueError: if the contexts leave nothing of a window to count.
    """
    if min(left_context, right_context) < 0 or min(alignment, batch_size) < 1:
        raise ValueError(
            "contexts must be at least 0, alignment and batch_size at least 1; got "
            f"{left_context}, {right_context}, {alignment}, {batch_size}"
        )
    # The first window counts window_steps - right_context steps; each later one starts that much
    # later that left_context steps of it are already counted, rounded down to the alignment.
    stride = (window_steps - left_context - right_context) // alignment * alignment
    if stride < 1:
        raise ValueError(
            f"a window of {window_steps} steps leaves nothing to count beside a left context of "
            f"{left_context} and a right context of {right_context} steps with an alignment of "
            f"{alignment}; use at least {left_context + right_context + alignment} steps"
        )
    # The last one reaches beyond the end of its source by the right context, too.
    later = np.maximum(-(-(lengths + right_context - window_steps) // stride), 0)
    source = np.repeat(np.arange(len(lengths)), later + 1)
    number = np.arange(len(source)) - np.repeat(np.cumsum(later + 1) - (later + 1), later + 1)
    start = number * stride
    last = number == later[source]
    count_to = np.where(last, lengths[source], start + window_steps - right_context)
    count_from = np.where(number == 0, 0, start - stride + window_steps - right_context)
    table = np.stack([source, start, count_from, count_to], axis=1).astype(np.int64)
    table = _spread(table, max_steps)
    if within_sources:
        table = table[table[:, 1] + window_steps <= lengths[table[:, 0]]]
    missing = -len(table) % batch_size
    table = np.concatenate([table, np.zeros([missing, 4], np.int64)])
    return dict(zip(("source", "start", "count_from", "count_to"), table.T, strict=True))


def _spread(table: np.ndarray, max_steps: int | None) -> np.ndarray:
    """A stratified sample of windows that count at most `max_steps` together, but at least one.

    The list is divided into equal parts, and a window of each is drawn, always the same. (The
    middle ones would all be of the same place where sources are of equal length.)
    """
    counted = table[:, 3] - table[:, 2]
    if max_steps is None or counted.sum() <= max_steps:
        return table
    number = len(table)
    while True:
        places = np.arange(number) + np.random.default_rng(number).random(number)
        chosen = (places * len(table) / number).astype(np.int64)
        total = counted[chosen].sum()
        if total <= max_steps or number == 1:
            return table[chosen]
        number = max(1, min(number - 1, int(number * max_steps / total)))
