"""The modulator's output for codes of any length, computed in windows of one size.

Windows bound the memory, and make every step a function of the codes that the modulator sees there
and of nothing else, however long the codes are and however many items there are. Convolutions over
whole sequences promise the same only as far as their library adds up in one order at any length
(on CPU it did when measured): a last bit that differs becomes, thousands of draws later, another
piece of music.
"""

import numpy as np
import tensorflow as tf

from ada.models import AutoregressiveDiscreteAutoencoder

# Conditioning steps to a window, at the rate of the codes.
WINDOW_STEPS = 256


def conditioning_steps(
    model: AutoregressiveDiscreteAutoencoder, codes: np.ndarray, num_steps: int
) -> np.ndarray:
    """Conditioning of the local model for the first `num_steps` codes.

    A modulator that sees past the last code sees the end of the codes, as in training.

    Args:
      model: a built autoencoder.
      codes: int `[items, code_steps]`.
      num_steps: of the codes; those after them serve the look-ahead.

    Returns:
      float32 `[items, num_steps * modulator.upsample_by, channels]`.
    """
    firsts = range(0, num_steps, WINDOW_STEPS)
    rows = [
        np.concatenate([_window(model, item, first, num_steps) for first in firsts])
        for item in codes
    ]
    return np.stack(rows)


def _window(
    model: AutoregressiveDiscreteAutoencoder, codes: np.ndarray, first: int, num_steps: int
) -> np.ndarray:
    """Conditioning of codes `first .. first + WINDOW_STEPS - 1`, or up to `num_steps`."""
    field, rate = model.modulator.field, model.modulator.upsample_by
    start = max(first - field.past, 0)
    stop = start + field.past + WINDOW_STEPS + field.future
    last = min(first + WINDOW_STEPS, num_steps)
    seen = codes[start:stop]
    if last + field.future <= len(codes):
        # What fills the window up is seen by no step that is kept.
        seen = np.pad(seen, (0, stop - start - len(seen)))
    result = model.conditioning(tf.constant(seen[np.newaxis]))[0]
    return result[(first - start) * rate : (last - start) * rate].numpy().astype(np.float32)
