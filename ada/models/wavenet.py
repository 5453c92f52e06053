"""WaveNet (van den Oord et al. 2016): p(x) = prod_t p(x_t | x_1..x_t-1, h) over integer ids."""

import functools
import itertools

import keras
import tensorflow as tf

from ada.layers import Configured, GatedResidualBlock, recomputed
from ada.models.embedding import IdEmbedding
from ada.models.losses import ModelOutput, categorical
from ada.quantizers import equal_weights


@keras.saving.register_keras_serializable("ada")
class WaveNet(Configured, keras.Model):
    """A stack of gated causal dilated convolutions; local model, prior and baseline alike.

    Dilations are 1, 2, 4, ... within a stack and start again in the next. The defaults are the
    slides' large WaveNet (384 ms at 16 kHz); the widths are our choice.

    Args:
      num_classes: number of ids (256 for 8-bit audio, C for codes).
      num_stacks: stacks of layers.
      layers_per_stack: layers in a stack.
      kernel_size: taps of every convolution.
      residual_channels: width of the residual path.
      skip_channels: width of the skip path and of the output layer.
      conditioning_channels: channels of the local conditioning h; 0 for none.
      ordinal_classes: ids are levels of a quantity (audio), not names (codes); see `IdEmbedding`.
    """

    # Attributes of autoencoders, for code that works with both.
    quantizer = None
    num_codes = 0
    hop_length = alignment = 1
    trained_part = "all"

    def __init__(
        self,
        num_classes: int = 256,
        num_stacks: int = 3,
        layers_per_stack: int = 10,
        kernel_size: int = 3,
        residual_channels: int = 256,
        skip_channels: int = 256,
        conditioning_channels: int = 0,
        ordinal_classes: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_classes < 2 or min(num_stacks, layers_per_stack, kernel_size) < 1:
            raise ValueError(
                f"WaveNet: needs at least 2 classes, 1 stack, 1 layer and 1 tap, got num_classes="
                f"{num_classes}, num_stacks={num_stacks}, layers_per_stack={layers_per_stack}, "
                f"kernel_size={kernel_size}."
            )
        self.num_classes = num_classes
        self.num_stacks = num_stacks
        self.layers_per_stack = layers_per_stack
        self.kernel_size = kernel_size
        self.residual_channels = residual_channels
        self.skip_channels = skip_channels
        self.conditioning_channels = conditioning_channels
        self.ordinal_classes = ordinal_classes
        self._recomputed_layers = 0

        inner = {"dtype": self.dtype_policy}
        self.embedding = IdEmbedding(
            num_classes, residual_channels, ordinal_classes, name="embedding", **inner
        )
        num_layers = num_stacks * layers_per_stack
        self.blocks = [
            GatedResidualBlock(
                residual_channels,
                kernel_size,
                dilation_rate=2 ** (k % layers_per_stack),
                residual_output=k < num_layers - 1,
                name=f"block{k}",
                **inner,
            )
            for k in range(num_layers)
        ]
        # V of all layers in one product, at the rate of h.
        self.condition = (
            keras.layers.Dense(
                num_layers * 2 * residual_channels, use_bias=False, name="condition", **inner
            )
            if conditioning_channels
            else None
        )
        # W_s of all layers in one product: the sum over layers is the product's own.
        self.skip = keras.layers.Dense(skip_channels, use_bias=False, name="skip", **inner)
        self.hidden = keras.layers.Dense(skip_channels, name="hidden", **inner)
        self.logits = keras.layers.Dense(num_classes, name="logits", **inner)

    @property
    def local_model(self) -> "WaveNet":
        """The network over the ids themselves: this one."""
        return self

    @property
    def receptive_field(self) -> int:
        """Number of past ids that can affect p(x_t)."""
        return 1 + sum(block.convolution.receptive_field - 1 for block in self.blocks)

    @property
    def conditioning_field(self) -> int:
        """Number of steps whose conditioning h can affect p(x_t), the present one included.

        h is added after the convolution of each layer, so the first layer does not extend it.
        """
        return 1 + sum(block.convolution.receptive_field - 1 for block in self.blocks[1:])

    @property
    def context(self) -> tuple[int, int]:
        """Steps before and after an id that its log-probability may depend on."""
        return self.receptive_field, 0

    def recompute_layers(self, number: int) -> None:
        """Sets gradient checkpointing, a setting of the training and not part of the config.

        Args:
          number: layers per segment; the backward pass recomputes segments, of which only the
            inputs are stored. 0 stores all activations.
        """
        self._recomputed_layers = number

    def train_part(self, part: str) -> None:
        """Raises ValueError for anything but "all": only autoencoders have parts to train."""
        if part != "all":
            raise ValueError(f"WaveNet: has no parts to train one by one, asked for {part!r}.")

    def build(self, input_shape: tuple | None = None) -> None:
        steps = (None, None)
        self.embedding.build(steps)
        for block in self.blocks:
            block.build((*steps, self.residual_channels))
        if self.condition is not None:
            self.condition.build((*steps, self.conditioning_channels))
        self.skip.build((*steps, len(self.blocks) * self.residual_channels))
        self.hidden.build((*steps, self.skip_channels))
        self.logits.build((*steps, self.skip_channels))
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        conditioning: tf.Tensor | None = None,
        inputs: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Teacher-forced logits.

        Args:
          ids: int `[batch, time]`; the network gets them shifted by one step, zeros first.
          conditioning: h, `[batch, code_steps, conditioning_channels]`; `time` must be a multiple
            of `code_steps`.
          inputs: ids that the network gets instead of `ids` (before the shift).

        Returns:
          Float32 logits `[batch, time, num_classes]` of p(x_t | x_1..x_t-1, h).
        """
        x = self.embedding(ids if inputs is None else inputs)
        x = tf.pad(x, [[0, 0], [1, 0], [0, 0]])[:, :-1]
        per_layer = self.split_conditioning(conditioning)
        segment = self._recomputed_layers or len(self.blocks)
        skips = None
        for first in range(0, len(self.blocks), segment):
            layers = range(first, min(first + segment, len(self.blocks)))
            run = recomputed(functools.partial(self._segment, layers), self._recomputed_layers > 0)
            x, skip = run(x, *(h for h in per_layer[first : layers.stop] if h is not None))
            skips = skip if skips is None else skips + skip
        # The sum of the skips, then ReLU, 1x1, ReLU, 1x1.
        hidden = self.hidden(tf.nn.relu(skips))
        return tf.cast(self.logits(tf.nn.relu(hidden)), tf.float32)

    def _segment(
        self, layers: range, x: tf.Tensor, *conditioning: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Consecutive layers: the output of the last, and the sum of their skips W_s z."""
        gated = []
        for layer, h in itertools.zip_longest(layers, conditioning):
            x, z = self.blocks[layer](x, h)
            gated.append(z)
        rows = slice(layers.start * self.residual_channels, layers.stop * self.residual_channels)
        kernel = tf.cast(self.skip.kernel, self.compute_dtype)[rows]
        return x, tf.matmul(tf.concat(gated, axis=-1), kernel)

    def split_conditioning(self, conditioning: tf.Tensor | None) -> list[tf.Tensor | None]:
        """V h of every layer: a list of `[batch, code_steps, 2 * residual_channels]` or of None."""
        self.check_conditioning(conditioning)
        if conditioning is None:
            return [None] * len(self.blocks)
        return tf.split(self.condition(conditioning), len(self.blocks), axis=-1)

    def check_conditioning(self, conditioning: tf.Tensor | None) -> None:
        """Raises ValueError where conditioning is missing, or given to a network without any."""
        if (conditioning is None) != (self.condition is None):
            raise ValueError(
                f"WaveNet: built for {self.conditioning_channels} conditioning channels, "
                f"called with conditioning {'absent' if conditioning is None else 'present'}."
            )

    def log_prob(self, ids: tf.Tensor, conditioning: tf.Tensor | None = None) -> tf.Tensor:
        """Log p(x_t | x_1..x_t-1, h), `[batch, time]`, in nats."""
        return categorical(self(ids, conditioning)).log_prob(ids)

    def compute_losses(
        self,
        ids: tf.Tensor,
        weights: tf.Tensor | None = None,
        training: bool = False,
        inputs: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
        conditioning: tf.Tensor | None = None,
    ) -> ModelOutput:
        """The negative log-likelihood of ids `[batch, time]`, in nats per step.

        Args:
          ids: int `[batch, time]`.
          weights: share of each id in the mean; sums to one over the global batch. Default: equal.
          training: not used here (`AutoregressiveDiscreteAutoencoder`).
          inputs: see `call`.
          mean_query: not used here.
          conditioning: as in `call`.
        """
        del training, mean_query
        if weights is None:
            weights = equal_weights(ids)
        log_prob = categorical(self(ids, conditioning, inputs)).log_prob(ids)
        row_nll = -tf.reduce_sum(weights * log_prob, axis=1)
        return ModelOutput({"nll": tf.reduce_sum(row_nll)}, {}, row_nll=row_nll)
