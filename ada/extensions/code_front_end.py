"""The front end of a second level: it turns codes into the audio that they stand for (ours).

Codes of the level below are arbitrary names, from which pitch cannot be read directly. But that
level has learnt to predict the waveform from its codes by one linear layer
(`ada.extensions.WaveformLoss`). A frozen copy of its codebook, modulator and linear layer turns the
codes into approximate audio, followed by the same filterbank as in the first level.
"""

import keras
import tensorflow as tf

from ada.extensions.filterbank import Filterbank
from ada.extensions.waveform_loss import WaveformLoss
from ada.layers import Configured, Field
from ada.models import AutoregressiveDiscreteAutoencoder, Modulator
from ada.quantizers import Quantizer


@keras.saving.register_keras_serializable("ada")
class CodeFrontEnd(Configured, keras.layers.Layer):
    """Codes to the encoder's channels, one step per hop; an `Encoder.front_end`.

    The three layers are of the same kinds and sizes as those of the level below. Their weights are
    copied by `load_below` before the training begins, and are not trained.

    Args:
      hop_length: codes per step.
      channels: channels of the output.
      quantizer: of the level below.
      modulator: of the level below.
      waveform: auxiliary loss of the level below.
      num_filters: see `Filterbank`, as are the next four.
      skipped_copies: entries of the copied quantiser, in checkpoints of older versions, that are
        not read.

    Shapes: int `[batch, steps * hop_length]` to `[batch, steps, channels]`.
    """

    def __init__(
        self,
        hop_length: int,
        channels: int,
        quantizer: Quantizer,
        modulator: Modulator,
        waveform: WaveformLoss,
        num_filters: int = 120,
        filters_per_octave: int = 16,
        lowest_hz: float = 40.0,
        num_taps: int = 2048,
        sample_rate: int = 16000,
        skipped_copies: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.hop_length = hop_length
        self.channels = channels
        self.skipped_copies = skipped_copies
        self.quantizer = quantizer
        self.modulator = modulator
        self.waveform = waveform
        self.num_filters = num_filters
        self.filters_per_octave = filters_per_octave
        self.lowest_hz = lowest_hz
        self.num_taps = num_taps
        self.sample_rate = sample_rate
        self._filterbank = Filterbank(
            hop_length * waveform.hop_length,
            num_filters,
            filters_per_octave,
            lowest_hz,
            num_taps,
            sample_rate,
        )
        self._filterbank.check()
        self.mix = keras.layers.Dense(channels, dtype=self.dtype_policy, name="mix")

    @property
    def _frozen(self) -> list[keras.layers.Layer]:
        return [self.quantizer, self.modulator, self.waveform]

    @property
    def field(self) -> Field:
        """The receptive field of a step, in codes."""
        heard, seen, hop = self._filterbank.field, self.modulator.field, self.waveform.hop_length
        past, future = -(-heard.past // hop), -(-heard.future // hop)
        return Field(past + seen.past, future + seen.future, self.hop_length)

    def build(self, input_shape: tuple | None = None) -> None:
        dim = self.quantizer.query_dim
        self.quantizer.build((None, None, dim))
        self.modulator.build((None, None, dim))
        self.waveform.build((None, None, self.modulator.channels))
        self.mix.build((None, None, self.num_filters))
        for layer in self._frozen:
            # Keras ignores a value that is already set, also for sublayers.
            layer.trainable = True
            layer.trainable = False
        # Checkpoints do not follow Keras's lists of layers. Trained weights are in them through the
        # optimizer and the Polyak average; these are not trained.
        self._copies = tf.Module()
        copies = [[w.value for w in layer.weights] for layer in self._frozen]
        copies[0] += [tf.Module() for _ in range(self.skipped_copies)]
        self._copies.weights = sum(copies, [])

    def load_below(self, model: AutoregressiveDiscreteAutoencoder) -> None:
        """Copies codebook, modulator and linear layer of the trained level below.

        Raises:
          ValueError: if its layers are of other sizes, or it was trained without a waveform loss.
        """
        theirs = [model.quantizer, model.modulator, model.auxiliary]
        if not isinstance(model.auxiliary, WaveformLoss):
            raise ValueError(
                "CodeFrontEnd: the level below was trained without a WaveformLoss (gin/notes.gin), "
                "so that its codes cannot be turned into audio."
            )
        pairs = [
            (own, other)
            for mine, layer in zip(self._frozen, theirs, strict=True)
            for own, other in zip(mine.weights, layer.weights, strict=False)
        ]
        sizes = [sum(len(layer.weights) for layer in layers) for layers in (self._frozen, theirs)]
        if sizes[0] != sizes[1] or any(own.shape != other.shape for own, other in pairs):
            raise ValueError(
                "CodeFrontEnd: quantizer, modulator and waveform must have the sizes of the level "
                "below; give both levels the same gin files."
            )
        for own, other in pairs:
            own.assign(other)

    def amplitudes(self, codes: tf.Tensor) -> tf.Tensor:
        """Approximate audio of codes `[batch, steps]`: float32 `[batch, steps * samples]`."""
        vectors = self.quantizer.codes_to_quantized(codes)
        return self.waveform.audio(self.modulator.features(vectors))

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        return self.mix(0.7 * self._filterbank.log_spectrum(self.amplitudes(codes)))
