"""Hierarchical sampling: from the top prior down to audio (the slides' stacking)."""

import gc
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from ada.chain import Chain
from ada.errors import UserError
from ada.generation.conditioning import conditioning_steps
from ada.generation.lengths import CodeGeometry, chain_geometry, level_lengths
from ada.generation.level import Drawn, Draws, generate_level
from ada.generation.sampler import Sampler
from ada.models import AutoregressiveDiscreteAutoencoder


def decode_codes(
    model: AutoregressiveDiscreteAutoencoder,
    codes: np.ndarray,
    num_steps: int,
    draws: Draws,
    *,
    level: int = 0,
    forced: np.ndarray | None = None,
    lanes: int | None = None,
    desc: str | None = None,
    backend: str = "auto",
    sampler: Sampler | None = None,
) -> Drawn:
    """Draws ids from an autoencoder's decoder, given its codes.

    Args:
      model: a built autoencoder.
      codes: int `[items, code_steps]`.
      num_steps: ids to draw for each item, at most `code_steps * hop_length`.
      draws: how ids are drawn.
      level: number of the level, 0 at the bottom.
      forced: see `generate_level`; so are the rest.
      lanes: see `generate_level`.
      desc: see `generate_level`.
      backend: see `generate_level`.
      sampler: see `generate_level`.
    """
    code_steps = min(-(-num_steps // model.hop_length), codes.shape[1])
    start = time.monotonic()
    conditioning = conditioning_steps(model, codes, code_steps)
    seconds = time.monotonic() - start
    drawn = generate_level(
        model.local_model,
        len(codes),
        num_steps,
        draws,
        level=level,
        conditioning=conditioning,
        hop_length=ids_per_conditioning_step(model),
        forced=forced,
        lanes=lanes,
        desc=desc,
        backend=backend,
        sampler=sampler,
    )
    return drawn._replace(seconds=seconds + drawn.seconds)


def ids_per_conditioning_step(model: keras.Model) -> int:
    """Ids that share one step of the modulator's output; 1 where there is no modulator."""
    return 1 if model.quantizer is None else model.hop_length // model.modulator.upsample_by


class Generated(NamedTuple):
    """What a chain generated.

    Attributes:
      audio: float32 `[items, samples]`.
      sample_rate: Hz.
      ids: every level's ids, top first, each int32 `[items, steps]`; codes that were given come
        before those of the first level.
      bits: mean -log2 p(id) of what was drawn, a level, top first; None where nothing was.
      seconds: that drawing took, a level, top first: without loading and compiling.
    """

    audio: np.ndarray
    sample_rate: int
    ids: tuple[np.ndarray, ...]
    bits: tuple[float | None, ...]
    seconds: tuple[float, ...]


def generate(
    chain: Chain,
    num_items: int,
    duration_secs: float,
    draws: Sequence[Draws],
    *,
    known: Sequence[np.ndarray | None] = (),
    codes: np.ndarray | None = None,
    lanes: int | None = None,
    backend: str = "auto",
    progress: bool = True,
) -> Generated:
    """Generates audio: the top level first, each level given the codes above it.

    One model is in memory at a time. Every level is run ahead by the look-ahead of the modulator
    below it, so that no conditioning sees the end of the codes.

    Args:
      chain: the run directories.
      num_items: clips.
      duration_secs: length of each.
      draws: one for each level, top first.
      known: ids that the clips begin with, for each level, top first: int `[num_items, steps]`, -1
        where an id is to be drawn; None or nothing at all to draw all of them.
      codes: codes int `[num_items, code_steps]` above the first level, which then is the decoder
        of an autoencoder; None if it is a prior.
      lanes: see `generate_level`.
      backend: what computes the loops (`ada.generation.backends`).
      progress: whether to show progress bars.

    Raises:
      UserError: if the chain does not reach from a prior, or the codes, down to audio.
      ValueError: if the codes given do not last.
    """
    chain.require_audio()
    info = chain.runs[-1].info
    geometry = chain_geometry(chain)
    num_steps = round(duration_secs * info.sample_rate)
    if codes is None:
        require_prior(chain, geometry)
        lengths = level_lengths(num_steps, geometry[1:])
        levels = []
    else:
        code_steps, *lengths = level_lengths(num_steps, geometry, codes.shape[1])
        levels = [codes[:, :code_steps]]
    bits, seconds = [], []
    plans = zip(lengths, known or [None] * len(lengths), strict=True)
    for number, (length, forced) in enumerate(plans):
        drawn = _draw_level(
            chain,
            number,
            (num_items, length),
            draws[number],
            codes=levels[-1] if levels else None,
            forced=forced,
            lanes=lanes,
            backend=backend,
            progress=progress,
        )
        gc.collect()  # Keras models are cycles: this one must go before the next is loaded
        levels.append(drawn.ids)
        bits.append(_bits_of_draws(drawn.log_probs, forced))
        seconds.append(drawn.seconds)
    audio = np.asarray(info.ids_to_audio(levels[-1]), np.float32)
    return Generated(audio, info.sample_rate, tuple(levels), tuple(bits), tuple(seconds))


def require_prior(chain: Chain, geometry: Sequence[CodeGeometry | None]) -> None:
    """Raises UserError if the top of the chain needs codes to begin with."""
    if geometry[0] is not None:
        raise UserError(
            f"{chain.runs[0].directory} is an autoencoder: put a prior above it, trained on its "
            "codes."
        )


def _draw_level(
    chain: Chain,
    number: int,
    shape: tuple[int, int],
    draws: Draws,
    *,
    codes: np.ndarray | None,
    progress: bool,
    **options: Any,
) -> Drawn:
    """Loads the model of one level and draws its ids; the model is gone when this returns."""
    run, (num_items, num_steps) = chain.runs[number], shape
    options |= {
        "level": len(chain.runs) - 1 - number,
        "desc": f"{run.info.kind} from {run.directory}" if progress else None,
    }
    model = chain.load_model(number)
    if codes is None:
        return generate_level(model, num_items, num_steps, draws, **options)
    return decode_codes(model, codes, num_steps, draws, **options)


def _bits_of_draws(log_probs: np.ndarray, forced: np.ndarray | None) -> float | None:
    """Mean -log2 p(id) of the ids that were drawn; None if all were forced."""
    drawn = np.ones(log_probs.shape, bool)
    if forced is not None:
        steps = min(forced.shape[1], log_probs.shape[1])
        drawn[:, :steps] = forced[:, :steps] < 0
    return float(-log_probs[drawn].mean() / np.log(2.0)) if drawn.any() else None
