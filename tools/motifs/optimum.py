"""What is best possible: exact bits of a source with and without its memory, and its notes."""

import numpy as np

from tools.motifs.source import NUM_LEVELS, Source


def optimal_bits(source: Source, levels: np.ndarray, memory: bool) -> np.ndarray:
    """-log2 p(level | all before) under the source itself, by Bayes' rule over each note.

    Args:
      source: what made the pieces.
      levels: int `[pieces, piece_steps]`.
      memory: True: a note is foretold by its earlier repetitions (the least bits possible). False:
        every note is new, as to a model that does not see as far back as the motif's lag.

    Returns:
      float64 `[pieces, piece_steps]`.
    """
    evidence = _log_likelihoods(source, levels, 0.0)  # [pieces, repetitions, slots, steps, notes]
    if memory:
        # All repetitions of a slot are one long look at the same note.
        evidence = np.moveaxis(evidence, 1, 2)
    shape = evidence.shape
    looks = evidence.reshape(*shape[:2], -1, source.num_notes) if memory else evidence
    known = np.cumsum(looks, -2)
    before = np.concatenate([np.zeros_like(known[..., :1, :]), known[..., :-1, :]], -2)
    bits = (_log_sum(before) - _log_sum(known)) / np.log(2.0)
    bits = bits.reshape(shape[:-1])
    return (np.moveaxis(bits, 2, 1) if memory else bits).reshape(levels.shape)


def likeliest_notes(source: Source, levels: np.ndarray) -> np.ndarray:
    """The note that most likely made each `note_steps` levels; any number of them.

    Args:
      source: what the levels sound like.
      levels: int `[clips, notes * note_steps]`, which may hold what the source never plays.

    Returns:
      int `[clips, notes]`.
    """
    frames = levels.reshape(len(levels), -1, source.note_steps)
    return _frame_log_likelihoods(source, frames, 1e-6).sum(-2).argmax(-1)


def beat_of(source: Source, levels: np.ndarray) -> np.ndarray:
    """Where notes begin in generated clips: the place in `note_steps` that holds most attacks.

    Args:
      source: what the levels sound like.
      levels: int `[clips, steps]`.

    Returns:
      int `[clips]`, below `note_steps`.
    """
    whole = levels.shape[1] // source.note_steps * source.note_steps
    frames = levels[:, :whole].reshape(len(levels), -1, source.note_steps)
    return (frames == NUM_LEVELS - 1).sum(1).argmax(-1)


def _log_likelihoods(source: Source, levels: np.ndarray, floor: float) -> np.ndarray:
    frames = levels.reshape(len(levels), *source.shape)
    return _frame_log_likelihoods(source, frames, floor)


def _frame_log_likelihoods(source: Source, frames: np.ndarray, floor: float) -> np.ndarray:
    """Log p(level | note), of levels `[..., note_steps]`: `[..., note_steps, num_notes]`."""
    with np.errstate(divide="ignore"):
        table = np.log(np.maximum(source.level_probabilities(), floor))
    steps = np.arange(source.note_steps)
    return table[steps, :, frames]


def _log_sum(x: np.ndarray) -> np.ndarray:
    """Log of the sum of exponentials over the last axis."""
    top = x.max(-1, keepdims=True)
    return np.log(np.exp(x - top).sum(-1)) + top[..., 0]
