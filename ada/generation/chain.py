"""Hierarchical sampling: from the top prior down to audio (METHOD: "Stacking")."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.chain import Chain
from ada.errors import UserError
from ada.generation.level import Draws, generate_level
from ada.generation.sampler import BlockSampler
from ada.models import AutoregressiveDiscreteAutoencoder


def steps_needed(num_steps: int, model: AutoregressiveDiscreteAutoencoder) -> int:
    """Codes that `num_steps` ids need, the modulator's look-ahead included."""
    return -(-num_steps // model.hop_length) + model.modulator.field.future


def decode_codes(
    model: AutoregressiveDiscreteAutoencoder,
    codes: np.ndarray,
    num_steps: int,
    draws: Draws,
    *,
    level: int = 0,
    lanes: int = 1,
    desc: str | None = None,
    jit_compile: bool = True,
    sampler: BlockSampler | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws ids from an autoencoder's decoder, given its codes.

    Args:
      model: a built autoencoder.
      codes: int `[items, code_steps]`.
      num_steps: ids to draw for each item, at most `code_steps * hop_length`.
      draws: how ids are drawn.
      level: number of the level, 0 at the bottom.
      lanes: see `generate_level`; so are the rest.
      desc: see `generate_level`.
      jit_compile: see `generate_level`.
      sampler: see `generate_level`.

    Returns:
      ids int32 and log-probabilities float32, `[items, num_steps]`.
    """
    conditioning = model.conditioning(tf.constant(codes)).numpy()
    return generate_level(
        model.local_model,
        len(codes),
        num_steps,
        draws,
        level=level,
        conditioning=conditioning,
        hop_length=ids_per_conditioning_step(model),
        lanes=lanes,
        desc=desc,
        jit_compile=jit_compile,
        sampler=sampler,
    )


def ids_per_conditioning_step(model: keras.Model) -> int:
    """Ids that share one step of the modulator's output; 1 where there is no modulator."""
    return 1 if model.quantizer is None else model.hop_length // model.modulator.upsample_by


class Generated(NamedTuple):
    """What a chain generated.

    Attributes:
      audio: float32 `[items, samples]`.
      sample_rate: Hz.
      ids: every level's ids, top first, each int32 `[items, steps]`.
      bits: mean -log2 p(id) of what was drawn, a level, top first.
    """

    audio: np.ndarray
    sample_rate: int
    ids: tuple[np.ndarray, ...]
    bits: tuple[float, ...]


def generate(
    chain: Chain,
    num_items: int,
    duration_secs: float,
    draws: Sequence[Draws],
    *,
    lanes: int = 1,
    jit_compile: bool = True,
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
      lanes: items computed side by side.
      jit_compile: whether XLA compiles the loops.
      progress: whether to show progress bars.

    Raises:
      UserError: if the chain does not reach from a prior down to audio.
    """
    chain.require_audio()
    sample_rate = chain.runs[-1].info.sample_rate
    # From the bottom up: how many ids does each level need?
    lengths = [round(duration_secs * sample_rate)]
    for run in reversed(chain.runs[1:]):
        lengths.insert(0, steps_needed(lengths[0], run.build_model()))

    levels, bits = [], []
    for number, (run, length) in enumerate(zip(chain.runs, lengths, strict=True)):
        model = chain.load_model(number)
        options = {
            "level": len(chain.runs) - 1 - number,
            "lanes": lanes,
            "desc": f"{run.info.kind} from {run.directory}" if progress else None,
            "jit_compile": jit_compile,
        }
        if number:
            ids, log_probs = decode_codes(model, levels[-1], length, draws[number], **options)
        elif model.quantizer is None:
            ids, log_probs = generate_level(model, num_items, length, draws[number], **options)
        else:
            raise UserError(
                f"{run.directory} is an autoencoder: put a prior above it, trained on its codes."
            )
        levels.append(ids)
        bits.append(float(-log_probs.mean() / np.log(2.0)))
    audio = np.asarray(chain.runs[-1].info.ids_to_audio(levels[-1]), np.float32)
    return Generated(audio, sample_rate, tuple(levels), tuple(bits))
