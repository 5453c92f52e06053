"""Clips of real audio, spread evenly over a split."""

import numpy as np

from ada.data import Dataset
from ada.runs.run import Run


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
    length = min(_steps(dataset, secs), int(lengths.max()))
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
    """Number of clips of a length in a split, without overlap."""
    return int((np.array(dataset.index(split).lengths) // _steps(dataset, secs)).sum())


def _steps(dataset: Dataset, secs: float) -> int:
    return max(round(secs * dataset.spec.sample_rate / dataset.spec.hop_length), 1)


def stored_to_audio(run: Run, stored: np.ndarray) -> np.ndarray:
    """Steps as an audio dataset stores them, as a model hears them: float32 in [-1, 1]."""
    return ids_to_audio(run, np.asarray(run.info.to_ids()(stored)))


def ids_to_audio(run: Run, ids: np.ndarray) -> np.ndarray:
    """Ids of an audio run to float32 audio of the same shape."""
    return np.asarray(run.info.ids_to_audio(ids), np.float32)
