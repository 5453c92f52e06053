"""The modulator's output for codes of any length, computed in windows of one size.

Windows bound the memory and the number of codes that must be known. They also make every step a
function of the codes in the modulator's receptive field only, independent of the length of the
codes and the number of items. Convolutions over whole sequences would guarantee this only if the
library summed in the same order for any length (on CPU it did when measured): a difference in the
last bit leads, thousands of ids later, to different music.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.models import AutoregressiveDiscreteAutoencoder

Array = tf.Tensor | np.ndarray

# Approximate number of codes per window, which has whole blocks.
WINDOW_STEPS = 256


class Window(NamedTuple):
    """Conditioning of one window of codes.

    Attributes:
      first: int64 scalar, index of its first code; -1 before the first window.
      values: float32 `[batch, window_codes * rate, channels]`; zero after the last code.
    """

    first: tf.Tensor
    values: tf.Tensor


class Conditioning:
    """Conditioning of a local model, window by window.

    Where the receptive field of the modulator extends past the last code, it is padded as in
    training.

    Args:
      model: a built autoencoder.
      block_codes: codes per block.

    Attributes:
      block_codes: codes per block.
      window_codes: codes per window.
      rate: steps of conditioning per code.
      field: receptive field of a step, in codes.
      compute: the modulator: codes, or embeddings, `[items, steps, ...]` to conditioning
        `[items, steps * rate, channels]`.
    """

    def __init__(self, model: AutoregressiveDiscreteAutoencoder, block_codes: int) -> None:
        self.block_codes = block_codes
        self.window_codes = max(WINDOW_STEPS // block_codes, 1) * block_codes
        self.rate = model.modulator.upsample_by
        self.field = model.code_field
        self._seen_codes = self.field.past + self.window_codes + self.field.future
        self._channels = model.modulator.channels
        self._num_codes, self._query_dim = model.num_codes, model.quantizer.query_dim
        compute = model.conditioning if model.num_codes else model.modulator
        self.compute = tf.function(lambda inputs: compute(inputs), autograph=False)

    def compile(self) -> None:
        """Traces the modulator."""
        if self._num_codes:
            self.compute(tf.zeros([1, self._seen_codes], tf.int32))

    def check_codes(self, codes: np.ndarray) -> None:
        """Raises ValueError unless codes, or embeddings, are `[items, steps, ...]` and in range."""
        if not self._num_codes:
            if codes.ndim != 3 or codes.shape[2] != self._query_dim:
                raise ValueError(
                    f"embeddings must have shape [items, steps, {self._query_dim}], got "
                    f"{list(codes.shape)}."
                )
        elif codes.ndim != 2 or codes.dtype.kind not in "iu":
            raise ValueError(
                f"codes must be whole numbers [items, steps], got {codes.dtype} of shape "
                f"{list(codes.shape)}."
            )
        elif codes.size and not 0 <= codes.min() <= codes.max() < self._num_codes:
            raise ValueError(f"codes must be 0 .. {self._num_codes - 1}.")

    def empty(self, batch_size: int) -> Window:
        """The window before the first."""
        shape = [batch_size, self.window_codes * self.rate, self._channels]
        return Window(tf.constant(-1, tf.int64), tf.zeros(shape))

    def window(
        self, codes: Array, start: tf.Tensor | int, first: tf.Tensor | int, last: tf.Tensor | int
    ) -> Window:
        """Conditioning of codes `first .. last - 1`, at most a window of them.

        Args:
          codes: `[batch, steps, ...]`, at least all existing ones in the receptive field.
          start: index of the first of them.
          first: index of a code, the first of a window.
          last: index of the code after the last.
        """
        start, first, last = (tf.cast(index, tf.int64) for index in (start, first, last))
        begin = tf.maximum(first - self.field.past, 0)
        end = last + self.field.future
        seen = tf.convert_to_tensor(codes)[:, begin - start : end - start]
        steps = tf.shape(seen, tf.int64)[1]
        # Every window is padded to one size, outside of the receptive field of its steps. But where
        # the field contains the end of the codes, there is no padding, as in training.
        missing = tf.where(steps >= end - begin, self._seen_codes - steps, 0)
        padding = tf.pad([[missing]], [[1, len(seen.shape) - 2], [1, 0]])
        # One item at a time: results must not depend on the number of items.
        rows = [self.compute(tf.pad(row[tf.newaxis], padding)) for row in tf.unstack(seen)]
        span = slice((first - begin) * self.rate, (last - begin) * self.rate)
        values = tf.cast(tf.concat(rows, axis=0)[:, span], tf.float32)
        size = self.window_codes * self.rate
        values = tf.pad(values, [[0, 0], [0, size - tf.shape(values)[1]], [0, 0]])
        values = tf.ensure_shape(values, [len(rows), size, self._channels])
        return Window(first, values)

    def of_block(self, window: Window, code: tf.Tensor | int) -> tf.Tensor:
        """Conditioning of the block that a code is in, `[batch, block_codes * rate, channels]`."""
        steps = self.block_codes * self.rate
        begin = (code - window.first) // self.block_codes * steps
        h = window.values[:, begin : begin + steps]
        return tf.ensure_shape(h, [window.values.shape[0], steps, self._channels])
