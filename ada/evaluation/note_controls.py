"""Clips whose notes are known to be wrong in one way: what measures of key are worth (ours).

A measure that gives a control the value of real music cannot tell the two apart.
"""

from collections.abc import Sequence

import numpy as np

from ada.evaluation.notes import Notes, in_key, key_kept, thirds

Values = list[float | None]
# Each control is a mean over as many draws of a clip.
_DRAWS = 8


def key_controls(
    clips: Sequence[Notes], duration_secs: float, seed: int = 0
) -> dict[str, dict[str, Values]]:
    """Measures of key where the notes of real clips were changed.

    Args:
      clips: notes of real clips, of different pieces where there are several.
      duration_secs: of each.
      seed: of the controls.

    Returns:
      By control and measure a value of each clip. "other_clip": the last third is that of the next
      clip (of one clip alone None). "transposed_third": the last third is moved by 1 to 11
      semitones. "random_pitches": as many notes at the same times, with any pitches between the
      lowest and the highest of the clip.
    """
    rng = np.random.default_rng(seed)
    parts = [thirds(notes, duration_secs) for notes in clips]
    following = [*parts[1:], *parts[:1]]
    found: dict[str, dict[str, Values]] = {
        "other_clip": {
            "key_kept": [
                key_kept(first, last) if len(clips) > 1 else None
                for (first, _), (_, last) in zip(parts, following, strict=True)
            ]
        },
        "transposed_third": {"key_kept": [_transposed(*part, rng) for part in parts]},
    }
    random = [_random_pitches(notes, duration_secs, rng) for notes in clips]
    names = ("in_key", "key_kept")
    found["random_pitches"] = {name: [values[name] for values in random] for name in names}
    return found


def murmur(audio: np.ndarray, seed: int = 0) -> np.ndarray:
    """Audio `[samples]` with the spectrum of a clip and random phases: its pitches, no notes."""
    spectrum = np.fft.rfft(audio)
    turns = np.random.default_rng(seed).random(len(spectrum))
    return np.fft.irfft(spectrum * np.exp(2j * np.pi * turns), len(audio)).astype(np.float32)


def noise(audio: np.ndarray, seed: int = 0) -> np.ndarray:
    """White noise as long and as loud as a clip `[samples]`."""
    level = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    return np.random.default_rng(seed).normal(0.0, level, len(audio)).astype(np.float32)


def _transposed(first: np.ndarray, last: np.ndarray, rng: np.random.Generator) -> float | None:
    return _mean([key_kept(first, last + rng.integers(1, 12)) for _ in range(_DRAWS)])


def _random_pitches(
    notes: Notes, duration_secs: float, rng: np.random.Generator
) -> dict[str, float | None]:
    if not len(notes.pitches):
        return {"in_key": None, "key_kept": None}
    ends = int(notes.pitches.min()), int(notes.pitches.max()) + 1
    drawn = [
        notes._replace(pitches=rng.integers(*ends, notes.pitches.shape)) for _ in range(_DRAWS)
    ]
    return {
        "in_key": _mean([in_key(one.pitches) for one in drawn]),
        "key_kept": _mean([key_kept(*thirds(one, duration_secs)) for one in drawn]),
    }


def _mean(values: Values) -> float | None:
    """Mean of what is not None."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
