"""No quantisation: the continuous embedding of NSynth (Engel et al. 2017)."""

import keras
import tensorflow as tf

from ada.quantizers.base import LookUp, Quantizer


@keras.saving.register_keras_serializable("ada")
class IdentityQuantizer(Quantizer):
    """Returns queries unchanged: without codes, and without losses other than the NLL.

    Args:
      code_dim: channels of the queries.
    """

    num_codes = 0
    is_active = True

    def __init__(self, code_dim: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.query_dim = self.code_dim = code_dim

    def build(self, input_shape: tuple) -> None:
        self.built = True

    def look_up(self, queries: tf.Tensor) -> LookUp:
        return LookUp(queries, None, queries, queries)

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        raise ValueError("An identity quantiser (NSynth) has no codes to look up.")

    def loss(
        self,
        nll: tf.Tensor,
        found: LookUp,
        weights: tf.Tensor,
        mean_query: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        return {"nll": nll}

    def metrics(
        self, queries: tf.Tensor, found: LookUp, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return {}
