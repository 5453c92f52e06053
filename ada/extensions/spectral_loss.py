"""An auxiliary loss: the spectrum must be readable from what the local model is conditioned on.

The negative log-likelihood alone hardly rewards pitch, since most bits of audio are fine texture.
The loss reaches encoder, codebook and modulator, and never the local model. Ours, not the paper's;
Jukebox (Dhariwal et al. 2020, section 3.2) adds a spectral loss for the same reason.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from ada.extensions.filterbank import Filterbank
from ada.layers import Configured


class AuxiliaryOutput(NamedTuple):
    """What an auxiliary loss adds.

    Attributes:
      losses: weighted terms by name, sums with weights that sum to one over the global batch.
      metrics: "spectrum_moments", `[3, bands]`: means of the squared error, of the target and of
        its square (`ada.models.losses.explained_share`).
    """

    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]


@keras.saving.register_keras_serializable("ada")
class SpectralLoss(Configured, keras.layers.Layer):
    """Weight times the mean squared error of the log spectrum, predicted by one linear layer.

        weight * sum_t w_t mean_bands (head(modulator features)_t - spectrum(x)_t)^2

    Args:
      hop_length: samples to one step.
      weight: of the loss.
      num_bands: number of bands, semitones from `lowest_hz` up.
      lowest_hz: frequency of the lowest band, in Hz; 55 Hz is A1.
      num_taps: see `Filterbank`, as are all that follow.
    """

    def __init__(
        self,
        hop_length: int,
        weight: float = 10.0,
        num_bands: int = 84,
        lowest_hz: float = 55.0,
        num_taps: int = 2048,
        sample_rate: int = 16000,
        companding: str = "mu_law",
        num_classes: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.hop_length = hop_length
        self.weight = weight
        self.num_bands = num_bands
        self.lowest_hz = lowest_hz
        self.num_taps = num_taps
        self.sample_rate = sample_rate
        self.companding = companding
        self.num_classes = num_classes
        self._filterbank = Filterbank(
            hop_length, num_bands, 12, lowest_hz, num_taps, sample_rate, companding, num_classes
        )
        self._filterbank.check()
        self.head = keras.layers.Dense(num_bands, dtype="float32", name="head")

    def build(self, feature_shape: tuple) -> None:
        self.head.build(feature_shape)

    def target(self, ids: tf.Tensor) -> tf.Tensor:
        """The log spectrum of ids `[batch, steps * hop_length]`: `[batch, steps, num_bands]`."""
        return 0.4 * self._filterbank.log_spectrum(ids)

    def call(self, features: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> AuxiliaryOutput:
        """The loss.

        Args:
          features: of the modulator, `[batch, steps, channels]`.
          ids: int `[batch, steps * hop_length]`.
          weights: share of each step, `[batch, steps]`; they sum to one over the global batch.
        """
        target = tf.stop_gradient(self.target(ids))
        squared_error = (self.head(tf.cast(features, tf.float32)) - target) ** 2
        moments = tf.einsum("bt,kbtf->kf", weights, tf.stack([squared_error, target, target**2]))
        return AuxiliaryOutput(
            {"spectrum": self.weight * tf.reduce_mean(moments[0])},
            {"spectrum_moments": tf.stop_gradient(moments)},
        )
