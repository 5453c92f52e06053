"""Residual codebooks, interleaved over groups of steps: one code a step, all bits spent (ours).

Queries that hold notes hardly change from one step of a few milliseconds to the next: 95 of 100
codes repeat the one before, and most bits lie idle. Here G consecutive steps share one vector, the
mean of their queries, and the g-th step of a group holds the code of the g-th residual codebook:

    f = mean_g q_g,   r_1 = f,   r_{g+1} = r_g - e_{c_g},   q' = sum_g e_{c_g}  (at all G steps)

There is still one code a step. Codebook g has the ids (g - 1) K .. g K - 1, so that a code tells
its place in the group, and priors need to know nothing of groups. Residual quantisation is that of
SoundStream (Zeghidour et al. 2021).
"""

import keras
import numpy as np
import tensorflow as tf

from ada.extensions.groups import check_group_length, group_means, group_sums
from ada.quantizers import QuantizerOutput, VectorQuantizer, kmeans
from ada.quantizers.base import uniform_weights
from ada.quantizers.vector import nearest_codes, random_rows


@keras.saving.register_keras_serializable("ada")
class GroupedVectorQuantizer(VectorQuantizer):
    """A VQ-VAE's quantiser whose codebook is G residual codebooks, one for each step of a group.

    The losses are the slides', with the residual r_g in place of the query of each step:

        alpha (e - [r])^2  +  beta ([e] - r)^2        ([ ]: tf.stop_gradient)

    Steps that do not fill their last group are quantised as far as they go, more coarsely.

    Args:
      num_codes: number of codes in all, G times those of one codebook.
      code_dim: D, dimension of a codebook vector.
      group_length: G, steps in a group; it divides `num_codes`.
      codebook_weight: alpha.
      commitment_weight: beta.
      warmup_steps: see `VectorQuantizer`, as are all that follow.
    """

    def __init__(
        self,
        num_codes: int,
        code_dim: int,
        group_length: int = 4,
        codebook_weight: float = 1.0,
        commitment_weight: float = 0.25,
        warmup_steps: int = 0,
        init_from_data: bool = False,
        restart_every: int = 0,
        ema_decay: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(
            num_codes,
            code_dim,
            codebook_weight=codebook_weight,
            commitment_weight=commitment_weight,
            warmup_steps=warmup_steps,
            init_from_data=init_from_data,
            restart_every=restart_every,
            ema_decay=ema_decay,
            **kwargs,
        )
        check_group_length(type(self).__name__, num_codes, group_length)
        self.group_length = group_length
        self.codes_per_step = num_codes // group_length

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        del mean_query
        if weights is None:
            weights = uniform_weights(queries)
        steps = tf.shape(queries)[1]
        means = self.group_means(queries)
        residuals, codes = self._residuals(means)
        nearest = tf.gather(self.codebook, codes)
        losses = self._vector_losses(residuals[:, :steps], nearest[:, :steps], weights)
        codes, means = codes[:, :steps], means[:, :steps]
        return self._output(means, self.codes_to_quantized(codes), codes, losses, weights)

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        return group_means(queries, self.group_length)

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

    def _codebook_from(self, queries: np.ndarray, seed: int) -> np.ndarray:
        """Residual k-means over group means `[n, D]`: each codebook quantises what is left."""
        # All steps of a group have the same mean.
        residuals, codebooks = queries[:: self.group_length], []
        for place in range(self.group_length):
            centres = kmeans(residuals, self.codes_per_step, seed + place)
            codes = nearest_codes(tf.constant(residuals), tf.constant(centres)).numpy()
            residuals = residuals - centres[codes]
            codebooks.append(centres)
        return np.concatenate(codebooks)

    def update_state(
        self,
        usage: tf.Tensor,
        queries: tf.Tensor,
        codes: tf.Tensor,
        counted: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor | None:
        # A group that is partly padding does not count.
        groups = tf.reshape(counted, [-1, self.group_length])
        counted = tf.repeat(tf.reduce_min(groups, axis=1), self.group_length)
        residuals, _ = self._residuals(self.group_means(queries[tf.newaxis]))
        return super().update_state(usage, residuals[0], codes, counted, seed)

    def _replacements(self, queries: tf.Tensor, counted: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        # An unused code becomes a residual of its own place in the group.
        by_place = [
            random_rows(
                queries[place :: self.group_length],
                counted[place :: self.group_length],
                self.codes_per_step,
                seed,
            )
            for place in range(self.group_length)
        ]
        return tf.concat(by_place, axis=0)
