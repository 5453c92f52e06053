"""Measures of music by its notes: density, polyphony, pauses and keys (ours, not the paper's).

A key is one of 24 scales of seven pitch classes, the major and the harmonic minor scale on each of
twelve roots (a natural minor scale has the notes of a major one). Notes are counted, not weighted.

Read measures of key together with the others: the few pitches of a murmur are in a key too. Their
controls (`ada.evaluation.note_controls`) show what they are worth.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# Of fewer notes, in a clip or in its first or last third, a measure of key says little.
LEAST_NOTES, LEAST_NOTES_OF_THIRD = 8, 4
# Key kept is also measured over stretches of this length.
SHORTER_SECS = 10.0
_MAJOR, _HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)


class Notes(NamedTuple):
    """Notes in order of their onsets.

    Attributes:
      onsets: float64 `[notes]`, seconds.
      offsets: float64 `[notes]`, seconds.
      pitches: int `[notes]`, MIDI numbers; 69 is 440 Hz.
    """

    onsets: np.ndarray
    offsets: np.ndarray
    pitches: np.ndarray


def notes_of(rows: Iterable[tuple[float, float, int]]) -> Notes:
    """Notes of (onset, offset, pitch), in order of their onsets."""
    columns = np.array(sorted(rows), float).reshape(-1, 3).T
    return Notes(columns[0], columns[1], columns[2].astype(int))


def measures(notes: Notes, duration_secs: float) -> dict[str, float | None]:
    """The measures of a clip.

    Args:
      notes: of the clip.
      duration_secs: its length.

    Returns:
      "notes_per_sec"; "polyphony", how many notes sound at once, a mean over the time in which any
      does; "sounding_share", that time as a share of the clip; "longest_silence_secs"; "in_key"
      and "key_kept", see the functions; "key_kept_10_secs", a mean over the stretches of 10 s that
      the clip holds. None for what a clip is too short or has too few notes for.
    """
    starts, ends = _sounding(notes, duration_secs)
    sounding = float(np.sum(ends - starts))
    lengths = np.minimum(notes.offsets, duration_secs) - notes.onsets
    silences = np.append(starts, duration_secs) - np.append(0.0, ends)
    return {
        "notes_per_sec": len(notes.onsets) / duration_secs,
        "polyphony": float(lengths.sum()) / sounding if sounding else None,
        "sounding_share": sounding / duration_secs,
        "longest_silence_secs": float(silences.max()),
        "in_key": in_key(notes.pitches),
        "key_kept": key_kept(*thirds(notes, duration_secs)),
        "key_kept_10_secs": _key_kept_in_stretches(notes, duration_secs),
    }


def in_key(pitches: np.ndarray) -> float | None:
    """Share of notes whose pitch class is in the key that fits most of them; None of fewer than 8.

    Of a few random pitches it is far above the 7 in 12 of many.
    """
    if len(pitches) < LEAST_NOTES:
        return None
    return float(_share_by_key(pitches).max())


def key_kept(first: np.ndarray, last: np.ndarray) -> float | None:
    """Share of the last third's notes that are in the key of the first third; a mean over keys that
    fit the first equally well.

    Args:
      first: MIDI numbers of the notes that begin in the first third of a clip.
      last: of those that begin in the last third.

    Returns:
      About 7/12 for random pitches; None where a third has fewer than 4 notes.
    """
    if min(len(first), len(last)) < LEAST_NOTES_OF_THIRD:
        return None
    fit = _share_by_key(first)
    return float(_share_by_key(last)[fit == fit.max()].mean())


def thirds(notes: Notes, duration_secs: float) -> tuple[np.ndarray, np.ndarray]:
    """Pitches of the notes that begin in the first and in the last third of a clip."""
    first = notes.onsets < duration_secs / 3.0
    last = notes.onsets >= duration_secs * 2.0 / 3.0
    return notes.pitches[first], notes.pitches[last]


def _key_kept_in_stretches(notes: Notes, duration_secs: float) -> float | None:
    # A clip may be cut a few samples short of two stretches.
    stretches = range(int(duration_secs / SHORTER_SECS + 1e-3))
    found = []
    for start in (SHORTER_SECS * k for k in stretches):
        within = (notes.onsets >= start) & (notes.onsets < start + SHORTER_SECS)
        moved = Notes(notes.onsets[within] - start, notes.offsets[within], notes.pitches[within])
        found.append(key_kept(*thirds(moved, SHORTER_SECS)))
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _share_by_key(pitches: np.ndarray) -> np.ndarray:
    """Share of notes in each key, `[24]`."""
    counts = np.bincount(np.asarray(pitches, int) % 12, minlength=12)
    return _keys() @ counts / len(pitches)


def _keys() -> np.ndarray:
    """Pitch classes of the keys, 0 or 1, `[24, 12]`."""
    scales = np.zeros([2, 12], int)
    for scale, steps in zip(scales, (_MAJOR, _HARMONIC_MINOR), strict=True):
        scale[list(steps)] = 1
    return np.concatenate([np.roll(scales, root, axis=1) for root in range(12)])


def _sounding(notes: Notes, duration_secs: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends, seconds, of the stretches in which some note sounds."""
    if not len(notes.onsets):
        return np.zeros(0), np.zeros(0)
    order = np.argsort(notes.onsets)
    onsets = notes.onsets[order]
    latest = np.minimum(np.maximum.accumulate(notes.offsets[order]), duration_secs)
    fresh = onsets[1:] > latest[:-1]
    return onsets[np.append(True, fresh)], latest[np.append(fresh, True)]
