"""No quantisation: the continuous embedding of NSynth (Engel et al. 2017)."""

import keras
import tensorflow as tf

from ada.quantizers.base import Quantizer, QuantizerOutput


@keras.saving.register_keras_serializable("ada")
class IdentityQuantizer(Quantizer):
    """Passes queries on as they are; there are no codes and no losses.

    Args:
      code_dim: channels of the queries.
    """

    num_codes = 0

    def __init__(self, code_dim: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.query_dim = self.code_dim = code_dim

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        del weights, mean_query
        return QuantizerOutput(queries, None, {}, {})

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        raise ValueError("An identity quantiser (NSynth) has no codes to look up.")
