"""A fixed bank of log-frequency filters, and a front end of the encoder that uses it (ours).

Companding distorts pitch: mu-law adds intermodulation, and strided convolutions with ReLU recover
little of the pitch. Here ids are turned back into amplitudes, fixed filters measure the loudness of
each pitch, and the logarithm is taken last. The filters are not trained: Adam's steps are larger
than their taps and would destroy them.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.extensions.auxiliary import amplitudes
from ada.layers import Configured, Field

# Cycles of a filter's own frequency under its window; fewer for low filters, which need more taps.
CYCLES = 24.0
# log(1 + LOUDNESS |x|): amplitudes well below 1 / LOUDNESS count as silence.
LOUDNESS = 1000.0


class Filterbank(NamedTuple):
    """Complex filters under Gaussian windows, spaced evenly in the logarithm of frequency.

    Attributes:
      hop_length: samples from one frame to the next.
      num_filters: number of filters, from `lowest_hz` up.
      filters_per_octave: their spacing; 12 are semitones.
      lowest_hz: frequency of the first filter, in Hz.
      num_taps: length of each filter, a multiple of the hop, in samples.
      sample_rate: in Hz.
    """

    hop_length: int
    num_filters: int
    filters_per_octave: int
    lowest_hz: float
    num_taps: int = 2048
    sample_rate: int = 16000

    @property
    def field(self) -> Field:
        """The receptive field of a frame: `num_taps` samples, centred about its hop."""
        around = self.num_taps - self.hop_length
        return Field(around // 2, around - around // 2, self.hop_length)

    def frequencies(self) -> np.ndarray:
        """Centre frequencies in Hz, `[num_filters]`; never above 0.46 of the sample rate."""
        steps = np.arange(self.num_filters) / self.filters_per_octave
        return np.minimum(self.lowest_hz * 2.0**steps, 0.46 * self.sample_rate)

    def taps(self) -> np.ndarray:
        """Cosine and sine taps side by side, float32 `[num_taps, 2 * num_filters]`.

        A sine of amplitude a at a filter's own frequency gives magnitude a.
        """
        cycles = self.frequencies() / self.sample_rate
        time = np.arange(self.num_taps)[:, np.newaxis] - (self.num_taps - 1) / 2
        deviation = np.minimum(0.45 * self.num_taps, CYCLES / cycles) / 2.5
        window = np.exp(-0.5 * (time / deviation) ** 2)
        window *= 2.0 / window.sum(axis=0)
        phase = 2.0 * np.pi * time * cycles
        taps = np.concatenate([window * np.cos(phase), window * np.sin(phase)], axis=1)
        return taps.astype(np.float32)

    def check(self) -> None:
        """Raises ValueError unless the number of taps is a multiple of the hop."""
        if self.num_taps % self.hop_length:
            raise ValueError(
                f"Filterbank: num_taps {self.num_taps} must be a multiple of the hop length "
                f"{self.hop_length}."
            )

    def log_spectrum(self, audio: tf.Tensor) -> tf.Tensor:
        """Log magnitudes of audio around each hop; silence surrounds the audio.

        Args:
          audio: float32 `[batch, steps * hop_length]`.

        Returns:
          float32 `[batch, steps, num_filters]`: log(1 + 1000 |x|).
        """
        batch, hop, field = tf.shape(audio)[0], self.hop_length, self.field
        audio = tf.pad(audio, [[0, 0], [field.past, field.future]])
        # As a convolution over whole hops: overlapping frames would take num_taps / hop_length
        # times the memory of the audio.
        hops = tf.reshape(audio, [batch, -1, hop])
        kernel = self.taps().reshape(self.num_taps // hop, hop, -1)
        cosine, sine = tf.split(tf.nn.conv1d(hops, tf.constant(kernel), 1, "VALID"), 2, axis=-1)
        return tf.math.log1p(LOUDNESS * tf.sqrt(cosine**2 + sine**2 + 1e-10))


@keras.saving.register_keras_serializable("ada")
class FilterbankFrontEnd(Configured, keras.layers.Layer):
    """Ids to the encoder's channels, one step per hop: log filterbank, then a trained projection.

    Replaces the encoder's embedding and strided convolutions (`Encoder.front_end`).

    Args:
      hop_length: samples per step.
      channels: channels of the output.
      num_filters: see `Filterbank`.
      filters_per_octave: see `Filterbank`.
      lowest_hz: see `Filterbank`.
      num_taps: see `Filterbank`.
      sample_rate: see `Filterbank`.
      companding: how audio became ids (`ada.audio.COMPANDINGS`).
      num_classes: number of ids.

    Shapes: int `[batch, steps * hop_length]` to `[batch, steps, channels]`.
    """

    def __init__(
        self,
        hop_length: int,
        channels: int,
        num_filters: int = 120,
        filters_per_octave: int = 16,
        lowest_hz: float = 40.0,
        num_taps: int = 2048,
        sample_rate: int = 16000,
        companding: str = "mu_law",
        num_classes: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.hop_length = hop_length
        self.channels = channels
        self.num_filters = num_filters
        self.filters_per_octave = filters_per_octave
        self.lowest_hz = lowest_hz
        self.num_taps = num_taps
        self.sample_rate = sample_rate
        self.companding = companding
        self.num_classes = num_classes
        self._filterbank = Filterbank(
            hop_length, num_filters, filters_per_octave, lowest_hz, num_taps, sample_rate
        )
        self._filterbank.check()
        self.mix = keras.layers.Dense(channels, dtype=self.dtype_policy, name="mix")

    @property
    def field(self) -> Field:
        """The receptive field of a step, in ids."""
        return self._filterbank.field

    def build(self, input_shape: tuple | None = None) -> None:
        self.mix.build((None, None, self.num_filters))

    def amplitudes(self, ids: tf.Tensor) -> tf.Tensor:
        """Amplitudes in [-1, 1] of ids, float32 of the same shape."""
        return amplitudes(ids, self.companding, self.num_classes)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        # Scaled to a standard deviation of about one.
        return self.mix(0.7 * self._filterbank.log_spectrum(self.amplitudes(ids)))
