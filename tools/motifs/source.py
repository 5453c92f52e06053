"""Music whose long-range structure is known exactly: a motif of random notes, repeated.

A piece draws a motif of notes uniformly at random and plays it again and again. A note is an attack
(the loudest level, so that nobody has to guess where notes begin) and a short tone under noise: one
sample says little of which note it is, all of them nearly everything. Everything but the motif is
local; the motif returns at a lag of `lag` samples, and only that far back is it to be found.
"""

import math
from dataclasses import dataclass

import numpy as np

from ada.audio import mu_law_decode

NUM_LEVELS = 16  # of amplitude; the last one is the attack's
CLASSES_A_LEVEL = 256 // NUM_LEVELS
TONE_AMPLITUDE = 2.5  # in levels
NOISE_DEVIATION = 0.8  # in levels


@dataclass(frozen=True)
class Source:
    """What pieces are made of.

    Attributes:
      num_notes: notes to choose from; note k has k + 1/2 half-periods in its tone.
      note_steps: samples of a note, its attack included.
      motif_notes: notes of a motif.
      repetitions: how often a piece plays its motif.
    """

    num_notes: int = 16
    note_steps: int = 16
    motif_notes: int = 60
    repetitions: int = 8

    @property
    def lag(self) -> int:
        """Samples after which the motif returns."""
        return self.motif_notes * self.note_steps

    @property
    def piece_steps(self) -> int:
        """Samples of a piece."""
        return self.repetitions * self.lag

    @property
    def shape(self) -> tuple[int, int, int]:
        """A piece as (repetition, note of the motif, sample of the note)."""
        return self.repetitions, self.motif_notes, self.note_steps

    def level_probabilities(self) -> np.ndarray:
        """p(level | note, sample of the note), float64 `[note_steps, num_notes, NUM_LEVELS]`."""
        centre = (NUM_LEVELS - 2) / 2
        place = (np.arange(self.note_steps - 1) + 0.5) / (self.note_steps - 1)
        half_periods = np.arange(self.num_notes) + 0.5
        tone = centre + TONE_AMPLITUDE * np.cos(np.pi * place[:, None] * half_periods)
        # Rounding to the nearest level, the outermost taking what lies beyond.
        edges = np.concatenate([[-np.inf], np.arange(NUM_LEVELS - 2) + 0.5, [np.inf]])
        below = _normal_cdf((edges - tone[..., None]) / NOISE_DEVIATION)
        table = np.zeros([self.note_steps, self.num_notes, NUM_LEVELS])
        table[0, :, -1] = 1.0
        table[1:, :, :-1] = np.diff(below)
        return table

    def draw(self, num_pieces: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws pieces.

        Returns:
          motifs int `[pieces, motif_notes]`, and levels int `[pieces, piece_steps]`.
        """
        rng = np.random.default_rng(seed)
        motifs = rng.integers(0, self.num_notes, [num_pieces, self.motif_notes])
        cumulative = np.cumsum(self.level_probabilities(), -1)
        uniform = rng.random([num_pieces, *self.shape])
        levels = np.zeros(uniform.shape, np.int64)
        for step in range(self.note_steps):
            of_note = cumulative[step, motifs][:, None]  # the same in every repetition
            levels[..., step] = (uniform[..., step, None] >= of_note[..., :-1]).sum(-1)
        return motifs, levels.reshape(num_pieces, -1)


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def levels_to_audio(levels: np.ndarray) -> np.ndarray:
    """Levels to float32 audio: each stands in the middle of its own 16 mu-law classes."""
    return mu_law_decode(levels * CLASSES_A_LEVEL + CLASSES_A_LEVEL // 2)


def ids_to_levels(ids: np.ndarray) -> np.ndarray:
    """256 mu-law classes to levels, the inverse; a class between levels counts as the nearest."""
    return np.asarray(ids) // CLASSES_A_LEVEL
