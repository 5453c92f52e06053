"""Queries and codebook vectors of length one (ours)."""

import keras
import tensorflow as tf

from ada.quantizers import LookUp, VectorQuantizer
from ada.quantizers.vector import nearest_codes


@keras.saving.register_keras_serializable("ada")
class UnitLengthVectorQuantizer(VectorQuantizer):
    """A `VectorQuantizer` that scales queries and codebook vectors to length one first.

    This keeps the queries from growing away from the codebook.
    """

    def look_up(self, queries: tf.Tensor) -> LookUp:
        q = tf.math.l2_normalize(queries, axis=-1)
        codes = nearest_codes(q, self._vectors())
        e = self.codes_to_quantized(codes)
        return LookUp(q, codes, e, q + tf.stop_gradient(e - q))

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._vectors(), codes)

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        return tf.math.l2_normalize(queries, axis=-1)

    def _vectors(self) -> tf.Tensor:
        return tf.math.l2_normalize(tf.convert_to_tensor(self.codebook), axis=-1)
