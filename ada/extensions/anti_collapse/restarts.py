"""Unused codes are replaced by random queries (as in Jukebox, Dhariwal et al. 2020)."""

import keras
import tensorflow as tf

from ada.extensions.anti_collapse.ema import trains_codebook, whole_groups
from ada.extensions.anti_collapse.hook import CodeStatistics, TrainingHook


class RestartUnusedCodes(TrainingHook):
    """Replaces codebook vectors that were not used for a while by random queries of the batch.

    With the residual codebooks of a group (`GroupedVectorQuantizer`), vectors of each codebook are
    replaced by residuals of its own place.

    Args:
      every: training steps between two replacements; 0 switches it off.
    """

    updates_codebook = True

    def __init__(self, every: int = 0) -> None:
        super().__init__()
        if every < 0:
            raise ValueError(f"RestartUnusedCodes.every must be at least 0, got {every}.")
        self.every = every

    def applies_to(self, model: keras.Model) -> bool:
        return self.every > 0 and trains_codebook(model)

    def build(self, model: keras.Model) -> None:
        self._quantizer = model.quantizer
        self.uses = self.add_variable("uses", tf.zeros([self._quantizer.num_codes]))
        self.steps = self.add_variable("steps", tf.zeros([]))

    def after_step(self, found: CodeStatistics, seed: tf.Tensor) -> tf.Tensor:
        quantizer = self._quantizer
        # During the warm-up no code is used.
        active = tf.convert_to_tensor(quantizer.active)
        uses = self.uses + active * found.usage
        steps = self.steps + active
        due = steps >= self.every
        unused = tf.logical_and(due, uses <= 0.0)
        group = quantizer.group_length
        per_place = quantizer.num_codes // group
        counted = whole_groups(found.counted, group)
        new = [
            random_rows(found.q[place::group], counted[place::group], per_place, seed)
            for place in range(group)
        ]
        codebook = tf.where(unused[:, tf.newaxis], tf.concat(new, axis=0), quantizer.codebook)
        quantizer.codebook.assign(codebook)
        self.uses.assign(tf.where(due, tf.zeros_like(uses), uses))
        self.steps.assign(tf.where(due, 0.0, steps))
        return unused


def random_rows(rows: tf.Tensor, counted: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Random rows `[count, D]` of the counted ones `[n, D]`; repeated only if these are fewer."""
    # Rows that do not count are last in the random order, and not taken.
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(counted), seed) + 1.0 - counted)
    num_counted = tf.maximum(tf.cast(tf.reduce_sum(counted), tf.int32), 1)
    return tf.gather(rows, tf.gather(order, tf.range(count) % num_counted))
