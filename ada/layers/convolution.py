"""The causal dilated convolution (van den Oord et al. 2016, section 2.1)."""

import functools

import keras
import tensorflow as tf

from ada.layers.configured import Configured


@functools.cache
def can_dilate(dtype: str) -> bool:
    """Whether TensorFlow has gradients of dilated convolutions in a precision on this machine.

    This is found out by trying: on CPUs they come from oneDNN, which has none for float16, and for
    bfloat16 on newer CPUs only.
    """
    try:
        with tf.init_scope():
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=[1, 1, 16, 1],
                filter=tf.ones([1, 2, 1, 4], dtype),
                out_backprop=tf.ones([1, 1, 14, 4], dtype),
                strides=[1, 1, 1, 1],
                padding="VALID",
                dilations=[1, 1, 2, 1],
            )
    except tf.errors.OpError:
        return False
    return True


@keras.saving.register_keras_serializable("ada")
class CausalConv1D(Configured, keras.layers.Layer):
    """Dilated convolution whose output at step t depends on inputs t, t - d, ..., t - (k - 1) d.

    Uses TensorFlow's convolution where it has a gradient: without XLA it is up to 1.7 times as fast
    as one matrix product over the concatenated taps, and does not store the taps
    (`python -m tools.benchmark training`). Elsewhere it uses that product, as generation step by
    step does (`ada.generation.incremental`).

    Args:
      filters: number of output channels.
      kernel_size: number of taps k.
      dilation_rate: distance d between two taps, in steps.
      use_bias: whether to add a bias.

    Shapes: `[batch, time, channels]` to `[batch, time, filters]`. Steps before the first are zero.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        dilation_rate: int = 1,
        use_bias: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in [
            ("filters", filters),
            ("kernel_size", kernel_size),
            ("dilation_rate", dilation_rate),
        ]:
            if value < 1:
                raise ValueError(f"CausalConv1D: {name} must be at least 1, got {value}.")
        self.filters = filters
        self.kernel_size = kernel_size
        self.dilation_rate = dilation_rate
        self.use_bias = use_bias

    @property
    def receptive_field(self) -> int:
        """Number of input steps that an output step depends on, the current one included."""
        return (self.kernel_size - 1) * self.dilation_rate + 1

    def build(self, input_shape: tuple) -> None:
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, channels, self.filters),
            initializer="glorot_uniform",
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        padded = tf.pad(inputs, [[0, 0], [self.receptive_field - 1, 0], [0, 0]])
        if self.dilation_rate == 1 or can_dilate(self.compute_dtype):
            kernel = tf.cast(self.kernel, self.compute_dtype)
            outputs = tf.nn.conv1d(padded, kernel, 1, "VALID", dilations=self.dilation_rate)
        else:
            steps = tf.shape(inputs)[1]
            # Tap j holds the inputs (k - 1 - j) d steps ago; the last tap is the present.
            taps = [
                padded[:, j * self.dilation_rate : j * self.dilation_rate + steps]
                for j in range(self.kernel_size)
            ]
            outputs = tf.matmul(tf.concat(taps, axis=-1), self.flat_kernel())
        return outputs + self.bias if self.use_bias else outputs

    def flat_kernel(self) -> tf.Tensor:
        """The kernel as one matrix `[kernel_size * channels, filters]`, oldest tap first."""
        return tf.reshape(tf.cast(self.kernel, self.compute_dtype), [-1, self.filters])
