"""One level in a graph: what `LevelStream` does with arrays, on tensors, for one item.

The loop, its blocks and the windows of the conditioning are those of `ada.generation`, and so are
the draws: those of its "graph" backend with one lane, or, compiled, of its "xla" backend.
"""

from typing import NamedTuple

import tensorflow as tf

from ada.generation import IncrementalState, Level


class Item(NamedTuple):
    """How the ids of one item are drawn.

    Attributes:
      seed: int64 scalar.
      number: int64 scalar; with the seed it decides the random numbers.
      temperature: float32 `[levels]`, top first.
    """

    seed: tf.Tensor
    number: tf.Tensor
    temperature: tf.Tensor


class GraphLevel:
    """Draws the ids of one level.

    Args:
      level: of one lane, on the "graph" or "xla" backend.
      position: the level's place in its chain, 0 at the top.
    """

    def __init__(self, level: Level, position: int) -> None:
        self.level, self.position = level, position

    def initial_state(self) -> IncrementalState:
        """The state before the first id."""
        return self.level.sampler.initial_state()

    def draw(
        self,
        state: IncrementalState,
        item: Item,
        conditioning: tf.Tensor | None,
        known: tf.Tensor | None = None,
        num_steps: tf.Tensor | None = None,
    ) -> tuple[IncrementalState, tf.Tensor]:
        """Draws the block that begins at `state.step`, a multiple of a block.

        Args:
          state: see `IncrementalState`.
          item: how to draw.
          conditioning: `[conditioning_steps, channels]` of the block, or None.
          known: ids int32 `[block_steps]` to take instead of drawing; -1 to draw.
          num_steps: ids to draw; all of the block if None.

        Returns:
          The new state, and ids int32 `[block_steps]`, zero after `num_steps`.
        """
        level = self.level
        block = state.step // level.block_steps
        noise = level.uniforms(item.seed, item.number[tf.newaxis], block)
        state, ids, log_probs = level.sampler(
            state,
            noise,
            item.temperature[self.position],
            None if conditioning is None else conditioning[tf.newaxis],
            None if known is None else known[tf.newaxis],
            num_steps,
        )
        told = f"Level {level.number} has no probabilities for what comes next: it diverged."
        with tf.control_dependencies([tf.debugging.check_numerics(log_probs, told)]):
            return state, tf.identity(ids[0])

    def ids(
        self,
        item: Item,
        num_steps: tf.Tensor,
        codes: tf.Tensor | None = None,
        known: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """All ids of an item, int32 `[num_steps]`.

        Args:
          item: how to draw.
          num_steps: int32 scalar, 1 or more.
          codes: of the level above, `[code_steps, ...]`; None for a level without.
          known: ids int32 `[steps]` that it begins with; None for nothing.
        """
        level, size = self.level, self.level.block_steps
        blocks = -(-num_steps // size)
        h = None if codes is None else self._conditioning(codes, num_steps, blocks)
        known = tf.zeros([0], tf.int32) if known is None else known[:num_steps]
        # Blocks that are known and out of sight are passed by, as `LevelStream` does.
        num_known = tf.size(known)
        first = tf.maximum(num_known - level.receptive_field, 0) // size
        first = tf.where(num_known < num_steps, first, blocks)
        forced = tf.concat([known, tf.fill([blocks * size - num_known], -1)], axis=0)

        def body(
            block: tf.Tensor, state: IncrementalState, drawn: tf.TensorArray
        ) -> tuple[tf.Tensor, IncrementalState, tf.TensorArray]:
            start = block * size
            state, ids = self.draw(
                state,
                item,
                None if h is None else self._of_block(h, start // level.hop_length),
                tf.ensure_shape(forced[start : start + size], [size]),
                tf.minimum(num_steps - start, size),
            )
            return block + 1, state, drawn.write(block - first, ids)

        state = self.initial_state()._replace(step=tf.cast(first * size, tf.int64))
        drawn = tf.TensorArray(tf.int32, blocks - first, element_shape=[size])
        *_, drawn = tf.while_loop(lambda block, *_: block < blocks, body, [first, state, drawn])
        drawn = tf.reshape(drawn.stack(), [-1])
        return tf.concat([forced[: first * size], drawn], axis=0)[:num_steps]

    def window(
        self, codes: tf.Tensor, start: tf.Tensor | int, first: tf.Tensor, last: tf.Tensor
    ) -> tf.Tensor:
        """Conditioning of codes `first .. last - 1`, as `Conditioning.window` computes it.

        Args:
          codes: `[steps, ...]`, at least what is seen, as far as there are codes.
          start: number of the first of them.
          first: a code, the first of a window.
          last: the code after the last, at most a window on.

        Returns:
          float32 `[(last - first) * rate, channels]`.
        """
        conditioning = self.level.conditioning
        past, future = conditioning.field.past, conditioning.field.future
        begin = tf.maximum(first - past, 0)
        seen = codes[begin - start : last + future - start]
        steps = tf.shape(seen, first.dtype)[0]
        # In one size, but where the modulator sees the end.
        whole = past + conditioning.window_codes + future
        missing = tf.where(steps >= last + future - begin, whole - steps, 0)
        padding = tf.concat([[[0, missing]], tf.zeros([len(seen.shape) - 1, 2], first.dtype)], 0)
        h = conditioning.compute(tf.pad(seen, padding)[tf.newaxis])[0]
        rate = conditioning.rate
        return tf.cast(h[(first - begin) * rate : (last - begin) * rate], tf.float32)

    def block_conditioning(
        self, codes: tf.Tensor, start: tf.Tensor, first: tf.Tensor, last: tf.Tensor
    ) -> tf.Tensor:
        """Conditioning of the block from code `first` on, from the window that it is in.

        Args:
          codes: see `window`.
          start: see `window`.
          first: the first code of the block.
          last: end of the window.
        """
        window = self.window_start(first)
        return self._of_block(self.window(codes, start, window, last), first - window)

    def window_start(self, code: tf.Tensor) -> tf.Tensor:
        """The first code of the window that a code is in."""
        return code // self.level.conditioning.window_codes * self.level.conditioning.window_codes

    def _conditioning(self, codes: tf.Tensor, num_steps: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
        """Conditioning of all blocks `[steps, channels]`, window by window."""
        level, size = self.level, self.level.conditioning.window_codes
        num_codes = -(-num_steps // level.hop_length)
        windows = -(-num_codes // size)
        channels = level.sampler.model.conditioning_channels

        def body(window: tf.Tensor, made: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            first = window * size
            h = self.window(codes, 0, first, tf.minimum(first + size, num_codes))
            return window + 1, made.write(window, h)

        made = tf.TensorArray(
            tf.float32, windows, infer_shape=False, element_shape=[None, channels]
        )
        _, made = tf.while_loop(lambda window, _: window < windows, body, [0, made])
        return made.concat()

    def _of_block(self, h: tf.Tensor, code: tf.Tensor) -> tf.Tensor:
        """What a block takes of conditioning, from a code on; filled up after the last."""
        level, rate = self.level, self.level.conditioning.rate
        steps = level.block_codes * rate
        h = h[code * rate : code * rate + steps]
        h = tf.pad(h, [[0, steps - tf.shape(h)[0]], [0, 0]])
        return tf.ensure_shape(h, [steps, level.sampler.model.conditioning_channels])
