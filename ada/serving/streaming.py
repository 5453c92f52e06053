"""All levels block by block, with everything that is carried over as tensors: `Stream` in a graph.

A server keeps nothing between requests: the client gets the state with every block and sends it
back. A level above draws when the level below it comes to the end of what it has; a block of the
bottom level costs at times some blocks of those above, never more than a few.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.generation import IncrementalState
from ada.serving.level import GraphLevel, Item


class LevelState(NamedTuple):
    """What one level carries for one item.

    Attributes:
      sampler: of one lane; its `step` is the number of ids drawn.
      kept: int32 `[size]`, the last ids drawn, which the level below may read; size 0 at the
        bottom.
    """

    sampler: IncrementalState
    kept: tf.Tensor


class GraphStream:
    """Levels that advance together.

    Args:
      levels: top first.
    """

    def __init__(self, levels: Sequence[GraphLevel]) -> None:
        self.levels = levels
        self._bottom = len(levels) - 1

    def initial_state(self) -> list[LevelState]:
        """The state before the first block, top first."""
        return [
            LevelState(level.initial_state(), tf.zeros([self._kept_size(position)], tf.int32))
            for position, level in enumerate(self.levels)
        ]

    def next_block(
        self, states: Sequence[LevelState], item: Item, codes: tf.Tensor | None = None
    ) -> tuple[list[LevelState], tf.Tensor, tf.Tensor]:
        """Draws the next block of the bottom level, and of those above what it needs.

        Args:
          states: of all levels, top first.
          item: how to draw.
          codes: for a top level that is an autoencoder, all its codes `[code_steps, ...]`.

        Returns:
          The new states, ids int32 `[block_steps]`, and how many of them there are: fewer than
          that, down to none, where the codes end.
        """
        totals = self.totals(None if codes is None else tf.shape(codes)[0])
        before = states[-1].sampler.step
        states, ids = self._advance(self._bottom, states, item, codes, totals)
        return states, ids, tf.cast(states[-1].sampler.step - before, tf.int32)

    def totals(self, num_codes: tf.Tensor | None) -> list[tf.Tensor]:
        """Ids that there are of every level, int64: those that given codes, so many, stand for."""
        total = tf.constant(np.iinfo(np.int64).max, tf.int64)
        if num_codes is None:
            return [total] * len(self.levels)
        hops = np.cumprod([level.level.hop_length for level in self.levels])
        return [tf.cast(num_codes, tf.int64) * hop for hop in hops]

    def _advance(
        self,
        position: int,
        states: Sequence[LevelState],
        item: Item,
        codes: tf.Tensor | None,
        totals: Sequence[tf.Tensor],
    ) -> tuple[list[LevelState], tf.Tensor]:
        """Draws the next block of one level."""
        level, states = self.levels[position], list(states)
        size, step = level.level.block_steps, states[position].sampler.step
        h = None
        if level.level.conditioning is not None:
            first = step // level.level.hop_length
            there = totals[position] // level.level.hop_length
            last = level.window_start(first) + level.level.conditioning.window_codes
            seen, start = codes, tf.constant(0, tf.int64)
            if position:
                until = tf.minimum(last + level.level.conditioning.field.future, there)
                states[:position] = self._until(position - 1, until, states, item, codes, totals)
                above = states[position - 1]
                seen, start = above.kept, above.sampler.step - tf.size(above.kept, tf.int64)
            h = level.block_conditioning(seen, start, first, tf.minimum(last, there))
        num_steps = tf.cast(tf.minimum(totals[position] - step, size), tf.int32)
        sampler, ids = level.draw(states[position].sampler, item, h, num_steps=num_steps)
        kept = tf.concat([states[position].kept, ids], axis=0)
        kept = kept[num_steps : num_steps + self._kept_size(position)]
        states[position] = LevelState(sampler, tf.ensure_shape(kept, states[position].kept.shape))
        return states, ids

    def _until(
        self,
        position: int,
        until: tf.Tensor,
        states: Sequence[LevelState],
        item: Item,
        codes: tf.Tensor | None,
        totals: Sequence[tf.Tensor],
    ) -> list[LevelState]:
        """Lets a level, and those above, come as far as an id."""

        def body(*states: LevelState) -> list[LevelState]:
            return self._advance(position, states, item, codes, totals)[0]

        return tf.while_loop(
            lambda *states: states[position].sampler.step < until, body, states[: position + 1]
        )

    def _kept_size(self, position: int) -> int:
        """What the level below may read of a level: what a window sees, and a block drawn ahead."""
        if position == self._bottom:
            return 0
        conditioning = self.levels[position + 1].level.conditioning
        field = conditioning.field
        seen = field.past + conditioning.window_codes + field.future
        return seen + self.levels[position].level.block_steps
