"""The sampling loop in C (`kernel.c`), several times faster on a CPU than XLA's.

It is compiled during the installation of the package; if that failed, `AVAILABLE` is False and the
other backends are used.
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
HALF_WIDTH = 32  # outputs that the kernel unpacks at once
AVAILABLE = _kernel is not None


def fits_half(model: WaveNet) -> bool:
    """Whether the matrices of a model can be in bfloat16."""
    sizes = (model.residual_channels, model.skip_channels, model.num_classes)
    return not any(size % HALF_WIDTH for size in sizes)


class NativeSampler(Sampler):
    """A `Sampler` in C, with arrays as inputs and outputs.

    A sequence does not depend on the others in its batch. The weights of the model are read by
    `initial_state`.

    Args:
      half: whether matrices are rounded to bfloat16; all sums stay in float32.
    """

    def __init__(self, *args: Any, half: bool = False, **kwargs: Any) -> None:
        if not AVAILABLE:
            raise RuntimeError("NativeSampler: ada was installed without its kernel.")
        super().__init__(*args, **kwargs)
        model = self.model
        blocks = model.blocks
        self._dilations = np.array([b.convolution.dilation_rate for b in blocks], np.int32)
        self._half = half
        self._sizes = (
            int(half),
            len(blocks),
            model.kernel_size,
            model.residual_channels,
            model.skip_channels,
            model.num_classes,
        )
        self._weights: tuple[np.ndarray, np.ndarray | None] | None = None

    def _read_weights(self) -> None:
        # In one assignment, as other threads may be sampling.
        model = self.model
        to_gates = model.condition.kernel.numpy() if model.conditioning_channels else None
        self._weights = _packed_weights(model, self._half), to_gates

    def initial_state(self) -> IncrementalState:
        self._read_weights()
        return IncrementalState(
            np.zeros([self._rows, self.batch_size, self.model.residual_channels], np.float32),
            np.full([self.batch_size], -1, np.int32),
            np.int64(0),
        )

    def _sample(
        self,
        state: IncrementalState,
        uniforms: Array,
        temperature: float,
        conditioning: Array | None,
        forced: Array,
        num_steps: int,
    ) -> tuple[IncrementalState, np.ndarray, np.ndarray]:
        if self._weights is None:
            self._read_weights()
        weights, to_gates = self._weights
        hop, gates = 1, None
        if conditioning is not None:
            hop = self.block_steps // conditioning.shape[1]
            gates = np.asarray(conditioning, np.float32) @ to_gates
        shape, num_steps = [self.batch_size, self.block_steps], int(num_steps)
        ring, previous = np.array(state.ring, order="C"), np.array(state.previous)
        ids, log_probs = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        _kernel.draw(
            *self._sizes,
            self.batch_size,
            self.block_steps,
            num_steps,
            hop,
            self.top_k,
            self.top_p,
            temperature,
            int(state.step),
            self._dilations,
            weights,
            gates,
            np.ascontiguousarray(uniforms, np.float32),
            np.ascontiguousarray(forced, np.int32),
            ring[: 0 if self.model.kernel_size == 1 else None],
            previous,
            ids,
            log_probs,
        )
        return IncrementalState(ring, previous, np.int64(state.step) + num_steps), ids, log_probs


def _packed_weights(model: WaveNet, half: bool) -> np.ndarray:
    """All weights as one array, in the order that the kernel expects."""
    with_residual = model.blocks[:-1]
    # Matrices, which may be in half precision, and vectors, which are always in float32.
    groups = [
        (False, [model.embedding.table]),
        (half, [block.convolution.kernel for block in model.blocks]),
        (False, [block.convolution.bias for block in model.blocks]),
        (half, [block.residual.kernel for block in with_residual]),
        (False, [block.residual.bias for block in with_residual]),
        (half, [model.skip.kernel, model.hidden.kernel]),
        (False, [model.hidden.bias]),
        (half, [model.logits.kernel]),
        (False, [model.logits.bias]),
    ]
    flat = []
    for is_half, variables in groups:
        arrays = [np.ravel(tf.convert_to_tensor(v).numpy()) for v in variables]
        flat += map(_as_bfloat16, arrays) if is_half else arrays
    # Aligned to cache lines: reading a vector that crosses two of them takes twice as long.
    total = sum(map(len, flat))
    room = np.empty([total + LINE], np.float32)
    start = -room.ctypes.data % (4 * LINE) // 4
    return np.concatenate(flat, out=room[start : start + total])


def _as_bfloat16(values: np.ndarray) -> np.ndarray:
    """Rounded, and in the order that the kernel unpacks: two values per float32."""
    rounded = tf.cast(values, tf.bfloat16).numpy().view(np.uint16).astype(np.uint32)
    low, high = rounded.reshape(-1, 2, LINE).transpose(1, 0, 2)
    return (low | high << 16).ravel().view(np.float32)
