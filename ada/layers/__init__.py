"""Keras layers: causal dilated convolutions, gated blocks, down- and upsampling by a hop."""

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
