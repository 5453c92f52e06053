"""Generation: the compiled incremental sampler, streams of levels, and modes of starting.

Importing this package does not import TensorFlow: names that need it are imported when first used.
"""

from typing import TYPE_CHECKING

from ada.generation.results import Results, load_codes
from ada.utils.lazy import attributes

if TYPE_CHECKING:
    from ada.generation.backends import BACKENDS, make_sampler
    from ada.generation.chain import Generated, generate, load_levels, stream
    from ada.generation.choice import choose, uniforms
    from ada.generation.incremental import IncrementalState, IncrementalWaveNet
    from ada.generation.level import Level, SamplingConfig
    from ada.generation.modes import Request
    from ada.generation.native import NativeSampler
    from ada.generation.sampler import BlockSampler
    from ada.generation.streaming import Block, Stream, generate_level

__all__ = [
    "BACKENDS",
    "Block",
    "BlockSampler",
    "SamplingConfig",
    "Generated",
    "IncrementalState",
    "IncrementalWaveNet",
    "Level",
    "NativeSampler",
    "Request",
    "Results",
    "Stream",
    "choose",
    "generate",
    "generate_level",
    "load_codes",
    "load_levels",
    "make_sampler",
    "stream",
    "uniforms",
]

__getattr__ = attributes(
    __name__,
    {
        "backends": ["BACKENDS", "make_sampler"],
        "chain": ["Generated", "generate", "load_levels", "stream"],
        "choice": ["choose", "uniforms"],
        "incremental": ["IncrementalState", "IncrementalWaveNet"],
        "level": ["SamplingConfig", "Level"],
        "modes": ["Request"],
        "native": ["NativeSampler"],
        "sampler": ["BlockSampler"],
        "streaming": ["Block", "Stream", "generate_level"],
    },
)
