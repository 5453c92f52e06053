"""The backends of the sampling loop: the kernel in C, XLA, or a plain graph."""

import functools
import os

import tensorflow as tf

from ada.generation import native
from ada.generation.native import NativeSampler
from ada.generation.sampler import BlockSampler, Sampler
from ada.models import WaveNet
from ada.utils import log
from ada.utils.errors import UserError

# Larger batches are not faster.
MAX_BATCH_SIZE = 16
BACKENDS = ("auto", "native", "xla", "graph")
WEIGHTS = ("float32", "bfloat16")


def make_sampler(
    model: WaveNet,
    batch_size: int,
    block_steps: int,
    top_k: int = 0,
    top_p: float = 1.0,
    backend: str = "auto",
    weights: str = "float32",
) -> Sampler:
    """A `Sampler` of one of `BACKENDS`.

    Args:
      model: see `Sampler`; so are the next four.
      batch_size: see `Sampler`.
      block_steps: see `Sampler`.
      top_k: see `Sampler`.
      top_p: see `Sampler`.
      backend: see `resolve`.
      weights: precision in which matrices are stored, one of `WEIGHTS`. bfloat16 halves the memory
        traffic of models that do not fit the caches. Only the kernel in C supports it, as only
        there it was faster (`python -m tools.benchmark generation`).

    Raises:
      UserError: if that backend is not available, or does not support the options.
    """
    backend = resolve(backend)
    half = weights == "bfloat16"
    if half and backend != "native":
        raise UserError(
            f"bfloat16 weights are for the native backend, which is faster with them; {backend} is "
            "not: sample with float32."
        )
    if half and not native.fits_half(model):
        raise UserError(
            f"bfloat16 weights need channels and classes in multiples of {native.HALF_WIDTH}: "
            f"sample the model of {model.residual_channels} and {model.skip_channels} channels and "
            f"{model.num_classes} classes with float32."
        )
    if backend == "native":
        return NativeSampler(model, batch_size, block_steps, top_k, top_p, half=half)
    return BlockSampler(model, batch_size, block_steps, top_k, top_p, jit_compile=backend == "xla")


def default_batch_size(backend: str, num_items: int) -> int:
    """Number of clips computed side by side: one batch per core if batches do not change clips."""
    if resolve(backend) != "native":
        return 1
    return min(-(-num_items // (os.cpu_count() or 1)), MAX_BATCH_SIZE)


@functools.cache
def resolve(backend: str) -> str:
    """The backend for a name; "auto" is "native" on a CPU if it was installed, else "xla".

    Raises:
      UserError: if there is no such backend, or it is not installed.
    """
    if backend not in BACKENDS:
        raise UserError(f"there is no backend {backend!r}; there are {', '.join(BACKENDS)}.")
    if backend == "native" and not native.AVAILABLE:
        raise UserError(
            "the sampling kernel is not installed: reinstall ada where there is a C compiler, or "
            "sample with XLA."
        )
    if backend != "auto":
        return backend
    if any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU")):
        return "xla"
    if not native.AVAILABLE:
        log.info("Sampling with XLA: ada was installed without its faster kernel in C.")
        return "xla"
    return "native"
