"""An AMAE's quantiser whose codes share a vector in groups of G steps (ours).

As in `GroupedVectorQuantizer`, G consecutive steps share the mean of their activations, and the
g-th step holds the g-th code, with ids (g - 1) K .. g K - 1. Codes of a group are chosen side by
side, each from its own K activations, not as residuals: q' is the concatenation of G one-hot
vectors, at all steps of the group.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from ada.extensions.groups import check_group_length, group_means, group_sums
from ada.quantizers import ArgmaxQuantizer, ada_loss


class GroupLookUp(NamedTuple):
    """`LookUp` of K activations per step, and q of all places: float `[batch, steps, C]`."""

    q: tf.Tensor
    codes: tf.Tensor
    e: tf.Tensor
    quantized: tf.Tensor
    every_q: tf.Tensor


@keras.saving.register_keras_serializable("ada")
class GroupedArgmaxQuantizer(ArgmaxQuantizer):
    """G argmax quantisers side by side, one for each step of a group.

    The losses are the slides' AMAE's, over the K activations of each step's own place:

        beta (q' - q)^2  +  nu sum_g (E_t[q_g] - K^-1)^2

    Args:
      num_codes: number of codes in all, and of activations, G times those of one place.
      group_length: G, steps in a group; it divides `num_codes`.
      commitment_weight: beta.
      diversity_weight: nu.
      normalization: see `ArgmaxQuantizer`, as is `epsilon`.
    """

    def __init__(
        self,
        num_codes: int,
        group_length: int = 4,
        commitment_weight: float = 0.25,
        diversity_weight: float = 1.0,
        normalization: str = "relu",
        epsilon: float = 1e-5,
        **kwargs,
    ) -> None:
        super().__init__(
            num_codes, commitment_weight, diversity_weight, normalization, epsilon, **kwargs
        )
        check_group_length(type(self).__name__, num_codes, group_length)
        self.group_length = group_length
        self.codes_per_step = num_codes // group_length

    def normalize(self, activations: tf.Tensor) -> tf.Tensor:
        """Activations `[batch, steps, C]` to q of all places, `[batch, whole groups, C]`.

        Each place's K values sum to one.
        """
        means = group_means(activations, self.group_length)
        places = tf.reshape(means, [*tf.unstack(tf.shape(means)[:2]), self.group_length, -1])
        q = super().normalize(places)
        return tf.reshape(q, tf.shape(means))

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        return group_means(queries, self.group_length)[:, : tf.shape(queries)[1]]

    def look_up(self, queries: tf.Tensor) -> GroupLookUp:
        steps = tf.shape(queries)[1]
        every_q = self.normalize(queries)
        # For each step, the activations of its own place.
        shape = [tf.shape(queries)[0], -1, self.codes_per_step]
        q = tf.reshape(every_q[:, :: self.group_length], shape)[:, :steps]
        ids = tf.argmax(q, axis=-1, output_type=tf.int32)
        codes = ids + (tf.range(steps) % self.group_length) * self.codes_per_step
        every_q, vectors = every_q[:, :steps], self.codes_to_quantized(codes)
        quantized = every_q + tf.stop_gradient(vectors - every_q)
        return GroupLookUp(q, codes, tf.one_hot(ids, self.codes_per_step), quantized, every_q)

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return group_sums(super().codes_to_quantized(codes), self.group_length)

    def loss(
        self,
        nll: tf.Tensor,
        found: GroupLookUp,
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
            mean_q=self.mean_query(found.every_q, weights),
            global_mean_q=mean_query,
            uniform=1.0 / self.codes_per_step,
        )

    def mean_query(self, q: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """E_t[q] of every place, `[C]`; q `[batch, steps, C]` may have more steps than weights."""
        return super().mean_query(q[:, : tf.shape(weights)[1]], weights)
