"""Generating one level: whole sequences from one WaveNet, in blocks of a fixed lane width."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.generation.backends import default_lanes, make_sampler
from ada.generation.choice import uniforms
from ada.generation.sampler import Sampler
from ada.models import WaveNet
from ada.progress import progress_bar

# Ids to a block, rounded up to whole codes. Part of what a seed means: draws are made by block.
BLOCK_STEPS = 2048


class Draws(NamedTuple):
    """How ids are drawn.

    Attributes:
      seed: of all random numbers.
      temperature: logits are divided by it.
      top_k: keep the k likeliest ids; 0 keeps all.
      top_p: keep the likeliest ids up to this probability; 1 keeps all.
    """

    seed: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
      ids: int32 `[items, steps]`.
      log_probs: log p(id) in nats at temperature 1, float32 `[items, steps]`.
      seconds: it took, without compiling.
    """

    ids: np.ndarray
    log_probs: np.ndarray
    seconds: float


def block_steps(hop_length: int) -> int:
    """The length of a block for a level whose conditioning has one step every `hop_length` ids."""
    return -(-BLOCK_STEPS // hop_length) * hop_length


def generate_level(
    model: WaveNet,
    num_items: int,
    num_steps: int,
    draws: Draws,
    *,
    level: int = 0,
    conditioning: np.ndarray | None = None,
    hop_length: int = 1,
    forced: np.ndarray | None = None,
    lanes: int | None = None,
    desc: str | None = None,
    backend: str = "auto",
    sampler: Sampler | None = None,
) -> Drawn:
    """Draws sequences from a WaveNet.

    An item's ids depend on its number, the seed, the backend and, but for the native one, the lane
    width, not on how many items there are. Groups of `lanes` items run on as many threads as there
    are processors.

    Args:
      model: a built WaveNet.
      num_items: sequences.
      num_steps: ids in each.
      draws: how ids are drawn.
      level: the level's number in its chain, 0 at the bottom; decides its random numbers.
      conditioning: h, `[num_items, code_steps, channels]`, where the model takes it; one step for
        `hop_length` ids, at least `num_steps / hop_length` of them.
      hop_length: ids to one conditioning step.
      forced: int `[num_items, prompt_steps]`, ids that the sequences begin with.
      lanes: items computed side by side; None for what suits the backend.
      desc: title of a progress bar; None for none.
      backend: what computes the loop (`ada.generation.backends`).
      sampler: one that is compiled already, of the same model with `block_steps(hop_length)` and
        the same top-k and top-p; its lanes are used.

    Raises:
      ValueError: if the conditioning is too short.
    """
    length = block_steps(hop_length)
    if sampler is None:
        lanes = lanes or default_lanes(backend, num_items)
        sampler = make_sampler(model, lanes, length, draws.top_k, draws.top_p, backend)
    lanes = sampler.lanes
    num_blocks = -(-num_steps // length)
    prompt = np.full([num_items, num_blocks * length], -1, np.int32)
    if forced is not None:
        prompt[:, : forced.shape[1]] = forced[:, : prompt.shape[1]]
    if conditioning is not None:
        if conditioning.shape[1] * hop_length < num_steps:
            raise ValueError(
                f"generate_level: {conditioning.shape[1]} steps of conditioning at hop "
                f"{hop_length} do not last for {num_steps} ids."
            )
        missing = max(num_blocks * length // hop_length - conditioning.shape[1], 0)
        conditioning = np.pad(conditioning, [(0, 0), (0, missing), (0, 0)], "edge")

    groups = [range(i, i + lanes) for i in range(0, num_items, lanes)]
    bar = progress_bar(
        total=len(groups) * num_steps, desc=desc, unit="step", unit_scale=True,
        disable=desc is None,
    )  # fmt: skip

    def run_group(items: range, compile_only: bool = False) -> tuple[list, list]:
        rows = [min(item, num_items - 1) for item in items]  # a short group is filled up
        state = sampler.initial_state()
        ids, log_probs = [], []
        for block in range(num_blocks):
            span = slice(block * length, (block + 1) * length)
            noise = tf.stack([uniforms(draws.seed, i, level, block, length) for i in items])
            h = None
            if conditioning is not None:
                h = conditioning[rows, span.start // hop_length : span.stop // hop_length]
            forced_ids = prompt[rows, span]
            steps = 0 if compile_only else min(length, num_steps - block * length)
            state, new_ids, new_log_probs = sampler(
                state, noise, draws.temperature, h, forced_ids, steps
            )
            if compile_only:
                break
            ids.append(np.asarray(new_ids))
            log_probs.append(np.asarray(new_log_probs))
            bar.update(steps)
        return ids, log_probs

    with bar, ThreadPoolExecutor(min(len(groups), os.cpu_count() or 1)) as pool:
        run_group(groups[0], compile_only=True)
        start = time.monotonic()
        results = list(pool.map(run_group, groups))
        seconds = time.monotonic() - start
    ids, log_probs = (
        np.concatenate([np.concatenate(blocks, 1) for blocks in part])[:num_items, :num_steps]
        for part in zip(*results, strict=True)
    )
    return Drawn(ids, log_probs, seconds)
