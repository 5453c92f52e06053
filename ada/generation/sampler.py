"""The sampling loop: what every sampler does, and a block of steps in one `tf.while_loop`."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from ada.generation.choice import choose
from ada.generation.incremental import IncrementalState, IncrementalWaveNet
from ada.models import WaveNet

Array = tf.Tensor | np.ndarray


class Sampler(abc.ABC):
    """Samples blocks of ids from a WaveNet, carrying its state from block to block.

    Args:
      model: a built WaveNet.
      batch_size: number of sequences generated side by side.
      block_steps: ids to a block.
      top_k: see `ada.generation.choice`.
      top_p: see `ada.generation.choice`.

    Raises:
      ValueError: for numbers out of range.
    """

    def __init__(
        self, model: WaveNet, batch_size: int, block_steps: int, top_k: int = 0, top_p: float = 1.0
    ) -> None:
        if batch_size < 1 or block_steps < 1:
            raise ValueError(
                f"Sampler: batch_size and block_steps must be 1 or more, got {batch_size} and "
                f"{block_steps}."
            )
        if int(top_k) != top_k or top_k < 0 or not 0.0 < top_p <= 1.0:
            raise ValueError(
                "Sampler: top_k must be a whole number of at least 0 and top_p in (0, 1], got "
                f"{top_k} and {top_p}."
            )
        self.model = model
        self.batch_size = batch_size
        self.block_steps = block_steps
        self.top_k = min(int(top_k), model.num_classes)
        self.top_p = top_p

    @abc.abstractmethod
    def initial_state(self) -> IncrementalState:
        """The state before the first id."""

    def __call__(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float = 1.0,
        conditioning: Array | None = None,
        forced: Array | None = None,
        num_steps: int | None = None,
    ) -> tuple[IncrementalState, Array, Array]:
        """Generates one block.

        Args:
          state: from `initial_state` or the block before.
          uniforms: float32 `[batch, block_steps]` in [0, 1), the only randomness.
          temperature: logits are divided by it.
          conditioning: h, `[batch, code_steps, conditioning_channels]`, where the model takes it;
            `code_steps` must divide `block_steps`.
          forced: int32 `[batch, block_steps]`, ids to take instead of sampling; -1 to sample.
          num_steps: ids to sample; all of a block if None. What comes after them is zero. With 0 of
            them a loop that has to be is compiled, no more.

        Returns:
          The new state, the ids and log p(id) of each under the model itself (temperature 1,
          nothing left out), both `[batch, block_steps]`.

        Raises:
          ValueError: if conditioning is missing, not wanted, or does not divide the block; if an
            array has another shape, or given ids and steps are out of range.
        """
        if forced is None:
            forced = np.full([self.batch_size, self.block_steps], -1, np.int32)
        if num_steps is None:
            num_steps = self.block_steps
        self._check(state, uniforms, conditioning, forced, num_steps)
        return self._sample(state, uniforms, temperature, conditioning, forced, num_steps)

    def _check(
        self,
        state: IncrementalState,
        uniforms: Array,
        conditioning: Array | None,
        forced: Array,
        num_steps: int | tf.Tensor,
    ) -> None:
        """Raises ValueError for what does not fit: nothing behind this looks at it again."""
        model, block = self.model, [self.batch_size, self.block_steps]
        model.check_conditioning(conditioning)
        _require_shape("uniforms", uniforms, block)
        _require_shape("forced", forced, block)
        _require_shape("state.ring", state.ring, [None, self.batch_size, model.residual_channels])
        _require_shape("state.previous", state.previous, [self.batch_size])
        if conditioning is not None:
            shape = [self.batch_size, None, model.conditioning_channels]
            _require_shape("conditioning", conditioning, shape)
            steps = conditioning.shape[1]
            if not steps or self.block_steps % steps:
                raise ValueError(
                    f"{steps} steps of conditioning do not divide a block of {self.block_steps} "
                    "ids."
                )
        for name, values, limit in (
            ("forced", forced, model.num_classes),
            ("state.previous", state.previous, model.num_classes),
            ("num_steps", num_steps, self.block_steps + 1),
        ):
            if not tf.is_symbolic_tensor(values) and np.max(values) >= limit:
                raise ValueError(f"{name} must be below {limit}, got {np.max(values)}.")

    @abc.abstractmethod
    def _sample(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float,
        conditioning: Array | None,
        forced: Array,
        num_steps: int,
    ) -> tuple[IncrementalState, Array, Array]:
        """What `__call__` gives, from arguments that fit."""


def _require_shape(name: str, array: Array, shape: list[int | None]) -> None:
    found = array.shape.as_list() if tf.is_tensor(array) else list(np.shape(array))
    pairs = zip(found, shape, strict=False)
    if len(found) != len(shape) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise ValueError(f"{name} must have shape {shape}, got {found}.")


class BlockSampler(Sampler):
    """A `Sampler` as one TensorFlow loop; may be called within a graph (`ada.serving`).

    The batch size is fixed: a batch of another size would be computed in another order and differ
    by about 1e-5, which over thousands of ids becomes another piece of music.

    Args:
      jit_compile: whether XLA compiles the loop (several times faster on CPU).
    """

    def __init__(self, *args: Any, jit_compile: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._incremental = IncrementalWaveNet(self.model)
        # None, not False: graphs that are exported shall not speak of XLA at all.
        self._run = tf.function(self._block, jit_compile=jit_compile or None, autograph=False)

    def initial_state(self) -> IncrementalState:
        return self._incremental.initial_state(self.batch_size)

    def _sample(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float,
        conditioning: Array | None,
        forced: Array,
        num_steps: int,
    ) -> tuple[IncrementalState, Array, Array]:
        temperature = tf.convert_to_tensor(temperature, tf.float32)
        num_steps = tf.cast(num_steps, tf.int32)
        return self._run(state, uniforms, temperature, conditioning, forced, num_steps)

    def _block(
        self,
        state: IncrementalState,
        uniforms: tf.Tensor,
        temperature: tf.Tensor,
        conditioning: tf.Tensor | None,
        forced: tf.Tensor,
        num_steps: tf.Tensor,
    ) -> tuple[IncrementalState, tf.Tensor, tf.Tensor]:
        hop = 1
        if conditioning is not None:
            hop = self.block_steps // conditioning.shape[1]
            # V h of the whole block at once, time first.
            conditioning = tf.transpose(self._incremental.condition(conditioning), [1, 0, 2])
        uniforms, forced = tf.transpose(uniforms), tf.transpose(forced)

        def body(
            t: tf.Tensor, state: IncrementalState, ids: tf.Tensor, log_probs: tf.Tensor
        ) -> tuple:
            h = None if conditioning is None else conditioning[t // hop]
            logits, ring = self._incremental.logits(state, h)
            sampled = choose(logits, uniforms[t], temperature, self.top_k, self.top_p)
            chosen = tf.where(forced[t] >= 0, forced[t], sampled)
            log_prob = tf.gather(tf.nn.log_softmax(logits), chosen, batch_dims=1)
            ids = tf.tensor_scatter_nd_update(ids, [[t]], chosen[tf.newaxis])
            log_probs = tf.tensor_scatter_nd_update(log_probs, [[t]], log_prob[tf.newaxis])
            return t + 1, IncrementalState(ring, chosen, state.step + 1), ids, log_probs

        _, state, ids, log_probs = tf.while_loop(
            lambda t, *_: t < num_steps,
            body,
            [
                tf.constant(0),
                state,
                tf.zeros([self.block_steps, self.batch_size], tf.int32),
                tf.zeros([self.block_steps, self.batch_size]),
            ],
            maximum_iterations=self.block_steps,
        )
        return state, tf.transpose(ids), tf.transpose(log_probs)
