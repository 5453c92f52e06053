"""The vector quantiser of VQ-VAE (van den Oord, Vinyals, Kavukcuoglu 2017; the slides' VQ-VAE)."""

import keras
import numpy as np
import tensorflow as tf

from ada.quantizers.base import (
    Quantizer,
    QuantizerOutput,
    code_usage,
    uniform_weights,
    usage_metrics,
)
from ada.quantizers.kmeans import kmeans


@keras.saving.register_keras_serializable("ada")
class VectorQuantizer(Quantizer):
    """Replaces a query q by the nearest codebook vector q' = e_k, Euclidean.

        losses: alpha (q' - [q])^2  +  beta ([q'] - q)^2        ([ ]: tf.stop_gradient)

    `normalize` and all that follows it are remedies of ours against dead and ignored codes; all are
    off by default, as in the slides.

    Args:
      num_codes: C, number of codebook vectors.
      code_dim: D, their dimension.
      codebook_weight: alpha.
      commitment_weight: beta.
      normalize: scale queries and codebook vectors to length one before anything else.
      warmup_steps: training steps that pass the queries on unquantised; then the codebook is made
        from data. Implies `init_from_data`.
      init_from_data: make the codebook by k-means over queries of the training data.
      restart_every: every so many training steps, codes that nothing used since the last time
        become random queries of the current batch; 0: never.
      ema_decay: learn the codebook as a running mean of its queries with this decay instead of by
        gradient (van den Oord et al. 2017, appendix A.1); the codebook loss then disappears.
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        codebook_weight: float = 1.0,
        commitment_weight: float = 0.25,
        normalize: bool = False,
        warmup_steps: int = 0,
        init_from_data: bool = False,
        restart_every: int = 0,
        ema_decay: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_codes < 2 or code_dim < 1:
            raise ValueError(
                f"VectorQuantizer: needs at least 2 codes of at least 1 dimension, got "
                f"num_codes={num_codes}, code_dim={code_dim}."
            )
        self.num_codes = num_codes
        self.query_dim = self.code_dim = code_dim
        self.codebook_weight = codebook_weight
        self.commitment_weight = commitment_weight
        self.normalize = normalize
        self.warmup_steps = warmup_steps
        self.init_from_data = init_from_data or warmup_steps > 0
        self.restart_every = restart_every
        self.ema_decay = ema_decay

    def build(self, input_shape: tuple) -> None:
        if input_shape[-1] != self.code_dim:
            raise ValueError(
                f"VectorQuantizer: queries have {input_shape[-1]} channels, the codebook "
                f"{self.code_dim}; set code_dim or the encoder's width."
            )
        shape = (self.num_codes, self.code_dim)
        scale = 1.0 / self.num_codes
        self.codebook = self.add_weight(
            name="codebook",
            shape=shape,
            initializer=keras.initializers.RandomUniform(-scale, scale),
            trainable=self.ema_decay is None,
            aggregation="only_first_replica" if self.ema_decay is not None else None,
        )
        # 1 once there is a codebook to quantise with; until then queries pass unquantised.
        self.active = self.add_state("active", (), float(not self.init_from_data))
        if self.restart_every:
            self.uses = self.add_state("uses", (self.num_codes,), 0.0)
            self.steps = self.add_state("steps", (), 0.0)
        if self.ema_decay is not None:
            self.ema_counts = self.add_state("ema_counts", (self.num_codes,), 1.0)
            self.ema_sums = self.add_state("ema_sums", shape, 0.0)
            self.ema_sums.assign(self.codebook)

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        del mean_query
        if weights is None:
            weights = uniform_weights(queries)
        queries = self._scaled(queries)
        codes = self._nearest(queries)
        nearest = self.codes_to_quantized(codes)
        losses = self._vector_losses(queries, nearest, weights)
        return self._output(queries, nearest, codes, losses, weights)

    def _vector_losses(
        self, queries: tf.Tensor, nearest: tf.Tensor, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The terms alpha (q' - [q])^2 and beta ([q'] - q)^2 of q and q' `[batch, steps, D]`."""
        active = tf.convert_to_tensor(self.active)
        commitment_loss = mean_square(tf.stop_gradient(nearest) - queries, weights)
        losses = {"commitment": active * self.commitment_weight * commitment_loss}
        if self.ema_decay is None:
            codebook_loss = mean_square(nearest - tf.stop_gradient(queries), weights)
            losses["codebook"] = active * self.codebook_weight * codebook_loss
        return losses

    def _output(
        self,
        queries: tf.Tensor,
        vectors: tf.Tensor,
        codes: tf.Tensor,
        losses: dict[str, tf.Tensor],
        weights: tf.Tensor,
    ) -> QuantizerOutput:
        """The output for queries and the vectors `[batch, steps, D]` that replace them."""
        active = tf.convert_to_tensor(self.active)
        quantized = queries + active * tf.stop_gradient(vectors - queries)
        metrics = usage_metrics(code_usage(codes, weights, self.num_codes))
        metrics |= {
            "quantization_error": mean_square(vectors - queries, weights),
            "query_square": mean_square(queries, weights),
        }
        return QuantizerOutput(quantized, codes, losses, metrics)

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._scaled(tf.convert_to_tensor(self.codebook)), codes)

    def _scaled(self, vectors: tf.Tensor) -> tf.Tensor:
        return tf.math.l2_normalize(vectors, axis=-1) if self.normalize else vectors

    def _nearest(self, queries: tf.Tensor) -> tf.Tensor:
        return nearest_codes(queries, self._scaled(tf.convert_to_tensor(self.codebook)))

    @property
    def wants_codebook(self) -> bool:
        return self.init_from_data and float(self.active.value.numpy()) == 0.0

    def init_codebook(self, queries: np.ndarray, seed: int) -> None:
        """Makes the codebook from queries `[n, code_dim]` by k-means, and starts quantising."""
        centres = self._codebook_from(queries, seed)
        self.codebook.assign(centres)
        if self.ema_decay is not None:
            self.ema_counts.assign(tf.ones_like(self.ema_counts))
            self.ema_sums.assign(centres)
        self.active.assign(1.0)

    def _codebook_from(self, queries: np.ndarray, seed: int) -> np.ndarray:
        return kmeans(self._scaled(queries), self.num_codes, seed)

    @property
    def needs_update(self) -> bool:
        return bool(self.restart_every) or self.ema_decay is not None

    def update_state(
        self,
        usage: tf.Tensor,
        queries: tf.Tensor,
        codes: tf.Tensor,
        counted: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor | None:
        queries = self._scaled(queries)
        if self.ema_decay is not None:
            self._move_averages(queries, codes, counted)
        return self._restart_dead(usage, queries, counted, seed) if self.restart_every else None

    def _move_averages(self, queries: tf.Tensor, codes: tf.Tensor, counted: tf.Tensor) -> None:
        counts = tf.math.unsorted_segment_sum(counted, codes, self.num_codes)
        weighted = queries * counted[:, tf.newaxis]
        sums = tf.math.unsorted_segment_sum(weighted, codes, self.num_codes)
        # Before there is a codebook there is nothing to average.
        share = (1.0 - self.ema_decay) * tf.convert_to_tensor(self.active)
        self.ema_counts.assign(self.ema_counts + share * (counts - self.ema_counts))
        self.ema_sums.assign(self.ema_sums + share * (sums - self.ema_sums))
        # Laplace smoothing keeps rare codes finite.
        total = tf.reduce_sum(self.ema_counts)
        smoothed = (self.ema_counts + 1e-5) / (total + self.num_codes * 1e-5) * total
        self.codebook.assign(self.ema_sums / smoothed[:, tf.newaxis])

    def _restart_dead(
        self, usage: tf.Tensor, queries: tf.Tensor, counted: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        active = tf.convert_to_tensor(self.active)
        uses = self.uses + active * usage
        steps = self.steps + active
        due = steps >= self.restart_every
        dead = tf.logical_and(due, uses <= 0.0)
        replacements = self._replacements(queries, counted, seed)
        self.codebook.assign(tf.where(dead[:, tf.newaxis], replacements, self.codebook))
        if self.ema_decay is not None:
            self.ema_counts.assign(tf.where(dead, tf.ones_like(uses), self.ema_counts))
            self.ema_sums.assign(tf.where(dead[:, tf.newaxis], replacements, self.ema_sums))
        self.uses.assign(tf.where(due, tf.zeros_like(uses), uses))
        self.steps.assign(tf.where(due, 0.0, steps))
        return dead

    def _replacements(self, queries: tf.Tensor, counted: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The vector that would replace each code, were it unused, `[num_codes, code_dim]`."""
        return random_rows(queries, counted, self.num_codes, seed)


def mean_square(difference: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean square length of differences `[batch, steps, D]`, each step with its weight."""
    return tf.reduce_sum(weights * tf.reduce_sum(difference**2, axis=-1))


def nearest_codes(queries: tf.Tensor, codebook: tf.Tensor) -> tf.Tensor:
    """Indices of the nearest codebook vectors; |q|^2 is the same for all and left out.

    Args:
      queries: `[..., D]`.
      codebook: `[C, D]`.

    Returns:
      int32 `[...]`.
    """
    distances = tf.reduce_sum(codebook**2, axis=-1) - 2.0 * tf.matmul(
        queries, codebook, transpose_b=True
    )
    return tf.argmin(distances, axis=-1, output_type=tf.int32)


def random_rows(rows: tf.Tensor, counted: tf.Tensor, number: int, seed: tf.Tensor) -> tf.Tensor:
    """Random rows `[number, D]` of those `[n, D]` that count; none twice while there are enough."""
    # Rows that do not count come last in the random order and are not reached.
    order = tf.argsort(tf.random.stateless_uniform(tf.shape(counted), seed) + 1.0 - counted)
    num_counted = tf.maximum(tf.cast(tf.reduce_sum(counted), tf.int32), 1)
    return tf.gather(rows, tf.gather(order, tf.range(number) % num_counted))
