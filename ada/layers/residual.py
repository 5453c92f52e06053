"""The residual block of encoder and modulator: a dilated convolution that looks both ways."""

import keras
import tensorflow as tf

from ada.layers.configured import Configured
from ada.layers.field import Field


@keras.saving.register_keras_serializable("ada")
class ResidualBlock(Configured, keras.layers.Layer):
    """x + W conv(ReLU(x)), ReLU in between; the convolution is centred (Engel et al. 2017).

    The paper leaves the form of encoder and modulator to its appendix; this one is NSynth's, and
    the widths are our choice.

    Args:
      channels: channels of input and output.
      kernel_size: taps of the convolution; odd, so that it is centred.
      dilation_rate: dilation of the convolution, in steps.

    Shapes: `[batch, time, channels]` to the same. Steps outside of the sequence are zero.
    """

    def __init__(
        self, channels: int, kernel_size: int = 3, dilation_rate: int = 1, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"ResidualBlock: kernel_size must be odd, got {kernel_size}.")
        self.channels = channels
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.convolution = keras.layers.Conv1D(
            channels,
            kernel_size,
            dilation_rate=dilation_rate,
            padding="same",
            dtype=self.dtype_policy,
            name="dilated",
        )
        self.mix = keras.layers.Dense(channels, dtype=self.dtype_policy, name="mix")

    @property
    def field(self) -> Field:
        """The receptive field of an output step."""
        reach = (self.kernel_size - 1) // 2 * self.dilation_rate
        return Field(past=reach, future=reach)

    def build(self, input_shape: tuple) -> None:
        self.convolution.build(input_shape)
        self.mix.build((*input_shape[:-1], self.channels))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs + self.mix(tf.nn.relu(self.convolution(tf.nn.relu(inputs))))
