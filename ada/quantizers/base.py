"""The quantiser interface."""

import abc
from typing import NamedTuple

import keras
import tensorflow as tf

from ada.layers import Configured
from ada.quantizers.usage import equal_weights


class LookUp(NamedTuple):
    """Quantised queries, in the symbols of `ada.quantizers.loss`.

    Attributes:
      q: the queries, normalised if the quantiser does so, `[batch, steps, D]`.
      codes: int32 `[batch, steps]`, or None where there are none (identity).
      e: the vector of each code, `[batch, steps, D]`: its codebook vector, or a one-hot vector.
      quantized: the decoder's input, q' with the straight-through gradient q + [q' - q].
    """

    q: tf.Tensor
    codes: tf.Tensor | None
    e: tf.Tensor
    quantized: tf.Tensor


def require_weights(layer: object, **weights: float) -> None:
    """Raises ValueError for a negative weight of a loss, which would have no minimum."""
    for name, weight in weights.items():
        if weight < 0.0:
            raise ValueError(f"{type(layer).__name__}: {name} must be at least 0, got {weight}.")


class QuantizerOutput(NamedTuple):
    """Output of a quantiser for queries `[batch, steps, query_dim]`.

    Attributes:
      quantized: `[batch, steps, quantized_dim]`, input of the modulator; carries the
        straight-through gradient q + [q' - q].
      codes: int32 `[batch, steps]`, or None where there are none (identity).
      losses: *weighted* scalar terms; their sum is added to the NLL.
      metrics: raw values by name. "usage" is the share of each code, `[num_codes]`; it adds up
        over replicas and micro-batches, as do the scalars that name a mean. "perplexity" and
        "used_codes" are of this batch alone.
    """

    quantized: tf.Tensor
    codes: tf.Tensor | None
    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]


class Quantizer(Configured, keras.layers.Layer, abc.ABC):
    """Turns queries into integer codes and quantised queries (Dieleman et al. 2018).

    Quantisers compute in float32 whatever the precision of the network around them.

    Attributes:
      query_dim: channels that the encoder must deliver.
      num_codes: number of codes C; 0 where there are none.
      group_length: consecutive codes that represent one vector (`ada.extensions`); 1 in the paper.
      mean_query_needed: whether the losses need E_t[q] of the *global* batch, which `call` then
        takes as `mean_query` (only used with several replicas or micro-batches).
      active: 1 while queries are quantised, as they always are in the paper; 0 while they are
        passed through unchanged, without losses (`ada.extensions.CodebookWarmup`).
    """

    query_dim: int
    num_codes: int
    group_length = 1
    mean_query_needed = False
    # Whether `active` may be 0; if not, graphs do not contain it.
    _may_be_inactive = False

    def __init__(self, **kwargs) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))

    @abc.abstractmethod
    def look_up(self, queries: tf.Tensor) -> LookUp:
        """Quantises queries `[batch, steps, query_dim]`."""

    @abc.abstractmethod
    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        """Looks up int codes `[batch, steps]`; returns `[batch, steps, quantized_dim]`."""

    @abc.abstractmethod
    def loss(
        self,
        nll: tf.Tensor,
        found: LookUp,
        weights: tf.Tensor,
        mean_query: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """The terms of the loss (`ada_loss`) with this quantiser's weights.

        Args:
          nll: -log p(x | q').
          found: the quantised queries.
          weights: share of each step in the means, `[batch, steps]`.
          mean_query: see `call`.
        """

    @abc.abstractmethod
    def metrics(
        self, queries: tf.Tensor, found: LookUp, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Raw values by name (`QuantizerOutput.metrics`)."""

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        """Quantises queries.

        Args:
          queries: `[batch, steps, query_dim]`.
          weights: `[batch, steps]`, the share of each step in every mean; sums to one over the
            global batch. Default: equal shares of this batch.
          mean_query: E_t[q] over the global batch, `[query_dim]`, where `mean_query_needed`.
        """
        weights = equal_weights(queries) if weights is None else weights
        found = self.look_up(queries)
        losses = self.losses(tf.zeros(()), found, weights, mean_query)
        del losses["nll"]
        quantized = self.decoder_input(found, queries)
        return QuantizerOutput(
            quantized, found.codes, losses, self.metrics(queries, found, weights)
        )

    def losses(
        self,
        nll: tf.Tensor,
        found: LookUp,
        weights: tf.Tensor,
        mean_query: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """The terms of `loss`; all but "nll" are 0 while queries are not quantised."""
        terms = self.loss(nll, found, weights, mean_query)
        if not self._may_be_inactive:
            return terms
        active = tf.convert_to_tensor(self.active)
        return {name: term if name == "nll" else active * term for name, term in terms.items()}

    def decoder_input(self, found: LookUp, queries: tf.Tensor) -> tf.Tensor:
        """Quantised queries, or the queries themselves while they are not quantised."""
        if not self._may_be_inactive:
            return found.quantized
        active = tf.convert_to_tensor(self.active) > 0.0
        return tf.where(active, found.quantized, self.group_means(queries))

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        """The vectors to quantise, `[batch, steps, query_dim]`: queries, or their group's means."""
        return queries

    def build(self, input_shape: tuple) -> None:
        if input_shape[-1] != self.query_dim:
            raise ValueError(
                f"{type(self).__name__}: queries have {input_shape[-1]} channels, the quantiser "
                f"takes {self.query_dim}; set its size or the encoder's width."
            )
        # A variable, so that it is in checkpoints; every replica sets it to the same value.
        self.active = self.add_weight(
            name="active",
            shape=(),
            initializer="ones",
            trainable=False,
            aggregation="only_first_replica",
        )

    @property
    def is_active(self) -> bool:
        """Whether queries are quantised."""
        return float(self.active.value.numpy()) > 0.0

    def set_active(self, active: bool) -> None:
        """Sets whether queries are quantised; first called before graphs are traced, if at all."""
        self._may_be_inactive = self._may_be_inactive or not active
        self.active.assign(float(active))
