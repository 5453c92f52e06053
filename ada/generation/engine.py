"""The generator: one level block by block, and as much of the levels above as a block depends on.

Pure functions of a `LevelState` for each level, which is carried from block to block. `Stream`
calls them eagerly; the signatures of an export trace them (`ada.serving`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ada.generation import prefix as prefixes
from ada.generation.conditioning import Window
from ada.generation.incremental import IncrementalState
from ada.generation.level import Level
from ada.generation.prefix import Prefix
from ada.generation.sampler import Array
from ada.utils.errors import UserError


class LevelState(NamedTuple):
    """The state of one level between two blocks.

    Attributes:
      sampler: state of the sampler; its `step` is the number of ids so far.
      kept: int32 `[batch, size]`, the last ids, which the level below may need; size 0 at the
        bottom.
      window: conditioning that is reused by the blocks of a window; () for a level without codes
        above, or to compute it for each block.
    """

    sampler: IncrementalState
    kept: tf.Tensor
    window: Window | tuple[()]


class Sequences(NamedTuple):
    """A batch of sequences to generate. Lists have an entry per level.

    Attributes:
      items: int64 `[batch]`, indices of the clips; with the seeds they fix the random numbers.
      seeds: of the random numbers.
      temperatures: logits are divided by them.
      totals: number of ids.
      codes: of the level above the first, `[batch, code_steps, ...]`; None if that is a prior.
      prefixes: None for a level without one.
      on_block: called with each block: position of the level, start, int32 ids and float32
        log-probabilities `[batch, steps]`, NaN where an id was given. None in a graph.
    """

    items: Array
    seeds: Sequence[tf.Tensor | int]
    temperatures: Sequence[tf.Tensor | float]
    totals: Sequence[tf.Tensor | int] = ()
    codes: Array | None = None
    prefixes: Sequence[Prefix | None] = ()
    on_block: Callable[[int, int, Array, Array], None] | None = None


def begin(levels: Sequence[Level]) -> list[LevelState]:
    """The states before the first block, top first."""
    return [
        LevelState(
            level.sampler.initial_state(),
            tf.zeros([level.sampler.batch_size, _kept_size(levels, position)], tf.int32),
            ()
            if level.conditioning is None
            else level.conditioning.empty(level.sampler.batch_size),
        )
        for position, level in enumerate(levels)
    ]


def advance(
    levels: Sequence[Level], states: Sequence[LevelState], position: int, sequences: Sequences
) -> tuple[list[LevelState], Array]:
    """Generates the next block of one level, and the codes above it that the block depends on.

    Args:
      levels: top first.
      states: of at least the levels down to this one.
      position: of the level in `levels`.
      sequences: the batch.

    Returns:
      The states after it, and ids int32 `[batch, block_steps]`, undefined after the end of the
      sequences.
    """
    level, states = levels[position], list(states)
    step, total = _number(states[position].sampler.step), sequences.totals[position]
    codes, start = sequences.codes, 0
    if level.conditioning is not None and position:
        end = _codes_seen(level, step, total, sequences.totals[position - 1])
        states[:position] = advance_until(levels, states[:position], position - 1, end, sequences)
        codes = states[position - 1].kept
        start = _number(states[position - 1].sampler.step) - codes.shape[1]
    state, num_steps = states[position], _smaller(total - step, level.block_steps)
    prefix = sequences.prefixes[position] if sequences.prefixes else None
    known = None if prefix is None else prefix.read(step)

    def generate() -> tuple[IncrementalState, Window | tuple[()], Array, Array]:
        window, h = state.window, None
        if level.conditioning is not None:
            window = _window(level, state.window, codes, start, step, total)
            h = level.conditioning.of_block(window, step // level.hop_length)
        uniforms = level.uniforms(
            sequences.seeds[position], sequences.items, step // level.block_steps
        )
        temperature = sequences.temperatures[position]
        sampler, ids, log_probs = level.sampler(
            state.sampler, uniforms, temperature, h, known, tf.cast(num_steps, tf.int32)
        )
        ids = _require_numbers(level, ids, log_probs)
        if known is not None:
            log_probs = tf.where(known < 0, log_probs, np.float32("nan"))
        return sampler, window if state.window else (), ids, log_probs

    def skip() -> tuple[IncrementalState, Window | tuple[()], Array, Array]:
        sampler = state.sampler._replace(step=state.sampler.step + num_steps)
        return sampler, state.window, known, tf.fill(known.shape, np.float32("nan"))

    if prefix is None:
        sampler, window, ids, log_probs = generate()
    else:
        sampler, window, ids, log_probs = tf.cond(step < prefix.first, skip, generate)
    if sequences.on_block is not None:
        sequences.on_block(position, step, ids[:, :num_steps], log_probs[:, :num_steps])
    size = state.kept.shape[1]
    kept = tf.concat([state.kept, ids], axis=1)[:, num_steps : num_steps + size]
    states[position] = LevelState(sampler, tf.ensure_shape(kept, state.kept.shape), window)
    return states, ids


def advance_until(
    levels: Sequence[Level],
    states: Sequence[LevelState],
    position: int,
    end: tf.Tensor | int,
    sequences: Sequences,
) -> list[LevelState]:
    """Advances one level, and those above it, until it has at least `end` ids."""
    return tf.while_loop(
        lambda *states: states[position].sampler.step < end,
        lambda *states: advance(levels, states, position, sequences)[0],
        list(states),
    )


def whole(
    levels: Sequence[Level],
    position: int,
    sequences: Sequences,
    num_steps: tf.Tensor,
    codes: tf.Tensor | None = None,
    prefix: tf.Tensor | None = None,
) -> tf.Tensor:
    """All ids of one level in a graph, int32 `[batch, num_steps]`.

    Args:
      levels: top first.
      position: of the level in `levels`.
      sequences: items, seeds and temperatures.
      num_steps: int32 scalar, 1 or more.
      codes: of the level above, `[batch, code_steps, ...]`; None for a prior.
      prefix: ids int32 `[batch, steps]` that the sequences begin with; None for nothing.
    """
    level, batch = levels[position], levels[position].sampler.batch_size
    total, size = _number(tf.cast(num_steps, tf.int64)), level.block_steps
    blocks = -(-num_steps // size)
    alone = Sequences(
        sequences.items,
        [sequences.seeds[position]],
        [sequences.temperatures[position]],
        [total],
        codes,
        [None if prefix is None else prefixes.of_tensor(level, prefix, total)],
    )

    def body(
        block: tf.Tensor, state: LevelState, generated: tf.TensorArray
    ) -> tuple[tf.Tensor, LevelState, tf.TensorArray]:
        [state], ids = advance([level], [state], 0, alone)
        return block + 1, state, generated.write(block, ids)

    generated = tf.TensorArray(tf.int32, blocks, element_shape=[batch, size])
    *_, generated = tf.while_loop(
        lambda block, *_: block < blocks, body, [0, *begin([level]), generated]
    )
    return tf.reshape(tf.transpose(generated.stack(), [1, 0, 2]), [batch, -1])[:, :num_steps]


def _window_span(
    level: Level, step: tf.Tensor | int, total: tf.Tensor | int
) -> tuple[tf.Tensor | int, tf.Tensor | int]:
    """The window of a step: its first code, and the code after its last."""
    size = level.conditioning.window_codes
    first = step // level.hop_length // size * size
    return first, _smaller(first + size, -(-total // level.hop_length))


def _codes_seen(
    level: Level, step: tf.Tensor | int, total: tf.Tensor | int, num_codes: tf.Tensor | int
) -> tf.Tensor:
    """Number of codes up to the last one in the receptive field of the window of a step."""
    _, last = _window_span(level, step, total)
    return _smaller(last + level.conditioning.field.future, num_codes)


def _window(
    level: Level,
    window: Window | tuple[()],
    codes: Array,
    start: tf.Tensor | int,
    step: tf.Tensor | int,
    total: tf.Tensor | int,
) -> Window:
    """Conditioning of the window of a step: the previous window if it is the same, or computed."""
    first, last = _window_span(level, step, total)

    def compute() -> Window:
        return level.conditioning.window(codes, start, first, last)

    if not window:
        return compute()
    return tf.cond(tf.equal(window.first, first), lambda: window, compute)


def _require_numbers(level: Level, ids: Array, log_probs: Array) -> Array:
    """The ids; raises UserError, or fails the request, if their probabilities are NaN."""
    message = (
        f"level {level.index} has no probabilities for what comes next (NaN): its training "
        "diverged."
    )
    if tf.executing_eagerly():
        if np.isnan(log_probs).any():
            raise UserError(message)
        return ids
    with tf.control_dependencies([tf.debugging.check_numerics(log_probs, message)]):
        return tf.identity(ids)


def _number(index: tf.Tensor | np.integer) -> tf.Tensor | int:
    """An index; a Python int in eager mode, where operations on scalar tensors are slow."""
    return int(index) if tf.executing_eagerly() else index


def _smaller(a: tf.Tensor | int, b: tf.Tensor | int) -> tf.Tensor | int:
    return min(a, b) if tf.executing_eagerly() else tf.minimum(a, b)


def _kept_size(levels: Sequence[Level], position: int) -> int:
    """Number of ids that the level below may need: the field of a window, and one block ahead."""
    if position == len(levels) - 1:
        return 0
    conditioning = levels[position + 1].conditioning
    field = conditioning.field
    seen = field.past + conditioning.window_codes + field.future
    return seen + levels[position].block_steps
