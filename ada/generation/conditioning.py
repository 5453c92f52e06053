"""The modulator's output for codes of any length, computed in windows of one size.

Windows bound the memory and what must be known of the codes, and make every step a function of the
codes that the modulator sees there and of nothing else, however long the codes are and however many
items there are. Convolutions over whole sequences promise the same only as far as their library
adds up in one order at any length (on CPU it did when measured): a last bit that differs becomes,
thousands of draws later, another piece of music.
"""

from typing import Protocol

import numpy as np
import tensorflow as tf

from ada.models import AutoregressiveDiscreteAutoencoder

# Codes to a window, about: those of whole blocks.
WINDOW_STEPS = 256


class Source(Protocol):
    """Codes, or the embeddings of an autoencoder without codes, read from the beginning on."""

    num_steps: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """Those of steps `start .. stop - 1`, `[items, steps, ...]`; none before is read again."""


class Given:
    """A source that is there as a whole.

    Args:
      values: int `[items, steps]`, or float `[items, steps, dim]`.
    """

    def __init__(self, values: np.ndarray) -> None:
        self._values = values
        self.num_steps = values.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._values[:, start:stop]


class Conditioning:
    """Conditioning of a local model, window by window.

    A modulator that sees past the last code sees the end of the codes, as in training.

    Args:
      model: a built autoencoder.
      block_codes: codes to a block.

    Attributes:
      window_codes: codes to a window.
      rate: steps of conditioning to a code.
      field: what a step sees of the codes.
      compute: the modulator: codes, or embeddings, `[items, steps, ...]` to conditioning
        `[items, steps * rate, channels]`.
    """

    def __init__(self, model: AutoregressiveDiscreteAutoencoder, block_codes: int) -> None:
        self.window_codes = max(WINDOW_STEPS // block_codes, 1) * block_codes
        self.rate = model.modulator.upsample_by
        self.field = model.code_field
        self._reads_codes = bool(model.num_codes)
        compute = model.conditioning if model.num_codes else model.modulator
        self.compute = tf.function(lambda inputs: compute(inputs), autograph=False)

    def needed(self, first: int, last: int, num_steps: int) -> tuple[int, int]:
        """Which of `num_steps` codes the conditioning of codes `first .. last - 1` sees."""
        return max(first - self.field.past, 0), min(last + self.field.future, num_steps)

    def compile(self) -> None:
        """Traces the modulator."""
        if self._reads_codes:
            steps = self.field.past + self.window_codes + self.field.future
            self.compute(tf.zeros([1, steps], tf.int32))

    def window(self, seen: np.ndarray, first: int, last: int) -> np.ndarray:
        """Conditioning of codes `first .. last - 1`, at most a window of them.

        Args:
          seen: the codes of `needed`, `[items, steps, ...]`.
          first: a code.
          last: the code after the last.

        Returns:
          float32 `[items, (last - first) * rate, channels]`.
        """
        past, future = self.field.past, self.field.future
        start = max(first - past, 0)
        if seen.shape[1] >= last + future - start:
            # Every window is computed in one size: what fills it up is seen by no step of it.
            missing = past + self.window_codes + future - seen.shape[1]
            seen = np.pad(seen, [(0, 0), (0, missing)] + [(0, 0)] * (seen.ndim - 2))
        span = slice((first - start) * self.rate, (last - start) * self.rate)
        # One item at a time: what one gets must not depend on how many there are.
        rows = [
            self.compute(tf.convert_to_tensor(row[np.newaxis]))[0, span].numpy() for row in seen
        ]
        return np.stack(rows).astype(np.float32)
