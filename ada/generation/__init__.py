"""Generation: the compiled incremental sampler, one level, and whole chains."""

from ada.generation.chain import Generated, decode_codes, generate
from ada.generation.choice import choose, uniforms
from ada.generation.incremental import IncrementalState, IncrementalWaveNet
from ada.generation.level import Draws, generate_level
from ada.generation.sampler import BlockSampler

__all__ = [
    "BlockSampler",
    "Draws",
    "Generated",
    "IncrementalState",
    "IncrementalWaveNet",
    "choose",
    "decode_codes",
    "generate",
    "generate_level",
    "uniforms",
]
