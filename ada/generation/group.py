"""Items that are generated as one batch."""

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from ada.generation import engine, prefix
from ada.generation.level import Level
from ada.generation.rounding import ComparedSampler
from ada.generation.sampler import Array

if TYPE_CHECKING:
    from ada.generation.streaming import Stream


class LevelBlock(NamedTuple):
    """A block of one level.

    Attributes:
      items: positions of the sequences among all items.
      start: its first step.
      ids: int32 `[items, steps]`.
      log_probs: log p(id) in nats at temperature 1, float32 `[items, steps]`; NaN for ids of the
        prefix.
      seconds: of computing it and its conditioning, without the levels above.
    """

    items: range
    start: int
    ids: np.ndarray
    log_probs: np.ndarray
    seconds: float


class Group:
    """A batch of items of a stream, with their states and the blocks generated last.

    Args:
      stream: that they belong to.
      items: their positions among all items, at most a batch.
    """

    def __init__(self, stream: "Stream", items: range) -> None:
        levels, span = stream.levels, slice(items.start, items.stop)
        self._levels, self._items = levels, items
        self._batch = levels[-1].sampler.batch_size
        # An incomplete batch is padded.
        empty = self._batch - len(items)
        codes = stream.codes
        if codes is not None:
            codes = np.pad(codes[span], [(0, empty)] + [(0, 0)] * (codes.ndim - 1), "edge")
            codes = tf.convert_to_tensor(codes)
        pieces = [ids[span] for ids in stream.prefixes]
        self._sequences = engine.Sequences(
            tf.constant([*stream.indices[span], *[0] * empty], tf.int64),
            [level.config.seed for level in levels],
            [level.config.temperature for level in levels],
            stream.lengths,
            codes,
            list(map(prefix.of_items, levels, pieces, stream.lengths)),
            self._take,
        )
        self._states = engine.begin(levels)
        if items.start == 0:
            self._states = list(map(_compared, levels, self._states))
        self._taken: list[list[LevelBlock]] = []
        self._clock = 0.0

    @property
    def is_done(self) -> bool:
        """Whether all blocks are generated."""
        return int(self._states[-1].sampler.step) >= self._sequences.totals[-1]

    def advance(self) -> list[tuple[LevelBlock, ...]]:
        """Generates a block of the bottom level; with the last one also all remaining codes.

        Returns:
          All blocks of every level, top first.
        """
        levels, totals, sequences = self._levels, self._sequences.totals, self._sequences
        self._taken, self._clock = [[] for _ in levels], time.monotonic()
        bottom = len(levels) - 1
        self._states, _ = engine.advance(levels, self._states, bottom, sequences)
        for position in range(bottom if self.is_done else 0):
            states = self._states[: position + 1]
            self._states[: position + 1] = engine.advance_until(
                levels, states, position, totals[position], sequences
            )
        return [tuple(blocks) for blocks in self._taken]

    def _take(self, position: int, start: int, ids: Array, log_probs: Array) -> None:
        arrays = [np.array(array)[: len(self._items)] for array in (ids, log_probs)]
        for array in arrays:
            array.flags.writeable = False
        # Blocks of other levels were timed before: since the last block only this one was computed.
        before, self._clock = self._clock, time.monotonic()
        block = LevelBlock(self._items, start, *arrays, self._clock - before)
        self._taken[position].append(block)


def _compared(level: Level, state: engine.LevelState) -> engine.LevelState:
    """The state of sequences with which rounded weights are compared, if the level has them."""
    if not isinstance(level.sampler, ComparedSampler):
        return state
    return state._replace(sampler=level.sampler.compared(state.sampler))
