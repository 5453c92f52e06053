"""The encoder: ids to queries, one per hop (Dieleman et al. 2018)."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ada.layers import Configured, Downsample, Field, ResidualBlock, recomputed, stack_fields
from ada.models.embedding import IdEmbedding


@keras.saving.register_keras_serializable("ada")
class Encoder(Configured, keras.layers.Layer):
    """Embeds ids, shortens the sequence by the hop and refines it with centred convolutions.

    Looks both ways. Its form and widths are our choice; the paper's are in its appendix. With
    "average" it is NSynth's (Engel et al. 2017): the convolutions come first, at the rate of the
    ids, and the mean over each hop last.

    Args:
      hop_length: ids per query.
      num_classes: number of ids.
      channels: width.
      dilation_rates: dilations of the residual blocks, in code steps; with "average" in ids.
      kernel_size: taps of the residual blocks.
      input_channels: width of the embedding at the rate of the ids; not used with "average".
      downsampling: "strided" or "average" (`ada.layers.Downsample`).
      ordinal_classes: ids are levels of a quantity (audio), not names (codes).
      front_end: a layer from ids to `[batch, steps, channels]` with a `field`, in place of
        embedding and downsampling (`ada.extensions`; none in the paper).

    Shapes: int `[batch, steps * hop_length]` to `[batch, steps, channels]`.
    """

    # Whether the backward pass recomputes its layers' activations (`WaveNet.recompute_layers`).
    recompute = False

    def __init__(
        self,
        hop_length: int,
        num_classes: int = 256,
        channels: int = 128,
        dilation_rates: Sequence[int] = (1, 2, 4, 8),
        kernel_size: int = 3,
        input_channels: int = 32,
        downsampling: str = "strided",
        ordinal_classes: bool = True,
        front_end: keras.layers.Layer | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.hop_length = hop_length
        self.num_classes = num_classes
        self.channels = channels
        self.dilation_rates = list(dilation_rates)
        self.kernel_size = kernel_size
        self.input_channels = input_channels
        self.downsampling = downsampling
        self.ordinal_classes = ordinal_classes
        self.front_end = front_end
        if front_end is not None and (front_end.hop_length, front_end.channels) != (
            hop_length,
            channels,
        ):
            raise ValueError(
                f"Encoder: hop length {hop_length} and {channels} channels, but the front end has "
                f"{front_end.hop_length} and {front_end.channels}; they must be the same."
            )
        self._pool_last = downsampling == "average"
        inner = {"dtype": self.dtype_policy}
        width = channels if self._pool_last else input_channels
        self.embedding = self.downsample = None
        if front_end is None:
            self.embedding = IdEmbedding(
                num_classes, width, ordinal_classes, name="embedding", **inner
            )
            self.downsample = Downsample(
                channels, hop_length, downsampling, name="downsample", **inner
            )
        self.blocks = [
            ResidualBlock(channels, kernel_size, rate, name=f"block{i}", **inner)
            for i, rate in enumerate(self.dilation_rates)
        ]

    @property
    def field(self) -> Field:
        """The receptive field of a query, in ids."""
        return stack_fields(layer.field for layer in self._layers_in_order())

    def _layers_in_order(self) -> list[keras.layers.Layer]:
        if self.front_end is not None:
            return [self.front_end, *self.blocks]
        if self._pool_last:
            return [*self.blocks, self.downsample]
        return [self.downsample, *self.blocks]

    def build(self, input_shape: tuple | None = None) -> None:
        if self.front_end is not None:
            self.front_end.build((None, None))
        else:
            self.embedding.build((None, None))
            self.downsample.build((None, None, self.embedding.channels))
        for block in self.blocks:
            block.build((None, None, self.channels))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        x = ids if self.embedding is None else self.embedding(ids)
        for layer in self._layers_in_order():
            x = recomputed(layer, self.recompute and layer is not self.front_end)(x)
        return tf.nn.relu(x)
