"""The sampling loop: the interface of samplers, and one with a `tf.while_loop` per block."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from ada.generation.arguments import (
    Array,
    check_array,
    check_temperature,
    check_top_p,
    whole,
)
from ada.generation.choice import choose
from ada.generation.incremental import IncrementalState, IncrementalWaveNet
from ada.models import WaveNet


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
        check_top_p(top_p)
        self.model = model
        self.batch_size = whole("batch_size", batch_size, 1)
        self.block_steps = whole("block_steps", block_steps, 1)
        self.top_k = min(whole("top_k", top_k, 0, 2**63 - 1), model.num_classes)
        self.top_p = top_p
        dilations = [block.convolution.dilation_rate for block in model.blocks]
        # Rows of the ring of a state; at least one, even if it is not used.
        self._rows = max((model.kernel_size - 1) * sum(dilations), 1)

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
          uniforms: random numbers, float32 `[batch, block_steps]` in [0, 1).
          temperature: logits are divided by it.
          conditioning: h, `[batch, code_steps, conditioning_channels]`, where the model takes it;
            `code_steps` must divide `block_steps`.
          forced: int32 `[batch, block_steps]`, ids to take instead of sampling; -1 to sample.
          num_steps: ids to sample; a whole block if None. Later ids are zero. With 0 the loop is
            only compiled.

        Returns:
          The new state, the ids and log p(id) of each at temperature 1 and without top-k or top-p,
          both `[batch, block_steps]`.

        Raises:
          ValueError: if conditioning is missing, not wanted, or does not divide the block; if an
            array has another shape or type, or a number is out of range.
        """
        if forced is None:
            forced = np.full([self.batch_size, self.block_steps], -1, np.int32)
        if num_steps is None:
            num_steps = self.block_steps
        self._check(state, uniforms, temperature, conditioning, forced, num_steps)
        return self._sample(state, uniforms, temperature, conditioning, forced, num_steps)

    def _check(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float | tf.Tensor,
        conditioning: Array | None,
        forced: Array,
        num_steps: int | tf.Tensor,
    ) -> None:
        """Raises ValueError for invalid arguments; samplers do not check them again."""
        model, batch, block = self.model, self.batch_size, [self.batch_size, self.block_steps]
        model.check_conditioning(conditioning)
        check_temperature(temperature)
        # The largest float32 below 1.
        check_array("uniforms", uniforms, block, "f", 0.0, 1.0 - 2.0**-24)
        check_array("forced", forced, block, "iu", -1, model.num_classes - 1)
        if not isinstance(state, tuple) or not hasattr(state, "ring"):
            raise ValueError(f"state must be of initial_state or of a block, got {type(state)}.")
        ring = [self._rows, batch, model.residual_channels]
        check_array("state.ring", state.ring, ring, "float32")
        check_array("state.previous", state.previous, [batch], "int32", -1, model.num_classes - 1)
        # The kernel adds to it.
        check_array("state.step", state.step, [], "iu", 0, 2**62)
        if tf.is_tensor(num_steps):
            check_array("num_steps", num_steps, [], "iu", 0, self.block_steps)
        else:
            whole("num_steps", num_steps, 0, self.block_steps)
        if conditioning is not None:
            check_array(
                "conditioning", conditioning, [batch, None, model.conditioning_channels], "fiu"
            )
            steps = conditioning.shape[1]
            if not steps or self.block_steps % steps:
                raise ValueError(
                    f"{steps} steps of conditioning do not divide a block of {self.block_steps} "
                    "ids."
                )

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
        """The result of `__call__`, for valid arguments."""


class BlockSampler(Sampler):
    """A `Sampler` as one TensorFlow loop; may be called within a graph (`ada.serving`).

    The batch size is fixed: other sizes are computed in another order, with differences of about
    1e-5 that lead to different music after thousands of ids.

    Args:
      jit_compile: whether XLA compiles the loop (several times faster on CPU).
    """

    def __init__(self, *args: Any, jit_compile: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._incremental = IncrementalWaveNet(self.model)
        # None, not False: exported graphs must not contain attributes of XLA.
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
        num_steps = tf.convert_to_tensor(num_steps, tf.int32)
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
