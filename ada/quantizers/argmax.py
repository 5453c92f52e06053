"""The argmax quantiser of the AMAE (Dieleman et al. 2018, section 3.2; the slides' AMAE)."""

import keras
import numpy as np
import tensorflow as tf

from ada.quantizers.base import (
    Quantizer,
    QuantizerOutput,
    Recoding,
    code_usage,
    uniform_weights,
    usage_metrics,
)
from ada.quantizers.kmeans import kmeans

# Mean largest q once codes are made from data: at 1 the softmax would have no gradient left.
CONFIDENCE = 0.5


@keras.saving.register_keras_serializable("ada")
class ArgmaxQuantizer(Quantizer):
    """Replaces a query by the one-hot vector at its largest activation.

        r = ReLU(a),  q = r / (sum r + eps),  q' = one-hot(argmax q)
        losses: beta (q' - q)^2  +  nu (E_t[q] - C^-1)^2

    A VQ-VAE with a fixed codebook of one-hot vectors. A query whose activations are all zero or
    less gets code 0 and no gradient: the metric "zero_queries" is their share (ReLU only).

    Args:
      num_codes: C, number of codes and of channels.
      commitment_weight: beta.
      diversity_weight: nu. It acts on squared distances between probabilities, about C^-2.
      normalization: "relu", the paper's, or "softmax", its variant.
      epsilon: eps.
      warmup_steps: training steps that pass the activations on unquantised, without losses; then
        the codes are made from data (`init_codebook`). Needs "softmax". Off (0) in the paper.
    """

    NORMALIZATIONS = ("relu", "softmax")

    def __init__(
        self,
        num_codes: int,
        commitment_weight: float = 0.25,
        diversity_weight: float = 1.0,
        normalization: str = "relu",
        epsilon: float = 1e-5,
        warmup_steps: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_codes < 2:
            raise ValueError(f"ArgmaxQuantizer: needs at least 2 codes, got {num_codes}.")
        if normalization not in self.NORMALIZATIONS:
            raise ValueError(
                f"ArgmaxQuantizer: normalization must be one of {self.NORMALIZATIONS}, got "
                f"{normalization!r}."
            )
        if warmup_steps and normalization != "softmax":
            raise ValueError(
                f"ArgmaxQuantizer: warmup_steps={warmup_steps} needs normalization='softmax', got "
                f"{normalization!r}: of distances to centres ReLU would leave nothing."
            )
        self.num_codes = self.query_dim = num_codes
        self.commitment_weight = commitment_weight
        self.diversity_weight = diversity_weight
        self.normalization = normalization
        self.epsilon = epsilon
        self.warmup_steps = warmup_steps
        self.mean_query_needed = diversity_weight > 0.0

    def build(self, input_shape: tuple) -> None:
        del input_shape
        # 1 once queries are quantised, and what activations are multiplied by in the softmax.
        self.active = self.add_state("active", (), float(not self.warmup_steps))
        self.scale = self.add_state("scale", (), 1.0)

    def normalize(self, activations: tf.Tensor) -> tf.Tensor:
        """Activations `[..., C]` to q, which sums to one (or to zero where all are dead)."""
        if self.normalization == "softmax":
            return tf.nn.softmax(activations * self.scale, axis=-1)
        rectified = tf.nn.relu(activations)
        return rectified / (tf.reduce_sum(rectified, axis=-1, keepdims=True) + self.epsilon)

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        if weights is None:
            weights = uniform_weights(queries)
        q = self.normalize(queries)
        codes = tf.argmax(q, axis=-1, output_type=tf.int32)
        one_hot = self.codes_to_quantized(codes)
        local_mean = self.mean_query(q, weights)
        losses, metrics = self._scores(q, one_hot, codes, local_mean, mean_query, weights)
        return QuantizerOutput(self._quantized(q, one_hot, queries), codes, losses, metrics)

    def _scores(
        self,
        q: tf.Tensor,
        one_hot: tf.Tensor,
        codes: tf.Tensor,
        local_mean: tf.Tensor,
        global_mean: tf.Tensor | None,
        weights: tf.Tensor,
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Losses beta (q' - q)^2 and nu (E_t[q] - C^-1)^2, and metrics, of q and q'."""
        active = tf.convert_to_tensor(self.active)
        commitment_loss = tf.reduce_sum(weights * tf.reduce_sum((one_hot - q) ** 2, axis=-1))
        diversity_loss = self._diversity(local_mean, global_mean, weights)
        losses = {
            "commitment": active * self.commitment_weight * commitment_loss,
            "diversity": active * self.diversity_weight * diversity_loss,
        }
        metrics = usage_metrics(code_usage(codes, weights, self.num_codes))
        metrics |= {
            "quantization_error": commitment_loss,
            "largest_activation": tf.reduce_sum(weights * tf.reduce_max(q, axis=-1)),
        }
        if self.normalization == "relu":
            zero = tf.cast(tf.reduce_all(q <= 0.0, axis=-1), tf.float32)
            metrics["zero_queries"] = tf.reduce_sum(weights * zero)
        return losses, metrics

    def _quantized(self, q: tf.Tensor, one_hot: tf.Tensor, queries: tf.Tensor) -> tf.Tensor:
        """One-hot q' with the straight-through gradient; in the warm-up the queries as they are."""
        quantized = q + tf.stop_gradient(one_hot - q)
        if not self.warmup_steps:
            return quantized
        return tf.where(tf.convert_to_tensor(self.active) > 0.0, quantized, queries)

    @staticmethod
    def mean_query(q: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """E_t[q], `[C]`, of normalised q `[batch, steps, C]`; a batch's part of the global mean."""
        return tf.reduce_sum(weights[..., tf.newaxis] * q, axis=[0, 1])

    def _diversity(
        self, local_mean: tf.Tensor, global_mean: tf.Tensor | None, weights: tf.Tensor
    ) -> tf.Tensor:
        """(E_t[q] - C^-1)^2 of the global batch.

        The square of a sum is not a sum of squares: with several replicas each gives the tangent
        of the global square at its own part, so that values and gradients add up to the global.
        """
        if global_mean is None:
            return tf.reduce_sum((local_mean - self._uniform()) ** 2)
        global_mean = tf.stop_gradient(global_mean)
        gap = global_mean - self._uniform()
        tangent = 2.0 * tf.reduce_sum(gap * (local_mean - tf.stop_gradient(local_mean)))
        # Value: this part's share of the square. All weights together are one.
        return tf.reduce_sum(weights) * tf.reduce_sum(gap**2) + tangent

    def _uniform(self) -> float:
        """C^-1, the share of a code where all are used alike."""
        return 1.0 / self.num_codes

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(codes, self.num_codes, dtype=tf.float32)

    @property
    def wants_codebook(self) -> bool:
        return float(self.active.value.numpy()) == 0.0

    def init_codebook(self, queries: np.ndarray, seed: int) -> Recoding:
        """Makes activations of distances to the k-means centres of queries, and starts quantising.

        Activation k becomes 2 a c_k - |c_k|^2, largest at the nearest centre c_k. What code k is
        decoded to becomes what the decoder made of c_k.
        """
        centres = kmeans(queries, self.num_codes, seed)
        kernel, bias = 2.0 * centres.T, -(centres**2).sum(axis=-1)
        self.scale.assign(scale_of_confidence(queries @ kernel + bias, CONFIDENCE))
        self.active.assign(1.0)
        return Recoding(kernel, bias, centres)


def scale_of_confidence(activations: np.ndarray, confidence: float) -> float:
    """The factor at which the softmax of activations `[n, C]` has this mean largest value."""
    below = activations - activations.max(axis=-1, keepdims=True)
    low, high = -40.0, 40.0  # powers of two; the mean grows with the factor
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        mean = (1.0 / np.exp(below * 2.0**middle).sum(axis=-1)).mean()
        low, high = (middle, high) if mean < confidence else (low, middle)
    return 2.0**low
