"""Keras layers: causal dilated convolutions, gated blocks, down- and upsampling by a hop."""

import keras

from ada.layers.configured import Configured
from ada.layers.convolution import CausalConv1D
from ada.layers.field import Field, stack_fields
from ada.layers.gated import GatedResidualBlock
from ada.layers.hop import Downsample, Upsample
from ada.layers.recomputation import recomputed
from ada.layers.residual import ResidualBlock

__all__ = [
    "CausalConv1D",
    "Configured",
    "Downsample",
    "Field",
    "GatedResidualBlock",
    "ResidualBlock",
    "Upsample",
    "recomputed",
    "stack_fields",
]

# Ignores the user's keras.json, which may have been written for other projects.
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"Keras was imported before ada, with the backend {keras.config.backend()}: import ada "
        "first, or set KERAS_BACKEND=tensorflow."
    )
