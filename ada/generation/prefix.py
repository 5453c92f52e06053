"""The ids that sequences begin with, from a prompt or an earlier generation."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.generation.level import Level
from ada.generation.sampler import Array


class Prefix(NamedTuple):
    """The ids that the sequences of one level begin with.

    Attributes:
      first: the first step to compute: earlier ids are given, and outside of the receptive field
        of all generated ones.
      read: function of the first step of a block: int32 `[batch, block_steps]`, -1 where an id is
        to be generated.
    """

    first: tf.Tensor | int
    read: Callable[[tf.Tensor | int], Array]


def first_computed(level: Level, num_known: tf.Tensor | int, total: tf.Tensor | int) -> tf.Tensor:
    """The first step to compute, the first of a block, int64.

    Args:
      level: what samples.
      num_known: number of ids that every sequence begins with.
      total: number of ids.
    """
    num_known, size = tf.cast(num_known, tf.int64), level.block_steps
    first = tf.maximum(num_known - level.receptive_field, 0) // size * size
    return tf.where(num_known < total, first, -(-total // size) * size)


def of_tensor(level: Level, ids: tf.Tensor, total: tf.Tensor) -> Prefix:
    """Ids `[batch, steps]` as a prefix, cut to the length of the sequences."""
    size, ids = level.block_steps, ids[:, :total]
    num_known = tf.shape(ids, tf.int64)[1]
    missing = -(-total // size) * size - num_known
    padded = tf.pad(ids, [[0, 0], [0, missing]], constant_values=-1)

    def read(start: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(padded[:, start : start + size], [level.sampler.batch_size, size])

    return Prefix(first_computed(level, num_known, total), read)


def of_items(level: Level, pieces: Sequence[Sequence], total: int) -> Prefix | None:
    """A prefix of its own for every item; None if there are none.

    Args:
      level: what samples.
      pieces: for each item of a possibly incomplete batch, an array of ids, or an object whose
        slices are arrays, such as a `Journal`.
      total: number of ids.
    """
    if not any(map(len, pieces)):
        return None
    size, num_classes = level.block_steps, level.num_classes

    def read(start: Array | int) -> np.ndarray:
        ids = np.full([level.sampler.batch_size, size], -1, np.int32)
        ids[len(pieces) :] = 0  # of an incomplete batch
        for row, piece in zip(ids, pieces, strict=False):
            part = np.asarray(piece[int(start) : int(start) + size])
            if part.size and not 0 <= part.min() <= part.max() < num_classes:
                raise ValueError(f"ids of a prefix must be 0 .. {num_classes - 1}.")
            row[: len(part)] = part
        return ids

    return Prefix(int(first_computed(level, min(map(len, pieces)), total)), read)
