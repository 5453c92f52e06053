"""Random inputs of the local model, so that it must rely on its codes (ours)."""

import keras
import tensorflow as tf

from ada.extensions.anti_collapse.hook import TrainingHook


class ReplaceInputs(TrainingHook):
    """Replaces a share of the teacher-forced inputs of an autoencoder's local model by random ids.

    Args:
      share: of the inputs, in [0, 1); 0 switches it off.
      steps: training steps over which the share falls linearly to zero; 0 keeps it constant.
    """

    def __init__(self, share: float = 0.0, steps: int = 0) -> None:
        super().__init__()
        if not 0.0 <= share < 1.0:
            raise ValueError(f"ReplaceInputs.share must be in [0, 1), got {share}.")
        if steps < 0:
            raise ValueError(f"ReplaceInputs.steps must be at least 0, got {steps}.")
        self.share, self.steps = share, steps

    def applies_to(self, model: keras.Model) -> bool:
        return self.share > 0.0 and model.quantizer is not None

    def inputs(
        self, ids: tf.Tensor, num_classes: int, seeds: tf.Tensor, step: tf.Tensor
    ) -> tf.Tensor:
        share = tf.constant(self.share)
        if self.steps:
            done = tf.cast(step, tf.float32) / self.steps
            share = share * tf.maximum(1.0 - done, 0.0)
        return replace_ids(ids, num_classes, share, seeds)


def replace_ids(
    ids: tf.Tensor, num_classes: int, share: tf.Tensor | float, seeds: tf.Tensor
) -> tf.Tensor:
    """Replaces a random share of ids `[batch, time]` by uniform ones; seeds[i] keys row i."""

    def replace_row(row: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        old, seed = row
        uniform = tf.random.stateless_uniform(tf.shape(old), seed)
        # One number decides both: whether it is below `share`, and by how much (the new id).
        new = tf.cast(tf.math.divide_no_nan(uniform, share) * num_classes, old.dtype)
        return tf.where(uniform < share, tf.minimum(new, num_classes - 1), old)

    return tf.map_fn(replace_row, (ids, seeds), fn_output_signature=ids.dtype)
