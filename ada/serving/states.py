"""The state of streams, as requests and responses carry it: every tensor by name and level."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from ada.generation import IncrementalState, Level
from ada.generation.engine import LevelState
from ada.serving.checks import require


def named(levels: Sequence[Level], states: Sequence[LevelState]) -> dict[str, tf.Tensor]:
    """The state of one item by name."""
    found = {}
    for level, state in zip(levels, states, strict=True):
        index = level.index
        found[f"ring_{index}"] = state.sampler.ring[:, 0]
        found[f"previous_{index}"] = state.sampler.previous[0]
        found[f"step_{index}"] = state.sampler.step
        if index:
            found[f"kept_{index}"] = state.kept[0]
    return found


def nested(levels: Sequence[Level], row: Sequence[tf.Tensor]) -> list[LevelState]:
    """The inverse of `named`, of its values."""
    values, states = iter(row), []
    for level in levels:
        ring, previous, step = next(values), next(values), next(values)
        sampler = IncrementalState(ring[:, tf.newaxis], previous[tf.newaxis], step)
        kept = next(values) if level.index else tf.zeros([0], tf.int32)
        states.append(LevelState(sampler, kept[tf.newaxis], ()))
    return states


def require_state(
    levels: Sequence[Level], state: Mapping[str, tf.Tensor], totals: Sequence[tf.Tensor]
) -> None:
    """Fails the request where no stream can have come to such a state.

    A state that claims to be far ahead of the level above would make that level generate for ever.
    """
    for position, (level, total) in enumerate(zip(levels, totals, strict=True)):
        index, sampler = level.index, level.sampler
        step, previous = state[f"step_{index}"], state[f"previous_{index}"]
        at_block = (step % level.block_steps == 0) | (step == total)
        possible = [(step >= 0) & (step <= total) & at_block]
        possible += [(previous >= -1) & (previous < sampler.model.num_classes)]
        if index:
            kept = state[f"kept_{index}"]
            possible += [(kept >= 0) & (kept < sampler.model.num_classes)]
        if position:
            above, size = state[f"step_{index + 1}"], tf.shape(state[f"kept_{index + 1}"])[1]
            ahead = above - -(-step // level.hop_length)
            possible += [(ahead >= 0) & (ahead <= tf.cast(size, tf.int64))]
        there = tf.reduce_all([tf.reduce_all(each) for each in possible])
        require(there, f"the state of level {index} is none that initial_state leads to.")
