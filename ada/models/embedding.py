"""The first layer of every network over ids: one vector per class."""

import keras
import numpy as np
import tensorflow as tf

from ada.layers import Configured


@keras.saving.register_keras_serializable("ada")
class IdEmbedding(Configured, keras.layers.Layer):
    """A 1x1 convolution over one-hot ids, as a look-up.

    Args:
      num_classes: number of ids.
      channels: channels of the output.
      ordinal: ids are levels of a quantity (audio): start from a line through the class values,
        which learns much faster than unrelated vectors (our choice). False for codes.

    Shapes: int `[batch, time]` to `[batch, time, channels]`.
    """

    def __init__(self, num_classes: int, channels: int, ordinal: bool, **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.channels = channels
        self.ordinal = ordinal

    def build(self, input_shape: tuple | None = None) -> None:
        self.table = self.add_weight(
            name="table",
            shape=(self.num_classes, self.channels),
            initializer=keras.initializers.RandomNormal(stddev=0.05 if self.ordinal else 0.3),
        )
        if self.ordinal:
            line = np.linspace(-1.0, 1.0, self.num_classes, dtype=np.float32)[:, None]
            direction = keras.random.normal((1, self.channels), dtype="float32")
            self.table.assign_add(line * direction)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.cast(self.table, self.compute_dtype), ids)
