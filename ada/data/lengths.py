"""Whether records are as long as the index says.

TensorFlow takes as much memory as a record claims, and ends the process where there is none.
"""

import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from ada.data.records import FRAMING_BYTES
from ada.data.spec import DatasetError

# Bytes that TensorFlow reads at once of a file: records within them are checked together.
_READ_AT_ONCE = 2**19


def payload_bytes(shard: np.ndarray, offset: np.ndarray, shard_bytes: list[int]) -> np.ndarray:
    """How long the records of a split can only be.

    Args:
      shard: int64 `[num_records]`, number of the shard of each.
      offset: int64 `[num_records]`, where each is in it, in stored order.
      shard_bytes: of the files.

    Returns:
      int64 `[num_records]`: from the record to the next one, or to the end of its shard.
    """
    ends = np.zeros(len(shard), np.int64)
    for number, size in enumerate(shard_bytes):
        here = shard == number
        ends[here] = np.append(offset[here], size)[1:]
    return ends - offset - FRAMING_BYTES


@functools.lru_cache(maxsize=256)
def check_local(path: Path, mtime_ns: int, offsets: bytes) -> None:
    """Raises DatasetError if the length of a record in a local shard contradicts the index.

    Args:
      path: of the shard.
      mtime_ns: when it was changed, for the cache.
      offsets: int64, where its records are, in order.
    """
    del mtime_ns
    starts = np.frombuffer(offsets, np.int64)
    size = path.stat().st_size
    sizes = payload_bytes(np.zeros(len(starts), np.int64), starts, [size])
    content = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    if len(starts) and (starts[0] != 0 or sizes.min() < 0):
        raise _wrong(str(path), int(starts[0]))
    claimed = content[starts[:, np.newaxis] + np.arange(8)].reshape(-1, 8).view("<u8")[:, 0]
    for place in starts[claimed != sizes.astype(np.uint64)]:
        raise _wrong(str(path), int(place))


class RemoteLengths:
    """The same of shards that are elsewhere, each record before it is first read.

    Args:
      paths: bytes `[num_shards]`.
      shard: int64 `[num_records]`.
      offset: int64 `[num_records]`.
      sizes: int64 `[num_records]`, of `payload_bytes`.
    """

    def __init__(
        self, paths: np.ndarray, shard: np.ndarray, offset: np.ndarray, sizes: np.ndarray
    ) -> None:
        self._paths, self._shard, self._offset, self._sizes = paths, shard, offset, sizes
        self._checked = np.zeros(len(shard), bool)

    def of(self, records: np.ndarray) -> "RemoteLengths":
        """The same of some records, bool `[num_records]`."""
        kept = self._shard[records], self._offset[records], self._sizes[records]
        return RemoteLengths(self._paths, *kept)

    def check(self, record: int, count: int) -> None:
        """Checks consecutive records, and those that TensorFlow reads together with them.

        Raises:
          DatasetError: if one of them claims another length.
        """
        if self._checked[record : record + count].all():
            return
        path = self._paths[self._shard[record]].decode()
        end = self._offset[record + count - 1] + _READ_AT_ONCE
        with tf.io.gfile.GFile(path, "rb") as file:
            for number in range(record, len(self._shard)):
                place, size = int(self._offset[number]), int(self._sizes[number])
                if self._shard[number] != self._shard[record] or place > end:
                    break
                file.seek(place)
                if size < 0 or int.from_bytes(file.read(8), "little") != size:
                    raise _wrong(path, place)
                self._checked[number] = True

    def checked(self, record: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """The number of a record, after it and those behind it were checked; in a graph."""

        def check(record: np.ndarray, count: np.ndarray) -> np.ndarray:
            self.check(int(record), int(count))
            return record

        return tf.ensure_shape(tf.numpy_function(check, [record, count], tf.int64), [])


def _wrong(path: str, place: int) -> DatasetError:
    return DatasetError(
        f"Damaged or foreign record in {path} at byte {place}: its length is not that in the "
        "index. Copy or prepare the data again."
    )
