"""The modulator: quantised queries to the local model's conditioning (Dieleman et al. 2018)."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ada.layers import Configured, Field, ResidualBlock, Upsample, stack_fields


@keras.saving.register_keras_serializable("ada")
class Modulator(Configured, keras.layers.Layer):
    """Centred dilated convolutions at the code rate; looks ahead, which the local model never does.

    Args:
      channels: width, and channels of the conditioning.
      dilation_rates: dilations of the residual blocks, in code steps.
      kernel_size: taps of the residual blocks.
      upsample_by: conditioning steps per code, a divisor of the hop length. 1: the output is
        repeated over the hop (by the local model). More: a transposed convolution, so that the
        local model knows where in the hop it is; the hop length brings it to the rate of the ids.

    Shapes: `[batch, steps, quantized_dim]` to `[batch, steps * upsample_by, channels]`.
    """

    def __init__(
        self,
        channels: int = 128,
        dilation_rates: Sequence[int] = (1, 2, 4, 8),
        kernel_size: int = 3,
        upsample_by: int = 1,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if upsample_by < 1:
            raise ValueError(f"Modulator: upsample_by must be at least 1, got {upsample_by}.")
        self.channels = channels
        self.dilation_rates = list(dilation_rates)
        self.kernel_size = kernel_size
        self.upsample_by = upsample_by
        inner = {"dtype": self.dtype_policy}
        self.project = keras.layers.Dense(channels, name="project", **inner)
        self.blocks = [
            ResidualBlock(channels, kernel_size, rate, name=f"block{i}", **inner)
            for i, rate in enumerate(self.dilation_rates)
        ]
        self.upsample = (
            Upsample(channels, upsample_by, name="upsample", **inner) if upsample_by > 1 else None
        )

    @property
    def field(self) -> Field:
        """The receptive field of a conditioning step, in code steps; `future` is the look-ahead."""
        return stack_fields(block.field for block in self.blocks)

    def build(self, input_shape: tuple) -> None:
        self.project.build(input_shape)
        for block in self.blocks:
            block.build((None, None, self.channels))
        if self.upsample is not None:
            self.upsample.build((None, None, self.channels))

    def features(self, quantized: tf.Tensor) -> tf.Tensor:
        """The output before the upsampling: `[batch, steps, channels]`, at the code rate."""
        x = self.project(quantized)
        for block in self.blocks:
            x = block(x)
        return x

    def upsampled(self, features: tf.Tensor) -> tf.Tensor:
        """Features to conditioning, `[batch, steps * upsample_by, channels]`."""
        return features if self.upsample is None else self.upsample(features)

    def call(self, quantized: tf.Tensor) -> tf.Tensor:
        return self.upsampled(self.features(quantized))
