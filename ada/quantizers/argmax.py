"""The argmax quantiser of the AMAE (Dieleman et al. 2018, section 3.2; the slides' AMAE)."""

import keras
import tensorflow as tf

from ada.quantizers.base import LookUp, Quantizer, require_weights
from ada.quantizers.loss import ada_loss, mean_square
from ada.quantizers.usage import code_usage, usage_metrics


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
    """

    NORMALIZATIONS = ("relu", "softmax")

    def __init__(
        self,
        num_codes: int,
        commitment_weight: float = 0.25,
        diversity_weight: float = 1.0,
        normalization: str = "relu",
        epsilon: float = 1e-5,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_codes < 2:
            raise ValueError(f"{type(self).__name__}: needs at least 2 codes, got {num_codes}.")
        if normalization not in self.NORMALIZATIONS:
            raise ValueError(
                f"{type(self).__name__}: normalization must be one of {self.NORMALIZATIONS}, got "
                f"{normalization!r}."
            )
        require_weights(
            self, commitment_weight=commitment_weight, diversity_weight=diversity_weight
        )
        self.num_codes = self.query_dim = num_codes
        self.commitment_weight = commitment_weight
        self.diversity_weight = diversity_weight
        self.normalization = normalization
        self.epsilon = epsilon
        self.mean_query_needed = diversity_weight > 0.0

    def normalize(self, activations: tf.Tensor) -> tf.Tensor:
        """Activations `[..., C]` to q, which sums to one (or to zero where none is positive)."""
        if self.normalization == "softmax":
            return tf.nn.softmax(activations, axis=-1)
        rectified = tf.nn.relu(activations)
        return rectified / (tf.reduce_sum(rectified, axis=-1, keepdims=True) + self.epsilon)

    def look_up(self, queries: tf.Tensor) -> LookUp:
        q = self.normalize(queries)
        codes = tf.argmax(q, axis=-1, output_type=tf.int32)
        e = self.codes_to_quantized(codes)
        return LookUp(q, codes, e, q + tf.stop_gradient(e - q))

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(codes, self.num_codes, dtype=tf.float32)

    def loss(
        self,
        nll: tf.Tensor,
        found: LookUp,
        weights: tf.Tensor,
        mean_query: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        return ada_loss(
            nll,
            found.q,
            found.e,
            weights,
            beta=self.commitment_weight,
            nu=self.diversity_weight,
            mean_q=self.mean_query(found.q, weights),
            global_mean_q=mean_query,
            uniform=1.0 / self.num_codes,
        )

    @staticmethod
    def mean_query(q: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """E_t[q], `[C]`, of normalised q `[batch, steps, C]`; a batch's part of the global mean."""
        return tf.reduce_sum(weights[..., tf.newaxis] * q, axis=[0, 1])

    def metrics(
        self, queries: tf.Tensor, found: LookUp, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        metrics = usage_metrics(code_usage(found.codes, weights, self.num_codes)) | {
            "quantization_error": mean_square(found.e - found.q, weights),
            "largest_activation": tf.reduce_sum(weights * tf.reduce_max(found.q, axis=-1)),
        }
        if self.normalization == "relu":
            zero = tf.cast(tf.reduce_all(found.q <= 0.0, axis=-1), tf.float32)
            metrics["zero_queries"] = tf.reduce_sum(weights * zero)
        return metrics
