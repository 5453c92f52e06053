"""The gated residual block of WaveNet (van den Oord et al. 2016, section 2.3 and figure 4)."""

import keras
import tensorflow as tf

from ada.layers.configured import Configured
from ada.layers.convolution import CausalConv1D


@keras.saving.register_keras_serializable("ada")
class GatedResidualBlock(Configured, keras.layers.Layer):
    """One layer k of a WaveNet, with optional local conditioning h (van den Oord et al. 2016).

        z = tanh(W_f * x + V_f h) . sigmoid(W_g * x + V_g h),  output x + W_r z

    `*` is the causal dilated convolution. The filter and the gate share one convolution with twice
    the channels, filter first. The argument `conditioning` is V h: the WaveNet computes it once for
    all layers, at the rate of h. It also computes the sum of all skips W_s z in one product, so the
    block returns z.

    Args:
      residual_channels: channels of x, of z and of the output.
      kernel_size: taps of the convolution.
      dilation_rate: dilation of the convolution, in steps.
      residual_output: False for the last layer of a network, whose output is not used.
    """

    def __init__(
        self,
        residual_channels: int,
        kernel_size: int,
        dilation_rate: int,
        residual_output: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.residual_channels = residual_channels
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.residual_output = residual_output
        self.convolution = CausalConv1D(
            2 * residual_channels, kernel_size, dilation_rate, dtype=self.dtype_policy, name="gates"
        )
        if residual_output:
            self.residual = keras.layers.Dense(
                residual_channels, dtype=self.dtype_policy, name="residual"
            )

    def build(self, input_shape: tuple) -> None:
        self.convolution.build(input_shape)
        if self.residual_output:
            self.residual.build(input_shape)

    def call(
        self, inputs: tf.Tensor, conditioning: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (output, z) for inputs `[batch, time, residual_channels]`.

        `conditioning` is V h, `[batch, code_steps, 2 * residual_channels]`; each of its steps
        is used for `time / code_steps` consecutive steps.
        """
        gates = self.convolution(inputs)
        if conditioning is not None:
            gates = add_at_hop(gates, conditioning)
        filters, gate = tf.split(gates, 2, axis=-1)
        gated = tf.tanh(filters) * tf.sigmoid(gate)
        outputs = inputs + self.residual(gated) if self.residual_output else inputs
        return outputs, gated


def add_at_hop(fast: tf.Tensor, slow: tf.Tensor) -> tf.Tensor:
    """Adds slow `[batch, s, c]` to fast `[batch, s * hop, c]`, each slow step to its hop steps."""
    batch, steps = tf.shape(slow)[0], tf.shape(slow)[1]
    channels = fast.shape[-1]
    frames = tf.reshape(fast, [batch, steps, -1, channels]) + slow[:, :, tf.newaxis]
    return tf.reshape(frames, tf.shape(fast))
