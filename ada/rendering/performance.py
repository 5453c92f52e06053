"""Plays a score with expression: seconds and velocities for written notes.

The numbers are our choices, for chorales on a piano.
"""

from dataclasses import dataclass

import numpy as np

from ada.rendering.clock import STEP, Clock
from ada.rendering.notation import Notation

# Tempo, in quarters per minute, of a score without a metronome mark; deviation from a mark.
TEMPO_RANGE = (58.0, 80.0)
TEMPO_DEVIATION = 0.04
# Standard deviation of onsets, and silence between a note and the next of the same key.
JITTER_SECS = 0.005
DETACH_SECS = 0.015
MIN_NOTE_SECS = 0.06
# Velocities (1 to 127): of a piece, and how far its phrases swell.
BASE_RANGE = (50.0, 66.0)
SWELL_RANGE = (5.0, 12.0)
# Phrases of a score without fermatas.
PHRASE_QUARTERS = 16.0
# The highest note of a chord is forward, the lowest a little.
TOP, BOTTOM, MIDDLE = 9.0, 3.0, -3.0
ON_BEAT, OFF_BEAT = 2.5, -1.5
JITTER_VELOCITY = 2.5
VELOCITY_RANGE = (20, 110)


@dataclass(frozen=True)
class PlayedNote:
    """A key that is pressed and released.

    Attributes:
      onset: in seconds from the start.
      end: in seconds from the start.
      pitch: MIDI number.
      velocity: 1 to 127.
    """

    onset: float
    end: float
    pitch: int
    velocity: int


def perform(notation: Notation, rng: np.random.Generator) -> list[PlayedNote]:
    """Plays a score.

    Args:
      notation: what is written.
      rng: source of all that differs between two performances.

    Returns:
      A note per written one, in the same order. Onsets keep the written order, and each key is
      released before it is pressed again.
    """
    written = np.array([(note.onset, note.end, note.pitch) for note in notation.notes])
    onset_quarters, end_quarters, pitches = written.T
    end = end_quarters.max()
    clock = Clock(end, notation.fermatas, _tempo(notation, rng), rng)
    velocities = _velocities(onset_quarters, end_quarters, pitches, clock.phrase_ends, rng)
    onsets = _jittered(np.array([clock.onset(q) for q in onset_quarters]), rng)
    ends = np.array([clock.release(q) for q in end_quarters]) - DETACH_SECS
    ends = np.maximum(ends - rng.normal(0, JITTER_SECS, len(ends)), onsets + MIN_NOTE_SECS)
    ends = _released_in_time(onsets, ends, pitches)
    return [
        PlayedNote(float(onset), float(end), int(pitch), int(velocity))
        for onset, end, pitch, velocity in zip(onsets, ends, pitches, velocities, strict=True)
    ]


def _tempo(notation: Notation, rng: np.random.Generator) -> float:
    """Mean tempo of a performance, in quarters per minute."""
    if notation.quarters_per_minute is None:
        return rng.uniform(*TEMPO_RANGE)
    return notation.quarters_per_minute * (1 + rng.uniform(-TEMPO_DEVIATION, TEMPO_DEVIATION))


def _jittered(onsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Onsets that are not quite together, but never in another order."""
    distinct = np.unique(onsets)
    gaps = np.diff(distinct, prepend=distinct[0] - 1, append=distinct[-1] + 1)
    room = np.minimum(gaps[:-1], gaps[1:])[np.searchsorted(distinct, onsets)] / 3
    jitter = rng.normal(0, JITTER_SECS, len(onsets))
    return np.maximum(onsets + np.clip(jitter, -room, room), 0)


def _velocities(
    onsets: np.ndarray,
    ends: np.ndarray,
    pitches: np.ndarray,
    phrase_ends: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Velocities of notes in quarters: phrases swell and fade, top notes and beats are louder."""
    end = ends.max()
    if not len(phrase_ends):
        phrase_ends = np.arange(PHRASE_QUARTERS, end, PHRASE_QUARTERS)
    bounds = np.concatenate([[0], phrase_ends, [end + STEP]])
    phrase = np.searchsorted(bounds, onsets, "right") - 1
    position = (onsets - bounds[phrase]) / np.maximum(np.diff(bounds), 1)[phrase]
    velocities = rng.uniform(*BASE_RANGE) + rng.uniform(*SWELL_RANGE) * np.sin(np.pi * position)
    for i, onset in enumerate(onsets):
        sounding = pitches[(onsets <= onset) & (ends > onset)]
        is_top, is_bottom = pitches[i] == sounding.max(), pitches[i] == sounding.min()
        velocities[i] += TOP if is_top else BOTTOM if is_bottom else MIDDLE
    on_beat = np.abs(onsets - np.round(onsets)) < 0.01
    velocities += np.where(on_beat, ON_BEAT, OFF_BEAT)
    velocities += rng.normal(0, JITTER_VELOCITY, len(onsets))
    return np.clip(np.round(velocities), *VELOCITY_RANGE)


def _released_in_time(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Ends before the next onset of the same key."""
    ends = ends.copy()
    for pitch in np.unique(pitches):
        of_key = np.flatnonzero(pitches == pitch)
        of_key = of_key[np.argsort(onsets[of_key], kind="stable")]
        first, following = onsets[of_key[:-1]], onsets[of_key[1:]]
        latest = np.maximum(following - DETACH_SECS, (first + following) / 2)
        ends[of_key[:-1]] = np.minimum(ends[of_key[:-1]], latest)
    return ends
