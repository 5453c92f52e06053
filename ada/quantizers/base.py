"""The quantiser interface."""

import abc
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.layers import Configured


class QuantizerOutput(NamedTuple):
    """What a quantiser returns for queries `[batch, steps, query_dim]`.

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


class Recoding(NamedTuple):
    """How the layers around a quantiser have to change so that code k stands for centre k.

    Attributes:
      kernel: `[query_dim, query_dim]`; queries q become q @ kernel + bias.
      bias: `[query_dim]`.
      centres: `[num_codes, query_dim]`, what the decoder saw in place of each one-hot vector.
    """

    kernel: np.ndarray
    bias: np.ndarray
    centres: np.ndarray


class Quantizer(Configured, keras.layers.Layer, abc.ABC):
    """Turns queries into integer codes and quantised queries (Dieleman et al. 2018).

    Quantisers compute in float32 whatever the precision of the network around them.

    Attributes:
      query_dim: channels that the encoder must deliver.
      num_codes: number of codes C; 0 where there are none.
      warmup_steps: training steps before there are codes.
      group_length: codes that stand for one vector together (`ada.extensions`); 1 in the paper.
      mean_query_needed: whether the losses need E_t[q] of the *global* batch, which `call` then
        takes as `mean_query` (only used with several replicas or micro-batches).
    """

    query_dim: int
    num_codes: int
    warmup_steps = 0
    group_length = 1
    mean_query_needed = False

    def __init__(self, **kwargs) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))

    @abc.abstractmethod
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

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        """The vectors to quantise, `[batch, steps, query_dim]`: queries, or means of groups."""
        return queries

    @abc.abstractmethod
    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        """Looks up int codes `[batch, steps]`; returns `[batch, steps, quantized_dim]`."""

    def add_state(self, name: str, shape: tuple, value: float) -> keras.Variable:
        """A checkpointed variable that no gradient moves and every replica sets alike."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=keras.initializers.Constant(value),
            trainable=False,
            aggregation="only_first_replica",
        )

    @property
    def wants_codebook(self) -> bool:
        """Whether the codebook still has to be made from data (see `VectorQuantizer`)."""
        return False

    def init_codebook(self, queries: np.ndarray, seed: int) -> Recoding | None:
        """Makes the codebook from queries `[n, query_dim]`, where `wants_codebook`.

        Returns:
          What the layers around must do, of a quantiser without weights of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} makes no codebook from data.")

    def update_state(
        self,
        usage: tf.Tensor,
        queries: tf.Tensor,
        codes: tf.Tensor,
        counted: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor | None:
        """Updates non-gradient state after a training step; called with *global* values.

        Args:
          usage: share of each code in the global batch, `[num_codes]`.
          queries: all queries of the global batch, `[n, query_dim]`.
          codes: their codes, `[n]`.
          counted: 1 for a query, 0 for what stands for padding alone, float `[n]`.
          seed: int32 `[2]`, for stateless draws.

        Returns:
          The mask `[num_codes]` of codebook rows that were replaced (their optimizer slots and
          Polyak averages must follow), or None where this never happens.
        """
        del usage, queries, codes, counted, seed

    @property
    def needs_update(self) -> bool:
        """Whether `update_state` does anything."""
        return False


def uniform_weights(queries: tf.Tensor) -> tf.Tensor:
    """Equal shares `[batch, steps]` that sum to one."""
    shape = tf.shape(queries)[:2]
    return tf.ones(shape) / tf.cast(tf.reduce_prod(shape), tf.float32)


def code_usage(codes: tf.Tensor, weights: tf.Tensor, num_codes: int) -> tf.Tensor:
    """The share of each code `[num_codes]`, from codes and weights `[batch, steps]`."""
    return tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), tf.reshape(codes, [-1]), num_codes
    )


def perplexity(usage: tf.Tensor) -> tf.Tensor:
    """Exp of the entropy of a usage vector `[..., num_codes]`; between 1 and num_codes."""
    share = usage / tf.maximum(tf.reduce_sum(usage, axis=-1, keepdims=True), 1e-30)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share), axis=-1))


def usage_metrics(usage: tf.Tensor) -> dict[str, tf.Tensor]:
    """The metrics that every quantiser with codes reports of a batch."""
    return {
        "usage": usage,
        "perplexity": perplexity(usage),
        "used_codes": tf.math.count_nonzero(usage, dtype=tf.int32),
    }
