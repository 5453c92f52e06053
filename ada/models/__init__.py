"""Models over integer ids: the WaveNet, and the autoregressive discrete autoencoder (ADA)."""

from ada.models.autoencoder import AutoregressiveDiscreteAutoencoder
from ada.models.encoder import Encoder
from ada.models.losses import ModelOutput
from ada.models.modulator import Modulator
from ada.models.polyak import PolyakAverage
from ada.models.wavenet import WaveNet

__all__ = [
    "AutoregressiveDiscreteAutoencoder",
    "Encoder",
    "ModelOutput",
    "Modulator",
    "PolyakAverage",
    "WaveNet",
]
