"""Piano rolls as inline SVG: time to the right, pitch upwards, a bar for each note.

Colours are the page's (`ada.pages.page`), so that one picture serves light and dark.
"""

from collections.abc import Iterable

import numpy as np

from ada.evaluation.notes import Notes
from ada.pages import jinja

PitchRange = tuple[int, int]
_NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def pitch_range(clips: Iterable[Notes]) -> PitchRange:
    """Lowest and highest MIDI number of clips that are shown together; two octaves or more."""
    pitches = np.concatenate([[60], *(notes.pitches for notes in clips)])
    if len(pitches) > 1:
        pitches = pitches[1:]
    low, high = int(pitches.min()), int(pitches.max())
    missing = max(24 - (high - low), 0)
    return low - missing // 2, high + -(-missing // 2)


def roll_block(title: str, notes: Notes, duration_secs: float, pitches: PitchRange) -> str:
    """A piano roll.

    Args:
      title: of the clip.
      notes: of it.
      duration_secs: its length, the width of the roll.
      pitches: lowest and highest MIDI number shown, the height of the roll.
    """
    low, high = pitches
    height = high - low + 1
    tops = high - notes.pitches
    bars = "".join(
        f"M{start:.3f} {top + 0.1:.1f}h{end - start:.3f}v.8h{start - end:.3f}z"
        for start, end, top in zip(notes.onsets, notes.offsets, tops, strict=True)
    )
    octaves = "".join(
        f"M0 {high - pitch + 1}h{duration_secs:.3f}"
        for pitch in range(low, high + 1)
        if not pitch % 12
    )
    shown = f"{_name(low)} to {_name(high)}"
    count = len(notes.onsets)
    return jinja.block("roll", title, duration_secs, height, octaves, bars, count, shown)


def _name(pitch: int) -> str:
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
