"""The TFRecord schema: how steps of a source lie in a shard, and how they are read back.

A record is a `tf.train.Example` with `source` (its name), `start` (its first step within the
source's segment), `num_steps` and `steps` (raw little-endian bytes of the dataset's dtype). The
records of a source are consecutive in one shard, so that reading any stretch of it is one seek
and one run of bytes.
"""

import numpy as np
import tensorflow as tf

# TFRecord framing: 8 bytes of length, 4 of its CRC, the payload, 4 of the payload's CRC.
FRAMING_BYTES = 16
# Bytes that are read at a time, at most: a dataset from elsewhere may claim records of any size.
_MOST_BUFFERED = 2**26

_FEATURES = {
    "start": tf.io.FixedLenFeature([], tf.int64),
    "num_steps": tf.io.FixedLenFeature([], tf.int64),
    "steps": tf.io.FixedLenFeature([], tf.string),
}


def little_endian(dtype: str) -> np.dtype:
    """The NumPy dtype of a step on disk."""
    return np.dtype(dtype).newbyteorder("<")


def encode_record(source: str, start: int, steps: np.ndarray, dtype: str) -> bytes:
    """Serialises one record, always to the same bytes.

    Args:
      source: name of the source.
      start: first step within the source's segment.
      steps: integers `[num_steps]` that fit `dtype`.
      dtype: on disk.
    """
    feature = {
        "source": _bytes_feature(source.encode("utf-8", "surrogateescape")),
        "start": _int_feature(start),
        "num_steps": _int_feature(len(steps)),
        "steps": _bytes_feature(steps.astype(little_endian(dtype)).tobytes()),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


class RecordWriter:
    """Writes the steps of sources as records to one TFRecord file and keeps their sizes.

    Args:
      path: file to write.
      record_steps: steps in a record.
      dtype: on disk.

    Attributes:
      record_bytes: by source, in order, the bytes of each of its records, framing included.
      num_steps: by source, in order, its steps so far.
    """

    def __init__(self, path: str, *, record_steps: int, dtype: str) -> None:
        self._writer = tf.io.TFRecordWriter(path)
        self._record_steps = record_steps
        self._dtype = dtype
        self._range = np.iinfo(dtype)
        self._source: str | None = None
        self._pending: list[np.ndarray] = []
        self._num_pending = 0
        self.record_bytes: dict[str, list[int]] = {}
        self.num_steps: dict[str, int] = {}

    def write(self, source: str, steps: np.ndarray) -> None:
        """Appends steps `[n]` to a source; a new name ends the source before.

        Raises:
          ValueError: if the steps are no integers of the dtype's range, or if the source was
            ended before.
        """
        steps = np.asarray(steps)
        if steps.ndim != 1 or steps.dtype.kind not in "iu":
            raise ValueError(f"steps must be integers [n], got {steps.dtype} {steps.shape}")
        if not len(steps):
            return
        if steps.min() < self._range.min or steps.max() > self._range.max:
            raise ValueError(f"steps {steps.min()}..{steps.max()} do not fit {self._dtype}")
        if source != self._source:
            self._flush(everything=True)
            if source in self.num_steps:
                raise ValueError(f"source {source!r} was ended before")
            self._source = source
            self.record_bytes[source], self.num_steps[source] = [], 0
        self._pending.append(steps)
        self._num_pending += len(steps)
        if self._num_pending >= self._record_steps:
            self._flush(everything=False)

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._flush(everything=True)
        self._writer.close()

    def abandon(self) -> None:
        """Closes the file without writing what is left."""
        self._writer.close()

    def _flush(self, *, everything: bool) -> None:
        steps = np.concatenate(self._pending) if self._pending else np.zeros(0, np.int64)
        size = self._record_steps
        end = len(steps) if everything else len(steps) // size * size
        for i in range(0, end, size):
            chunk = steps[i : min(i + size, end)]
            start = self.num_steps[self._source]
            payload = encode_record(self._source, start, chunk, self._dtype)
            self._writer.write(payload)
            self.record_bytes[self._source].append(len(payload) + FRAMING_BYTES)
            self.num_steps[self._source] = start + len(chunk)
        self._pending = [steps[end:]] if end < len(steps) else []
        self._num_pending = len(steps) - end


def read_steps(
    path: tf.Tensor,
    byte_offset: tf.Tensor,
    num_records: tf.Tensor,
    start: tf.Tensor,
    skip: tf.Tensor,
    length: tf.Tensor,
    *,
    record_steps: int,
    dtype: str,
    num_classes: int | None = None,
) -> tf.Tensor:
    """Reads a stretch of a source; TensorFlow operations only, so that it runs in parallel.

    Args:
      path: of the shard.
      byte_offset: int64, where the first record lies.
      num_records: int64, consecutive records to read.
      start: int64, first step of the first record, as stored in it.
      skip: int64, steps of the first record before the stretch.
      length: int64, steps of the stretch.
      record_steps: steps in a full record.
      dtype: on disk.
      num_classes: of codes; steps that are none of them are refused.

    Returns:
      The steps `[length]`, of dtype `dtype`.

    Raises:
      tf.errors.OpError: when the shard is missing, unreachable or too short, or does not fit the
        index, naming it; when a checksum is wrong (`DataLossError`), without its name.
    """
    record_bytes = record_steps * np.dtype(dtype).itemsize + 1024
    most = tf.minimum(num_records * record_bytes, _MOST_BUFFERED)
    records = _records_at(path, byte_offset, buffer_size=most)
    # Not `ignore_errors`: it would try to open a file that is gone for ever.
    records = records.take(num_records).batch(num_records)
    nothing = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
    serialized = records.concatenate(nothing).take(1).get_single_element()
    found = tf.shape(serialized, tf.int64)[0]
    where = ["shard", path, "at byte", byte_offset]
    complete = tf.debugging.Assert(
        tf.equal(found, num_records),
        ["Damaged record:", *where, "records", found, "of", num_records],
    )
    with tf.control_dependencies([complete]):
        parsed = tf.io.parse_example(serialized, _FEATURES)
    fits = tf.debugging.Assert(
        tf.reduce_all(parsed["start"] == start + record_steps * tf.range(num_records)),
        ["The index does not fit the records (prepare the data again):", *where],
    )
    with tf.control_dependencies([fits]):
        raw = tf.strings.reduce_join(parsed["steps"])
    steps = tf.io.decode_raw(raw, tf.as_dtype(dtype), little_endian=True)
    steps = steps[skip : skip + length]
    # Otherwise missing or extra steps of a record would be found much later, or never.
    right = tf.equal(tf.size(steps, tf.int64), length)
    if num_classes is not None:
        codes = tf.cast(steps, tf.int64)
        right &= tf.reduce_all((codes >= 0) & (codes < num_classes))
    holds = tf.debugging.Assert(right, ["Records that hold something else:", *where])
    with tf.control_dependencies([holds]):
        return tf.identity(steps)


def check(record: tf.Tensor) -> None:
    """Raises tf.errors.OpError for anything but a record of this schema."""
    tf.io.parse_single_example(record, _FEATURES)


def _records_at(path: tf.Tensor, byte_offset: tf.Tensor, buffer_size: tf.Tensor) -> tf.data.Dataset:
    """The records of a file from a byte offset on.

    `tf.data.TFRecordDataset` does not pass byte offsets on, the operation beneath it does.
    """
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=tf.reshape(path, [1]),
        compression_type="",
        buffer_size=buffer_size,
        byte_offsets=tf.reshape(byte_offset, [1]),
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))


def _bytes_feature(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _int_feature(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
