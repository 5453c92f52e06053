"""The cost of bfloat16 weights: a sampler that compares them with float32 weights."""

from typing import NamedTuple

import numpy as np

from ada.generation.incremental import IncrementalState
from ada.generation.sampler import Array, Sampler


class ComparedState(NamedTuple):
    """An `IncrementalState` with the ring of the exact weights; () if it is not compared."""

    ring: Array
    previous: Array
    step: Array
    exact_ring: Array | tuple[()] = ()


class ComparedSampler(Sampler):
    """Samples with rounded weights, and measures their cost for `compared` sequences.

    Args:
      rounded: a sampler with rounded weights.
      exact: a sampler of the same model with exact weights.

    Attributes:
      rounding_bits: mean loss of log2 p(id) by rounding, over the first block with generated ids;
        None before it.
    """

    def __init__(self, rounded: Sampler, exact: Sampler) -> None:
        super().__init__(
            rounded.model, rounded.batch_size, rounded.block_steps, rounded.top_k, rounded.top_p
        )
        self._rounded, self._exact = rounded, exact
        self.rounding_bits: float | None = None

    def initial_state(self) -> ComparedState:
        return ComparedState(*self._rounded.initial_state())

    def compared(self, state: ComparedState) -> ComparedState:
        """The state of sequences to compare, before their first step."""
        return state._replace(exact_ring=self._exact.initial_state().ring)

    def _sample(
        self,
        state: ComparedState,
        uniforms: Array,
        temperature: float,
        conditioning: Array | None,
        forced: Array,
        num_steps: int,
    ) -> tuple[ComparedState, Array, Array]:
        before = IncrementalState(*state[:3])
        after, ids, log_probs = self._rounded._sample(
            before, uniforms, temperature, conditioning, forced, num_steps
        )
        exact_ring = state.exact_ring
        if len(exact_ring) and self.rounding_bits is None:
            followed, _, exact = self._exact._sample(
                before._replace(ring=exact_ring), uniforms, 1.0, conditioning, ids, num_steps
            )
            exact_ring = followed.ring
            change = np.where(forced < 0, log_probs - exact, np.float32("nan"))[:, :num_steps]
            if not np.isnan(change).all():
                self.rounding_bits = float(np.nanmean(change) / np.log(2.0))
        return ComparedState(*after, exact_ring), ids, log_probs
