"""The sampling loop in C (`kernel.c`), several times faster on a CPU than XLA's.

It is compiled as the package is installed; where that failed, `AVAILABLE` is False and nothing else
is lost.
"""

import numpy as np
import tensorflow as tf

from ada.generation.incremental import IncrementalState
from ada.generation.sampler import check_conditioning
from ada.models import WaveNet

try:
    from ada.generation import _kernel
except ImportError:
    _kernel = None

LINE = 16  # floats of a cache line
AVAILABLE = _kernel is not None


class NativeSampler:
    """Draws blocks of ids from a WaveNet; takes and gives what `BlockSampler` does, as arrays.

    Unlike there, a sequence does not depend on the number of lanes beside it.

    Args:
      model: a built WaveNet; its weights are read whenever a new state is asked for.
      lanes: sequences generated side by side.
      block_steps: ids to a block.
      top_k: see `ada.generation.choice`.
      top_p: see `ada.generation.choice`.
    """

    def __init__(
        self,
        model: WaveNet,
        lanes: int,
        block_steps: int,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> None:
        if not AVAILABLE:
            raise RuntimeError("NativeSampler: ada was installed without its kernel.")
        self.model, self.lanes, self.block_steps = model, lanes, block_steps
        self._top_k, self._top_p = top_k, top_p
        blocks = model.blocks
        self._dilations = np.array([b.convolution.dilation_rate for b in blocks], np.int32)
        self._sizes = (
            len(blocks),
            model.kernel_size,
            model.residual_channels,
            model.skip_channels,
            model.num_classes,
        )
        self._read_weights()

    def _read_weights(self) -> None:
        # Others may be drawing: what they see is whole at any time.
        model = self.model
        self._weights = _packed_weights(model)
        self._to_gates = model.condition.kernel.numpy() if model.conditioning_channels else None

    def initial_state(self) -> IncrementalState:
        """The state before the first id."""
        self._read_weights()
        rows = max(int((self.model.kernel_size - 1) * self._dilations.sum()), 1)
        return IncrementalState(
            np.zeros([rows, self.lanes, self.model.residual_channels], np.float32),
            np.full([self.lanes], -1, np.int32),
            0,
        )

    def __call__(
        self,
        state: IncrementalState,
        uniforms: np.ndarray,
        temperature: float = 1.0,
        conditioning: np.ndarray | None = None,
        forced: np.ndarray | None = None,
        num_steps: int | None = None,
    ) -> tuple[IncrementalState, np.ndarray, np.ndarray]:
        """Generates one block; see `BlockSampler`."""
        check_conditioning(self.model, conditioning, self.block_steps)
        steps = self.block_steps if num_steps is None else num_steps
        shape, hop, gates = [self.lanes, self.block_steps], 1, None
        if conditioning is not None:
            hop = self.block_steps // conditioning.shape[1]
            gates = np.asarray(conditioning, np.float32) @ self._to_gates
        if forced is None:
            forced = np.full(shape, -1, np.int32)
        ring, previous = np.array(state.ring), np.array(state.previous)
        ids, log_probs = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        _kernel.draw(
            *self._sizes,
            self.lanes,
            self.block_steps,
            steps,
            hop,
            self._top_k,
            self._top_p,
            temperature,
            int(state.step),
            self._dilations,
            self._weights,
            gates,
            np.ascontiguousarray(uniforms, np.float32),
            np.ascontiguousarray(forced, np.int32),
            ring[: 0 if self.model.kernel_size == 1 else None],
            previous,
            ids,
            log_probs,
        )
        return IncrementalState(ring, previous, int(state.step) + steps), ids, log_probs


def _packed_weights(model: WaveNet) -> np.ndarray:
    """All weights as one array, in the order that the kernel knows."""
    with_residual = model.blocks[:-1]
    variables = [
        model.embedding.table,
        *(block.convolution.kernel for block in model.blocks),
        *(block.convolution.bias for block in model.blocks),
        *(block.residual.kernel for block in with_residual),
        *(block.residual.bias for block in with_residual),
        model.skip.kernel,
        model.hidden.kernel,
        model.hidden.bias,
        model.logits.kernel,
        model.logits.bias,
    ]
    flat = [np.ravel(tf.convert_to_tensor(v).numpy()) for v in variables]
    # In whole cache lines: a vector that crosses two takes twice as long.
    total = sum(map(len, flat))
    room = np.empty([total + LINE], np.float32)
    start = -room.ctypes.data % (4 * LINE) // 4
    return np.concatenate(flat, out=room[start : start + total])
