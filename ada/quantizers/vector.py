"""The vector quantiser of VQ-VAE (van den Oord, Vinyals, Kavukcuoglu 2017; the slides' VQ-VAE)."""

import keras
import tensorflow as tf

from ada.quantizers.base import LookUp, Quantizer, require_weights
from ada.quantizers.loss import ada_loss, mean_square
from ada.quantizers.usage import code_usage, usage_metrics


@keras.saving.register_keras_serializable("ada")
class VectorQuantizer(Quantizer):
    """Replaces a query q by the nearest codebook vector q' = e_k, Euclidean.

        losses: alpha (e_k - [q])^2  +  beta ([e_k] - q)^2        ([ ]: tf.stop_gradient)

    Args:
      num_codes: C, number of codebook vectors.
      code_dim: D, their dimension.
      codebook_weight: alpha.
      commitment_weight: beta. Squares are summed over D: see `ada.quantizers.loss` for what that is
        in implementations that average.
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        codebook_weight: float = 1.0,
        commitment_weight: float = 0.25,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if num_codes < 2 or code_dim < 1:
            raise ValueError(
                f"{type(self).__name__}: needs at least 2 codes of at least 1 dimension, got "
                f"num_codes={num_codes}, code_dim={code_dim}."
            )
        require_weights(self, codebook_weight=codebook_weight, commitment_weight=commitment_weight)
        self.num_codes = num_codes
        self.query_dim = self.code_dim = code_dim
        self.codebook_weight = codebook_weight
        self.commitment_weight = commitment_weight

    def build(self, input_shape: tuple) -> None:
        scale = 1.0 / self.num_codes
        self.codebook = self.add_weight(
            name="codebook",
            shape=(self.num_codes, self.code_dim),
            initializer=keras.initializers.RandomUniform(-scale, scale),
            aggregation="only_first_replica",  # all replicas set it to the same values
        )
        super().build(input_shape)

    def look_up(self, queries: tf.Tensor) -> LookUp:
        codes = nearest_codes(queries, self.codebook)
        e = self.codes_to_quantized(codes)
        return LookUp(queries, codes, e, queries + tf.stop_gradient(e - queries))

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.codebook, codes)

    def loss(
        self,
        nll: tf.Tensor,
        found: LookUp,
        weights: tf.Tensor,
        mean_query: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        alpha, beta = self.codebook_weight, self.commitment_weight
        return ada_loss(nll, found.q, found.e, weights, alpha, beta)

    def metrics(
        self, queries: tf.Tensor, found: LookUp, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        means = self.group_means(queries)
        return usage_metrics(code_usage(found.codes, weights, self.num_codes)) | {
            "quantization_error": mean_square(found.quantized - means, weights),
            "query_square": mean_square(means, weights),
        }


def nearest_codes(queries: tf.Tensor, codebook: tf.Tensor) -> tf.Tensor:
    """Indices of the nearest codebook vectors; |q|^2 is the same for all and left out.

    Args:
      queries: `[..., D]`.
      codebook: `[C, D]`.

    Returns:
      int32 `[...]`.
    """
    codebook = tf.convert_to_tensor(codebook)
    distances = tf.reduce_sum(codebook**2, axis=-1) - 2.0 * tf.matmul(
        queries, codebook, transpose_b=True
    )
    return tf.argmin(distances, axis=-1, output_type=tf.int32)
