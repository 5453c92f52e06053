"""An auxiliary loss: the log spectrum is predicted from the conditioning (ours)."""

import keras
import tensorflow as tf

from ada.extensions.auxiliary import AuxiliaryLoss
from ada.extensions.filterbank import Filterbank


@keras.saving.register_keras_serializable("ada")
class SpectralLoss(AuxiliaryLoss):
    """`AuxiliaryLoss` whose target is the loudness of semitones, 0.4 log(1 + 1000 |x|).

    Args:
      hop_length: see `AuxiliaryLoss`, as are `weight`, `companding` and `num_classes`.
      num_bands: number of bands, semitones from `lowest_hz` up.
      lowest_hz: frequency of the lowest band, in Hz; 55 Hz is A1.
      num_taps: see `Filterbank`, as is `sample_rate`.
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
        super().__init__(hop_length, weight, companding, num_classes, **kwargs)
        self.num_bands = self.num_outputs = num_bands
        self.lowest_hz = lowest_hz
        self.num_taps = num_taps
        self.sample_rate = sample_rate
        self._filterbank = Filterbank(hop_length, num_bands, 12, lowest_hz, num_taps, sample_rate)
        self._filterbank.check()

    def target(self, audio: tf.Tensor) -> tf.Tensor:
        return 0.4 * self._filterbank.log_spectrum(audio)
