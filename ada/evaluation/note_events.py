"""From activations of piano keys over time to notes (Bittner et al. 2022, section 2.3).

Notes begin at peaks of the onset activation and last as long as the frame activation stays up.
Loud frames that no onset explains become notes of their own afterwards, the loudest first.
"""

from collections.abc import Iterator

import numpy as np

LOWEST_PITCH = 21  # MIDI number of the lowest key, 27.5 Hz
ONSET_THRESHOLD, FRAME_THRESHOLD = 0.5, 0.3
SHORTEST_FRAMES = 11  # 127.7 ms: a note is longer than that
# A note has ended after as many quiet frames in a row.
QUIET_FRAMES = 11


def decode_notes(frames: np.ndarray, onsets: np.ndarray) -> list[tuple[int, int, int]]:
    """Finds notes.

    Args:
      frames: how surely each key sounds, 0 to 1, `[frames, keys]`.
      onsets: how surely a note of it begins, of the same shape.

    Returns:
      (first frame, frame of the end, key) of each note, in no order.
    """
    left = np.array(frames)
    notes = [*_from_onsets(left, _with_inferred(onsets, frames)), *_from_loud_frames(left)]
    return [note for note in notes if note[1] - note[0] > SHORTEST_FRAMES]


def _with_inferred(onsets: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Onset activations, raised where a frame is much above both of the two before it."""
    rise = np.zeros_like(frames)
    rise[2:] = np.maximum(frames[2:] - np.maximum(frames[1:-1], frames[:-2]), 0.0)
    steepest = rise.max(initial=0.0)
    return np.maximum(onsets, rise * (onsets.max() / steepest)) if steepest > 0 else onsets


def _from_onsets(left: np.ndarray, onsets: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Notes at peaks of the onsets, the last first; takes what they explain from `left`."""
    middle = onsets[1:-1]
    peaks = (middle > onsets[:-2]) & (middle > onsets[2:]) & (middle >= ONSET_THRESHOLD)
    # The last first: a note repeated while it sounds ends the one before.
    for before, key in np.argwhere(peaks)[::-1]:
        start = before + 1
        end = start + 1 + _reach(left[start + 1 : -1, key])[0]
        if end - start > SHORTEST_FRAMES:
            _clear(left, start, end, key)
            yield start, end, key


def _from_loud_frames(left: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Notes around the loudest frames of `left`, which it empties (the "Melodia trick")."""
    rows, keys = np.nonzero(left > FRAME_THRESHOLD)
    for number in np.argsort(-left[rows, keys], kind="stable"):
        peak, key = rows[number], keys[number]
        if not left[peak, key]:
            continue
        left[peak, key] = 0.0
        after, walked_after = _reach(left[peak + 1 : -1, key])
        before, walked_before = _reach(left[1:peak, key][::-1])
        _clear(left, peak + 1, peak + 1 + walked_after, key)
        _clear(left, peak - walked_before, peak, key)
        yield peak - before, peak + after, key


def _reach(activations: np.ndarray) -> tuple[int, int]:
    """Frames until the last loud frame of a note, and until its end is certain."""
    loud = np.concatenate([[-1], np.flatnonzero(activations >= FRAME_THRESHOLD)])
    gaps = np.flatnonzero(np.diff(loud) > QUIET_FRAMES)
    last = int(loud[gaps[0]] if gaps.size else loud[-1]) + 1
    return last, min(last + QUIET_FRAMES, len(activations))


def _clear(left: np.ndarray, start: int, end: int, key: int) -> None:
    """Sets the activations of a note, and of neighbouring keys, which sound with it, to 0."""
    left[start:end, max(key - 1, 0) : key + 2] = 0.0
