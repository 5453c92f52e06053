"""Clips of real audio, spread evenly over a split."""

import numpy as np

from ada.data import Dataset
from ada.runs import Run


def spread_clips(dataset: Dataset, split: str, num_clips: int, secs: float) -> np.ndarray:
    """Clips of equal length, from as many sources as there are and evenly within each.

    Args:
      dataset: audio or codes.
      split: its name.
      num_clips: how many; they overlap where the split is short.
      secs: length of each; less if no source is as long.

    Returns:
      Steps as stored, `[num_clips, steps]`.
    """
    lengths = np.array(dataset.index(split).lengths)
    wanted = round(secs * dataset.spec.sample_rate / dataset.spec.hop_length)
    length = min(max(wanted, 1), int(lengths.max()))
    long_enough = np.flatnonzero(lengths >= length)
    # Sources in turn, evenly over all of them where there are more than clips.
    order = long_enough[np.linspace(0, len(long_enough) - 1, num_clips).round().astype(int)]
    if len(long_enough) < num_clips:
        order = long_enough[np.arange(num_clips) % len(long_enough)]
    clips = []
    for number, source in enumerate(order):
        visit, visits = (
            np.count_nonzero(order[:number] == source),
            np.count_nonzero(order == source),
        )
        # Away from the ends, which are often silent.
        start = int((lengths[source] - length) * (visit + 1) / (visits + 1))
        clips.append(dataset.read(split, int(source), start, length))
    return np.stack(clips)


def fitting(dataset: Dataset, split: str, secs: float) -> int:
    """How many clips of a length a split has, side by side."""
    lengths = np.array(dataset.index(split).lengths)
    steps = round(secs * dataset.spec.sample_rate / dataset.spec.hop_length)
    return int((lengths // max(steps, 1)).sum())


def real_ids(
    run: Run, split: str, num_clips: int, secs: float, data_dir: str | None = None
) -> np.ndarray:
    """`spread_clips` of a run's dataset as ids int32 `[num_clips, steps]`."""
    stored = spread_clips(run.open_dataset(data_dir), split, num_clips, secs)
    return np.asarray(run.info.to_ids()(stored))


def ids_to_audio(run: Run, ids: np.ndarray) -> np.ndarray:
    """Ids of an audio run to float32 audio of the same shape."""
    return np.asarray(run.info.ids_to_audio(ids), np.float32)
