"""Downsampling and upsampling by a hop."""

import keras
import tensorflow as tf

from ada.layers.configured import Configured
from ada.layers.field import Field, stack_fields


def _strides(hop_length: int) -> list[int]:
    """Factors of the hop, of at most 4 where possible, largest first."""
    strides, rest = [], hop_length
    for factor in (4, 3, 2):
        while rest % factor == 0:
            strides.append(factor)
            rest //= factor
    return strides + ([rest] if rest > 1 else [])


@keras.saving.register_keras_serializable("ada")
class Downsample(Configured, keras.layers.Layer):
    """Shortens a sequence by the factor `hop_length`.

    Args:
      channels: channels of the output.
      hop_length: input steps per output step.
      method: "strided", a stack of strided convolutions with ReLU before each (our choice), or
        "average", a projection and a mean over the hop (NSynth, Engel et al. 2017).

    Shapes: `[batch, steps * hop_length, any]` to `[batch, steps, channels]`.
    """

    METHODS = ("strided", "average")

    def __init__(self, channels: int, hop_length: int, method: str = "strided", **kwargs) -> None:
        super().__init__(**kwargs)
        if method not in self.METHODS:
            raise ValueError(f"Downsample: method must be one of {self.METHODS}, got {method!r}.")
        if hop_length < 1:
            raise ValueError(f"Downsample: hop_length must be at least 1, got {hop_length}.")
        self.channels = channels
        self.hop_length = hop_length
        self.method = method
        self.strides = _strides(hop_length) if method == "strided" else []
        self.convolutions = [
            # The kernel is twice the stride and centred, so that neighbouring steps overlap.
            keras.layers.Conv1D(
                channels, 2 * s, strides=s, dtype=self.dtype_policy, name=f"stride{s}_{i}"
            )
            for i, s in enumerate(self.strides)
        ]
        if not self.convolutions:
            self.convolutions = [keras.layers.Dense(channels, dtype=self.dtype_policy, name="mix")]

    @property
    def field(self) -> Field:
        """The receptive field of an output step."""
        if self.method == "average":
            return Field(hop=self.hop_length)
        return stack_fields(Field(s // 2, s - s // 2, s) for s in self.strides)

    def build(self, input_shape: tuple) -> None:
        for convolution in self.convolutions:
            convolution.build(input_shape)
            input_shape = (*input_shape[:-1], self.channels)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        x = inputs
        for stride, convolution in zip(self.strides, self.convolutions, strict=False):
            x = tf.pad(tf.nn.relu(x), [[0, 0], [stride // 2, stride - stride // 2], [0, 0]])
            x = convolution(x)
        if self.method == "average":
            x = tf.reshape(x, [tf.shape(x)[0], -1, self.hop_length, x.shape[-1]])
            x = tf.reduce_mean(x, axis=2)
        return x if self.strides else self.convolutions[0](x)


@keras.saving.register_keras_serializable("ada")
class Upsample(Configured, keras.layers.Layer):
    """Lengthens a sequence by the factor `hop_length`: each step becomes the steps of its own hop.

    Args:
      channels: channels of the output.
      hop_length: output steps per input step.

    It is a transposed convolution whose kernel is as long as its stride: every position within the
    hop has its own projection, and the layer adds no look-ahead.

    Shapes: `[batch, steps, any]` to `[batch, steps * hop_length, channels]`.
    """

    def __init__(self, channels: int, hop_length: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.hop_length = hop_length
        self.project = keras.layers.Dense(
            channels * hop_length, dtype=self.dtype_policy, name="project"
        )

    def build(self, input_shape: tuple) -> None:
        self.project.build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(self.project(inputs), [tf.shape(inputs)[0], -1, self.channels])
