"""The ids of one clip and level on disk, as they are generated.

level0_sample_000.ids      exact ids
level0_sample_000.blocks   number of ids in each block, their nats and their checksum

On opening, incomplete or damaged blocks at the end, left by a kill or a loss of power, are removed.
Files are open only while they are read or appended to.
"""

import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ada.generation.group import LevelBlock
from ada.utils.files import sync

# Per block: number of ids, number of generated ids, the sum of their -log p, and a checksum.
BLOCKS = np.dtype([("steps", "<u4"), ("generated", "<u4"), ("nats", "<f8"), ("checksum", "<u4")])
CHUNK = 2**16


class Journal(Sequence):
    """A sequence of ids, read from the disk as it is sliced.

    Args:
      stem: of the paths of its two files.
      dtype: of an id.
    """

    def __init__(self, stem: Path, dtype: np.dtype) -> None:
        self._ids, self._blocks = stem.with_suffix(".ids"), stem.with_suffix(".blocks")
        self._dtype = dtype
        self._num_blocks, self._num_steps = self._whole()
        if self._blocks.exists():
            os.truncate(self._blocks, self._num_blocks * BLOCKS.itemsize)
        if self._ids.exists():
            os.truncate(self._ids, self._num_steps * dtype.itemsize)

    def _whole(self) -> tuple[int, int]:
        """Number of undamaged blocks at the beginning, and of ids in them."""
        steps = 0
        if not (self._blocks.exists() and self._ids.exists()):
            return 0, 0
        blocks = np.fromfile(self._blocks, BLOCKS)
        with self._ids.open("rb") as file:
            for index, block in enumerate(blocks):
                data = file.read(int(block["steps"]) * self._dtype.itemsize)
                if not data or _checksum(data, block) != block["checksum"]:
                    return index, steps
                steps += int(block["steps"])
        return len(blocks), steps

    def __len__(self) -> int:
        return self._num_steps

    def __getitem__(self, span: slice) -> np.ndarray:
        start, stop, _ = span.indices(self._num_steps)
        if stop <= start:
            return np.zeros(0, self._dtype)
        offset = start * self._dtype.itemsize
        return np.fromfile(self._ids, self._dtype, stop - start, offset=offset)

    def pieces(self) -> Iterator[np.ndarray]:
        """All ids in chunks."""
        return (self[start : start + CHUNK] for start in range(0, self._num_steps, CHUNK))

    def sync(self) -> None:
        """Waits until everything is on the disk."""
        for path in (self._ids, self._blocks):
            if path.exists():
                sync(path)

    def generated(self) -> tuple[int, float]:
        """Number of generated ids, and the sum of their -log p."""
        if not self._num_blocks:
            return 0, 0.0
        blocks = np.fromfile(self._blocks, BLOCKS)
        return int(blocks["generated"].sum()), float(blocks["nats"].sum())

    def take(self, block: LevelBlock, row: int) -> None:
        """Appends the ids of a block, unless they were appended before."""
        if block.start < self._num_steps:
            return
        ids = block.ids[row].astype(self._dtype)
        log_probs = block.log_probs[row]
        generated = log_probs[~np.isnan(log_probs)]
        added = np.array((len(ids), len(generated), -generated.sum(dtype=np.float64), 0), BLOCKS)
        added["checksum"] = _checksum(ids.tobytes(), added)
        # The ids first, so that all blocks in `.blocks` have their ids.
        _append(self._ids, ids.tobytes())
        _append(self._blocks, added.tobytes())
        self._num_steps += len(ids)
        self._num_blocks += 1


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _checksum(ids: bytes, block: np.void | np.ndarray) -> int:
    return zlib.crc32(ids, zlib.crc32(block.tobytes()[: -BLOCKS["checksum"].itemsize]))
