"""An AMAE's quantiser whose codes share a vector in groups of G steps (ours).

As in `GroupedVectorQuantizer`, G consecutive steps share the mean of their activations, and the
g-th step holds the g-th code, with ids (g - 1) K .. g K - 1. Codes of a group are chosen side by
side, each from its own K activations, not as residuals: q' is the concatenation of G one-hot
vectors, at all steps of the group.
"""

import keras
import numpy as np
import tensorflow as tf

from ada.extensions.groups import check_group_length, group_means, group_sums
from ada.quantizers import ArgmaxQuantizer, QuantizerOutput, kmeans
from ada.quantizers.argmax import CONFIDENCE, scale_of_confidence
from ada.quantizers.base import Recoding, uniform_weights

# Principal components of the activations, all codebooks together, that codes are made from.
NUM_COMPONENTS = 64


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
      normalization: see `ArgmaxQuantizer`, as are all that follow.
    """

    def __init__(
        self,
        num_codes: int,
        group_length: int = 4,
        commitment_weight: float = 0.25,
        diversity_weight: float = 1.0,
        normalization: str = "relu",
        epsilon: float = 1e-5,
        warmup_steps: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(
            num_codes,
            commitment_weight=commitment_weight,
            diversity_weight=diversity_weight,
            normalization=normalization,
            epsilon=epsilon,
            warmup_steps=warmup_steps,
            **kwargs,
        )
        check_group_length(type(self).__name__, num_codes, group_length)
        self.group_length = group_length
        self.codes_per_step = num_codes // group_length

    def normalize(self, activations: tf.Tensor) -> tf.Tensor:
        """Activations `[batch, steps, C]` to q of all places, `[batch, steps, C]`, by groups.

        Each place's K values sum to one.
        """
        means = self.group_means(activations)
        places = tf.reshape(means, [*tf.unstack(tf.shape(means)[:2]), self.group_length, -1])
        q = super().normalize(places)
        return tf.reshape(q, tf.shape(means))

    def group_means(self, queries: tf.Tensor) -> tf.Tensor:
        return group_means(queries, self.group_length)

    def call(
        self,
        queries: tf.Tensor,
        weights: tf.Tensor | None = None,
        mean_query: tf.Tensor | None = None,
    ) -> QuantizerOutput:
        if weights is None:
            weights = uniform_weights(queries)
        steps = tf.shape(queries)[1]
        every = self.normalize(queries)
        # Of each step the activations of its own place.
        own = self._own(every)[:, :steps]
        places = tf.range(steps) % self.group_length
        codes = tf.argmax(own, axis=-1, output_type=tf.int32) + places * self.codes_per_step
        one_hot = tf.one_hot(codes - places * self.codes_per_step, self.codes_per_step)
        local_mean = self.mean_query(every, weights)
        losses, metrics = self._scores(own, one_hot, codes, local_mean, mean_query, weights)
        every, means = every[:, :steps], self.group_means(queries)[:, :steps]
        quantized = self._quantized(every, self.codes_to_quantized(codes), means)
        return QuantizerOutput(quantized, codes, losses, metrics)

    def mean_query(self, q: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """E_t[q] of every place, `[C]`; q `[batch, steps, C]` may have more steps than weights."""
        return super().mean_query(q[:, : tf.shape(weights)[1]], weights)

    def _uniform(self) -> float:
        return 1.0 / self.codes_per_step

    def codes_to_quantized(self, codes: tf.Tensor) -> tf.Tensor:
        return group_sums(super().codes_to_quantized(codes), self.group_length)

    def _own(self, q: tf.Tensor) -> tf.Tensor:
        """Of q of all places `[batch, steps, C]` each step's own, `[batch, steps, K]`."""
        return tf.reshape(q[:, :: self.group_length], [tf.shape(q)[0], -1, self.codes_per_step])

    def init_codebook(self, queries: np.ndarray, seed: int) -> Recoding:
        """Makes activations of distances to k-means centres, each place's in its own subspace.

        The principal components of the group means `[n, C]` are dealt out to the places in turn.
        Within a place, activation k becomes 2 a c_k - |c_k|^2, largest at the nearest centre c_k.
        """
        # All steps of a group have the same mean.
        points = queries[:: self.group_length].astype(np.float64)
        middle = points.mean(axis=0)
        _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
        kernels, biases, centres = [], [], []
        for place in range(self.group_length):
            axis = axes[place : NUM_COMPONENTS : self.group_length].T
            found = kmeans((points - middle) @ axis, self.codes_per_step, seed + place)
            kernel = 2.0 * axis @ found.T
            kernels.append(kernel)
            biases.append(-(found**2).sum(axis=-1) - middle @ kernel)
            centres.append(found @ axis.T + middle / self.group_length)
        kernel = np.concatenate(kernels, axis=1).astype(np.float32)
        bias = np.concatenate(biases).astype(np.float32)
        activations = points.astype(np.float32) @ kernel + bias
        by_place = activations.reshape(-1, self.codes_per_step)
        self.scale.assign(scale_of_confidence(by_place, CONFIDENCE))
        self.active.assign(1.0)
        return Recoding(kernel, bias, np.concatenate(centres).astype(np.float32))
