"""The sampling loop in C (`kernel.c`), several times faster on a CPU than XLA's.

It is compiled as the package is installed; where that failed, `AVAILABLE` is False and nothing else
is lost.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from ada.generation.incremental import IncrementalState
from ada.generation.sampler import Array, Sampler
from ada.models import WaveNet

try:
    from ada.generation import _kernel
except ImportError:
    _kernel = None

LINE = 16  # floats of a cache line
AVAILABLE = _kernel is not None


class NativeSampler(Sampler):
    """A `Sampler` in C, which takes and gives arrays.

    A sequence does not depend on the number of lanes beside it. The weights are read whenever a
    new state is asked for.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not AVAILABLE:
            raise RuntimeError("NativeSampler: ada was installed without its kernel.")
        super().__init__(*args, **kwargs)
        model = self.model
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
        self._read_weights()
        rows = max(int((self.model.kernel_size - 1) * self._dilations.sum()), 1)
        return IncrementalState(
            np.zeros([rows, self.lanes, self.model.residual_channels], np.float32),
            np.full([self.lanes], -1, np.int32),
            0,
        )

    def _draw(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float,
        conditioning: Array | None,
        forced: Array,
        num_steps: int,
    ) -> tuple[IncrementalState, np.ndarray, np.ndarray]:
        hop, gates = 1, None
        if conditioning is not None:
            hop = self.block_steps // conditioning.shape[1]
            gates = np.asarray(conditioning, np.float32) @ self._to_gates
        shape = [self.lanes, self.block_steps]
        ring, previous = np.array(state.ring), np.array(state.previous)
        ids, log_probs = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        _kernel.draw(
            *self._sizes,
            self.lanes,
            self.block_steps,
            num_steps,
            hop,
            self.top_k,
            self.top_p,
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
        return IncrementalState(ring, previous, int(state.step) + num_steps), ids, log_probs


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
