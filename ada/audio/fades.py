"""Short fades at both ends of a clip, so that no cut clicks."""

import numpy as np

FADE_SECS = 0.005


def faded(
    audio: np.ndarray, sample_rate: int, start: int = 0, total: int | None = None
) -> np.ndarray:
    """Audio that rises over its first 5 ms and falls over its last.

    The gain of a sample depends on its place in the clip alone: a clip that is faded block by block
    equals one that is faded at once. Between the fades, samples stay as they are.

    Args:
      audio: float `[..., samples]`, a clip or a block of one.
      sample_rate: in Hz.
      start: samples of the clip before the block.
      total: samples of the clip; None if `audio` is all of it.
    """
    samples = audio.shape[-1]
    total = start + samples if total is None else total
    length = max(min(round(FADE_SECS * sample_rate), total // 2), 1)
    places = np.arange(start, start + samples)
    to_end = np.minimum(places, total - 1 - places) + 0.5
    gain = np.sin(np.pi / 2 * np.clip(to_end / length, 0.0, 1.0)) ** 2
    return audio * gain.astype(np.float32)
