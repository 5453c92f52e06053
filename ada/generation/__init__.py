"""Generation: the compiled incremental sampler, one level, whole chains, and modes of starting."""

from ada.generation.backends import BACKENDS, make_sampler
from ada.generation.chain import Generated, decode_codes, generate
from ada.generation.choice import choose, uniforms
from ada.generation.conditioning import conditioning_steps
from ada.generation.incremental import IncrementalState, IncrementalWaveNet
from ada.generation.level import Draws, generate_level
from ada.generation.modes import Request
from ada.generation.native import NativeSampler
from ada.generation.results import Results, load_codes
from ada.generation.sampler import BlockSampler

__all__ = [
    "BACKENDS",
    "BlockSampler",
    "Draws",
    "Generated",
    "IncrementalState",
    "IncrementalWaveNet",
    "NativeSampler",
    "Request",
    "Results",
    "choose",
    "conditioning_steps",
    "decode_codes",
    "generate",
    "generate_level",
    "load_codes",
    "make_sampler",
    "uniforms",
]
