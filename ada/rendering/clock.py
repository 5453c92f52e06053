"""When written positions sound: the tempo of a performance.

The numbers are our choices, for chorales on a piano.
"""

from collections.abc import Sequence

import numpy as np

# Resolution of the tempo curve, in quarters.
STEP = 1 / 8
# The tempo wanders: size of the deviations, and how many steps (16 quarters) smooth them.
WANDER = 0.03
SMOOTHING_STEPS = 129
# How much longer a quarter lasts at a fermata and at the end, and how early that begins.
FERMATA_SLOWING = 0.15
FINAL_SLOWING = 0.4
SLOWING_QUARTERS = 0.8
# Silence after a fermata.
BREATH_SECS = (0.15, 0.5)
# Fermatas closer than this belong to one chord.
SAME_CHORD_QUARTERS = 1.0


class Clock:
    """Turns quarters of a score into seconds of a performance.

    The tempo wanders, slows down before fermatas and the end, and rests after fermatas.
    """

    def __init__(
        self,
        end: float,
        fermatas: Sequence[float],
        quarters_per_minute: float,
        rng: np.random.Generator,
    ) -> None:
        """Draws the tempo curve and the breaths.

        Args:
          end: of the score, in quarters.
          fermatas: ends of the notes with a fermata, in quarters.
          quarters_per_minute: mean tempo where nothing slows down.
          rng: source of what wanders.
        """
        self.phrase_ends = np.array([f for f in phrase_ends(fermatas) if f < end])
        self._grid = np.arange(0, end + 2 * STEP, STEP)
        secs_per_quarter = 60 / quarters_per_minute * (1 + WANDER * self._wandering(rng))
        slowing = FINAL_SLOWING * self._approach(end)
        for position in self.phrase_ends:
            slowing += FERMATA_SLOWING * self._approach(position)
        secs_per_quarter *= 1 + slowing
        self._secs = np.concatenate([[0], np.cumsum(secs_per_quarter[:-1] * STEP)])
        breaths = rng.uniform(*BREATH_SECS, len(self.phrase_ends))
        self._rested = np.concatenate([[0], np.cumsum(breaths)])

    def onset(self, quarters: float) -> float:
        """Seconds at which a note at a position begins: after the breath there."""
        return self._secs_at(quarters, "right")

    def release(self, quarters: float) -> float:
        """Seconds at which a note up to a position ends: before the breath there."""
        return self._secs_at(quarters, "left")

    def _secs_at(self, quarters: float, side: str) -> float:
        breaths = np.searchsorted(self.phrase_ends, quarters, side)
        return float(np.interp(quarters, self._grid, self._secs) + self._rested[breaths])

    def _wandering(self, rng: np.random.Generator) -> np.ndarray:
        """Smoothed noise along the grid."""
        window = np.hanning(SMOOTHING_STEPS)
        window /= (SMOOTHING_STEPS - 1) / 2
        noise = rng.normal(0, 1, len(self._grid) + SMOOTHING_STEPS - 1)
        return np.convolve(noise, window, "valid")

    def _approach(self, position: float) -> np.ndarray:
        """Rises to 1 at a position; 0 after it."""
        ahead = position - self._grid
        return np.where(ahead >= 0, np.exp(-np.abs(ahead) / SLOWING_QUARTERS), 0)


def phrase_ends(fermatas: Sequence[float]) -> list[float]:
    """One position per chord with fermatas: where the last of its notes ends, in quarters."""
    ends: list[float] = []
    for position in sorted(fermatas):
        if ends and position - ends[-1] < SAME_CHORD_QUARTERS:
            ends[-1] = position
        else:
            ends.append(position)
    return ends
