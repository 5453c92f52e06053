"""Residual codebooks, interleaved over groups of steps, with one code per step (ours).

Queries that hold notes hardly change from one step of a few milliseconds to the next: 95 of 100
codes repeat the one before, and most bits are wasted. Here G consecutive steps share one vector,
the mean of their queries, and the g-th step of a group has the code of the g-th residual codebook:

    f = mean_g q_g,   r_1 = f,   r_{g+1} = r_g - e_{c_g},   q' = sum_g e_{c_g}  (at all G steps)

There is still one code per step. Codebook g has the ids (g - 1) K .. g K - 1, so that a code
implies its place in the group, and priors need no notion of groups. Residual quantisation is that
of SoundStream (Zeghidour et al. 2021).
"""

import keras
import tensorflow as tf

from ada.extensions.groups import check_group_length, group_means, group_sums
from ada.quantizers import LookUp, VectorQuantizer
from ada.quantizers.vector import nearest_codes


@keras.saving.register_keras_serializable("ada")
class GroupedVectorQuantizer(VectorQuantizer):
    """A VQ-VAE's quantiser whose codebook is G residual codebooks, one for each step of a group.

    The losses are the slides', with the residual r_g in place of the query of each step:

        alpha (e - [r])^2  +  beta ([e] - r)^2        ([ ]: tf.stop_gradient)

    An incomplete last group is quantised with fewer residual codebooks, more coarsely.

    Args:
      num_codes: number of codes in all, G times those of one codebook.
      code_dim: D, dimension of a codebook vector.
      group_length: G, steps in a group; it divides `num_codes`.
      codebook_weight: alpha.
      commitment_weight: beta.
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        group_length: int = 4,
        codebook_weight: float = 1.0,
        commitment_weight: float = 0.25,
        **kwargs,
    ) -> None:
        super().__init__(num_codes, code_dim, codebook_weight, commitment_weight, **kwargs)
        check_group_length(type(self).__name__, num_codes, group_length)
        self.group_length = group_length
        self.codes_per_step = num_codes // group_length

    def look_up(self, queries: tf.Tensor) -> LookUp:
        steps, means = tf.shape(queries)[1], group_means(queries, self.group_length)
        residuals, codes = (values[:, :steps] for values in self._residuals(means))
        means, vectors = means[:, :steps], self.codes_to_quantized(codes)
        quantized = means + tf.stop_gradient(vectors - means)
        return LookUp(residuals, codes, tf.gather(self.codebook, codes), quantized)

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        return group_means(queries, self.group_length)[:, : tf.shape(queries)[1]]

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return group_sums(tf.gather(self.codebook, codes), self.group_length)

    def _residuals(self, means: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Each step's residual r_g `[batch, steps, D]`, and its code int32 `[batch, steps]`."""
        codebooks = tf.split(tf.convert_to_tensor(self.codebook), self.group_length)
        residual = means[:, :: self.group_length]
        residuals, codes = [], []
        for place, codebook in enumerate(codebooks):
            code = nearest_codes(residual, codebook)
            residuals.append(residual)
            codes.append(code + place * self.codes_per_step)
            residual -= tf.stop_gradient(tf.gather(codebook, code))
        batch = tf.shape(means)[0]
        return (
            tf.reshape(tf.stack(residuals, axis=2), [batch, -1, self.code_dim]),
            tf.reshape(tf.stack(codes, axis=2), [batch, -1]),
        )
