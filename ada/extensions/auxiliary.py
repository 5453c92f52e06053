"""Auxiliary losses on the conditioning of the local model (ours, not the paper's).

The negative log-likelihood alone hardly rewards pitch, since most bits of audio are fine texture.
An auxiliary loss is that of one linear layer which predicts a target from the modulator's features.
It trains encoder, codebook and modulator, and never the local model. Jukebox (Dhariwal et al. 2020,
section 3.2) adds a spectral loss for the same reason.
"""

import abc
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.audio import get_companding
from ada.layers import Configured
from ada.quantizers.base import require_weights


class AuxiliaryOutput(NamedTuple):
    """Loss and metrics of an auxiliary loss.

    Attributes:
      losses: the weighted term "auxiliary", a sum with weights that sum to one over the global
        batch.
      metrics: "auxiliary_moments", `[3, outputs]`: means of the squared error, of the target and of
        its square (`ada.models.losses.explained_share`).
    """

    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]


class AuxiliaryLoss(Configured, keras.layers.Layer, abc.ABC):
    """Weight times the mean squared error of a target, predicted by one linear layer.

        weight * sum_t w_t mean_k (head(features)_t,k - target(audio)_t,k)^2

    Args:
      hop_length: samples to one step.
      weight: factor of the loss.
      companding: how audio became ids (`ada.audio.COMPANDINGS`).
      num_classes: number of ids.
    """

    # Number of outputs of the linear layer, set by each kind of loss.
    num_outputs: int

    def __init__(
        self, hop_length: int, weight: float, companding: str, num_classes: int, **kwargs
    ) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.hop_length = hop_length
        require_weights(self, weight=weight)
        self.weight = weight
        self.companding = companding
        self.num_classes = num_classes

    def build(self, feature_shape: tuple) -> None:
        self.head = keras.layers.Dense(self.num_outputs, dtype="float32", name="head")
        self.head.build(feature_shape)

    @abc.abstractmethod
    def target(self, audio: tf.Tensor) -> tf.Tensor:
        """Audio `[batch, steps * hop_length]` to `[batch, steps, num_outputs]`."""

    def amplitudes(self, ids: tf.Tensor) -> tf.Tensor:
        """Amplitudes in [-1, 1] of ids, for models whose encoder has no front end."""
        return amplitudes(ids, self.companding, self.num_classes)

    def call(self, features: tf.Tensor, audio: tf.Tensor, weights: tf.Tensor) -> AuxiliaryOutput:
        """The loss.

        Args:
          features: of the modulator, `[batch, steps, channels]`.
          audio: of the ids, float32 `[batch, steps * hop_length]`.
          weights: share of each step, `[batch, steps]`; they sum to one over the global batch.
        """
        target = tf.stop_gradient(self.target(audio))
        squared_error = (self.head(tf.cast(features, tf.float32)) - target) ** 2
        moments = tf.einsum("bt,kbtf->kf", weights, tf.stack([squared_error, target, target**2]))
        return AuxiliaryOutput(
            {"auxiliary": self.weight * tf.reduce_mean(moments[0])},
            {"auxiliary_moments": tf.stop_gradient(moments)},
        )


def amplitudes(ids: tf.Tensor, companding: str, num_classes: int) -> tf.Tensor:
    """Amplitudes in [-1, 1] of ids, float32 of the same shape, by a table."""
    _, decode = get_companding(companding)
    return tf.gather(tf.constant(decode(np.arange(num_classes), num_classes)), ids)
