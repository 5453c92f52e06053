"""Models over integer ids: the WaveNet, and the autoregressive discrete autoencoder (ADA)."""

import tensorflow as tf

from ada.models.autoencoder import AutoregressiveDiscreteAutoencoder
from ada.models.encoder import Encoder
from ada.models.losses import ModelOutput
from ada.models.modulator import Modulator
from ada.models.polyak import PolyakAverage
from ada.models.wavenet import WaveNet

# TensorFloat-32 would round float32 to 10 bits on GPUs, also where codes are chosen.
tf.config.experimental.enable_tensor_float_32_execution(False)

__all__ = [
    "AutoregressiveDiscreteAutoencoder",
    "Encoder",
    "ModelOutput",
    "Modulator",
    "PolyakAverage",
    "WaveNet",
]
