"""An auxiliary loss: the waveform is predicted from the conditioning (ours).

It is meant for codes of a short hop, which have enough bits for the waveform. A second level turns
such codes into audio with the same linear layer (`ada.extensions.CodeFrontEnd`).
"""

import math

import keras
import tensorflow as tf

from ada.extensions.auxiliary import AuxiliaryLoss


@keras.saving.register_keras_serializable("ada")
class WaveformLoss(AuxiliaryLoss):
    """`AuxiliaryLoss` whose target is the samples of a hop, companded by mu-law to [-1, 1].

    Companding makes quiet music count as much as loud music. The target is companded in this way
    even if the ids are not.
    """

    def __init__(
        self,
        hop_length: int,
        weight: float = 10.0,
        companding: str = "mu_law",
        num_classes: int = 256,
        **kwargs,
    ) -> None:
        super().__init__(hop_length, weight, companding, num_classes, **kwargs)
        self.num_outputs = hop_length

    def target(self, audio: tf.Tensor) -> tf.Tensor:
        companded = tf.sign(audio) * tf.math.log1p(MU * tf.abs(audio)) / math.log1p(MU)
        return tf.reshape(companded, [tf.shape(audio)[0], -1, self.hop_length])

    def audio(self, features: tf.Tensor) -> tf.Tensor:
        """The predicted waveform: float32 `[batch, steps * hop_length]` in [-1, 1]."""
        companded = tf.clip_by_value(self.head(tf.cast(features, tf.float32)), -1.0, 1.0)
        expanded = tf.math.expm1(tf.abs(companded) * math.log1p(MU)) / MU
        return tf.reshape(tf.sign(companded) * expanded, [tf.shape(features)[0], -1])


MU = 255.0
