"""Codebooks as moving averages of their queries (van den Oord et al. 2017, appendix A.1)."""

import keras
import tensorflow as tf

from ada.extensions.anti_collapse.hook import CodeStatistics, TrainingHook
from ada.quantizers import VectorQuantizer


class EmaCodebook(TrainingHook):
    """Learns the codebook as a moving average of its queries instead of by gradient.

    It replaces the codebook loss: alpha becomes 0. With the residual codebooks of a group
    (`GroupedVectorQuantizer`), each codebook is the average of the residuals of its own place.

    Args:
      decay: of the averages, per training step; None switches it off.
    """

    updates_codebook = True

    def __init__(self, decay: float | None = None) -> None:
        super().__init__()
        if decay is not None and not 0.0 <= decay < 1.0:
            raise ValueError(f"EmaCodebook.decay must be in [0, 1), got {decay}.")
        self.decay = decay

    def applies_to(self, model: keras.Model) -> bool:
        return self.decay is not None and trains_codebook(model)

    def build(self, model: keras.Model) -> None:
        self._quantizer = model.quantizer
        self._quantizer.codebook_weight = 0.0
        self.counts = self.add_variable("counts", tf.ones([self._quantizer.num_codes]))
        self.sums = self.add_variable("sums", tf.convert_to_tensor(self._quantizer.codebook))

    def after_step(self, found: CodeStatistics, seed: tf.Tensor) -> None:
        quantizer, num_codes = self._quantizer, self._quantizer.num_codes
        counted = whole_groups(found.counted, quantizer.group_length)
        counts = tf.math.unsorted_segment_sum(counted, found.codes, num_codes)
        weighted = found.q * counted[:, tf.newaxis]
        sums = tf.math.unsorted_segment_sum(weighted, found.codes, num_codes)
        # Nothing is averaged before the codebook is initialised.
        share = (1.0 - self.decay) * tf.convert_to_tensor(quantizer.active)
        self.counts.assign(self.counts + share * (counts - self.counts))
        self.sums.assign(self.sums + share * (sums - self.sums))
        # Laplace smoothing keeps rare codes finite.
        total = tf.reduce_sum(self.counts)
        smoothed = (self.counts + 1e-5) / (total + num_codes * 1e-5) * total
        quantizer.codebook.assign(self.sums / smoothed[:, tf.newaxis])

    def follow(self, replaced: tf.Tensor) -> None:
        codebook = tf.convert_to_tensor(self._quantizer.codebook)
        self.counts.assign(tf.where(replaced, tf.ones_like(self.counts), self.counts))
        self.sums.assign(tf.where(replaced[:, tf.newaxis], codebook, self.sums))


def trains_codebook(model: keras.Model) -> bool:
    """Whether a model has a codebook that is trained."""
    return isinstance(model.quantizer, VectorQuantizer) and model.trained_part != "local_model"


def whole_groups(counted: tf.Tensor, group_length: int) -> tf.Tensor:
    """Counts `[n]`, set to 0 for groups that are partly padding."""
    if group_length == 1:
        return counted
    groups = tf.reshape(counted, [-1, group_length])
    return tf.repeat(tf.reduce_min(groups, axis=1), group_length)
