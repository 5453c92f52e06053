"""An open dataset: its specification, its index, and random access to its steps."""

import functools
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from ada.data import records
from ada.data.lengths import RemoteLengths, check_local, payload_bytes
from ada.data.spec import SPLITS, DatasetError, DatasetSpec, FileSpec, SourceSpec, SplitSpec
from ada.utils import npz
from ada.utils.files import is_remote, join

# Of a foreign record TensorFlow makes a message that is not text.
READ_ERRORS = (tf.errors.OpError, UnicodeDecodeError)
INDEX_COLUMNS = ("shard", "offset", "source", "start", "steps")


@dataclass(frozen=True)
class SplitIndex:
    """The positions of all records of a split.

    Attributes:
      shard_paths: bytes `[num_shards]`.
      shard, offset, source, start, steps: int64 `[num_records]`, in stored order: shard number,
        byte offset in it, source number, first step (within the source's segment), steps.
      lengths: int64 `[num_sources]`, steps of each source.
      first_records: int64 `[num_sources]`, the record where each source starts.
      remote: what checks the lengths of records that are elsewhere; None for local ones, which are
        checked already.
    """

    shard_paths: np.ndarray
    shard: np.ndarray
    offset: np.ndarray
    source: np.ndarray
    start: np.ndarray
    steps: np.ndarray
    lengths: np.ndarray
    first_records: np.ndarray
    remote: RemoteLengths | None = None


class Dataset:
    """A dataset directory, opened with `Dataset.open`.

    Attributes:
      directory: its path.
      spec: its `DatasetSpec`.
    """

    def __init__(self, directory: str, spec: DatasetSpec, index: dict[str, SplitIndex]) -> None:
        self.directory = directory
        self.spec = spec
        self._index = index

    @classmethod
    def open(cls, directory: str) -> "Dataset":
        """Opens a dataset and checks that all of it is there.

        Args:
          directory: local, or any path that `tf.io.gfile` knows.

        Raises:
          DatasetError: naming what is missing, truncated or not what it should be.
        """
        directory = str(directory)
        spec = DatasetSpec.load(directory)
        _check_files(directory, spec)
        columns = _load_index(directory, spec)
        index = {s: _split_index(directory, spec, s, columns[s]) for s in SPLITS}
        return cls(directory, spec, index)

    @staticmethod
    def is_complete(directory: str) -> bool:
        """Whether `Dataset.open` would succeed."""
        try:
            Dataset.open(directory)
        except DatasetError:
            return False
        return True

    def index(self, split: str) -> SplitIndex:
        """The index of a split."""
        self._split(split)
        return self._index[split]

    def sources(self, split: str) -> tuple[SourceSpec, ...]:
        """The sources of a split; their position is their index."""
        return self._split(split).sources

    def num_steps(self, split: str) -> int:
        """Steps of all sources of a split."""
        return self._split(split).num_steps

    def read(
        self, split: str, source_index: int, start: int = 0, length: int | None = None
    ) -> np.ndarray:
        """Reads a stretch of a source.

        Args:
          split: "train", "validation" or "test".
          source_index: position in `sources(split)`.
          start: first step, from the source's start.
          length: steps; to the source's end if None.

        Returns:
          The steps as stored (16-bit PCM or codes), `[length]`.

        Raises:
          IndexError: if there is no such source or the stretch leaves it.
          DatasetError: naming the shard, if it is damaged.
        """
        index, sources = self.index(split), self.sources(split)
        if not 0 <= source_index < len(sources):
            raise IndexError(f"source {source_index} of {len(sources)} in split {split!r}")
        available = sources[source_index].num_steps
        length = available - start if length is None else length
        if start < 0 or length < 0 or start + length > available:
            raise IndexError(
                f"steps {start} to {start + length} of {sources[source_index].name!r}, which has "
                f"{available}"
            )
        if not length:
            return np.zeros(0, self.spec.dtype)
        size = self.spec.record_steps
        record = index.first_records[source_index] + start // size
        last = index.first_records[source_index] + (start + length - 1) // size
        try:
            if index.remote is not None:
                index.remote.check(record, last - record + 1)
            steps = _read_steps(self.spec.dtype, size, self.spec.num_classes)(
                tf.constant(index.shard_paths[index.shard[record]]),
                *(
                    tf.constant(int(value), tf.int64)
                    for value in (
                        index.offset[record],
                        last - record + 1,
                        index.start[record],
                        start % size,
                        length,
                    )
                ),
            )
        except READ_ERRORS as error:
            shard_path = index.shard_paths[index.shard[record]]
            raise read_error(error, self.directory, [shard_path]) from error
        return steps.numpy()

    def _split(self, split: str) -> SplitSpec:
        if split not in self.spec.splits:
            raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
        return self.spec.splits[split]


def read_error(
    error: tf.errors.OpError | UnicodeDecodeError, directory: str, shard_paths: Sequence[bytes]
) -> DatasetError:
    """One line for an error that reading records met; one of the shards is to blame."""
    # In between are lines of Python files, whose paths may hold the directory's name.
    lines = [line for line in str(error).splitlines() if 'File "' not in line]
    lines = [line for line in lines if directory in line]
    if lines and not isinstance(error, tf.errors.DataLossError):
        # What a check in Python says comes with the names of TensorFlow's operations.
        what = re.sub(r"^.*?(?=Damaged or foreign)", "", lines[0]).split(". Copy or prepare")[0]
    else:
        # The reader does not say where it met a wrong checksum or a record of something else.
        paths = [path.decode() for path in shard_paths]
        if len(paths) > 1:
            # Elsewhere it would take long, and as much memory as records claim.
            paths = [] if is_remote(directory) else [p for p in paths if not _is_whole(p)]
        what = f"Damaged or foreign record in {', '.join(paths) or 'a shard'}"
    return DatasetError(f"Reading {directory} failed: {what}. Copy or prepare the data again.")


def _is_whole(shard_path: str) -> bool:
    try:
        for record in tf.data.TFRecordDataset(shard_path):
            records.check(record)
    except READ_ERRORS:
        return False
    return True


@functools.cache
def _read_steps(
    dtype: str, record_steps: int, num_classes: int | None
) -> tf.types.experimental.GenericFunction:
    scalar = tf.TensorSpec([], tf.int64)
    function = functools.partial(
        records.read_steps, dtype=dtype, record_steps=record_steps, num_classes=num_classes
    )
    return tf.function(function, input_signature=[tf.TensorSpec([], tf.string)] + [scalar] * 5)


def _check_files(directory: str, spec: DatasetSpec) -> None:
    shards = [shard for split in spec.splits.values() for shard in split.shards]
    for file in [*shards, spec.index]:
        try:
            found = tf.io.gfile.stat(join(directory, file.name)).length
        except tf.errors.OpError as error:
            raise DatasetError(
                f"{directory} lacks {file.name}, which its dataset.json lists. Copy the whole "
                "directory again, or prepare it again with --overwrite."
            ) from error
        if found != file.num_bytes:
            raise DatasetError(
                f"{join(directory, file.name)} has {found} bytes, but dataset.json says "
                f"{file.num_bytes}. Copy it again, or prepare the data again with --overwrite."
            )


def save_index(directory: str, columns: dict[str, dict[str, np.ndarray]], name: str) -> FileSpec:
    """Writes the index: by split, the arrays `INDEX_COLUMNS`, int64 `[num_records]`."""
    arrays = {f"{split}_{c}": columns[split][c] for split in SPLITS for c in INDEX_COLUMNS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with tf.io.gfile.GFile(join(directory, name), "wb") as file:
        file.write(buffer.getvalue())
    return FileSpec(name, len(buffer.getvalue()), hashlib.sha256(buffer.getvalue()).hexdigest())


def _load_index(directory: str, spec: DatasetSpec) -> dict[str, dict[str, np.ndarray]]:
    path = join(directory, spec.index.name)
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        # Before anything parses it.
        if hashlib.sha256(content).hexdigest() != spec.index.sha256:
            raise ValueError("its checksum is not the one in dataset.json")
        # The shards limit the number of records.
        most = sum(file.num_bytes for split in spec.splits.values() for file in split.shards)
        records_of_all = sum(split.num_records for split in spec.splits.values())
        if records_of_all * records.FRAMING_BYTES > most:
            raise ValueError(f"the shards cannot hold {records_of_all:,} records")
        arrays = npz.load(io.BytesIO(content), records_of_all * len(INDEX_COLUMNS) * 8)
        columns = {s: {c: arrays[f"{s}_{c}"] for c in INDEX_COLUMNS} for s in SPLITS}
        for name, split in spec.splits.items():
            if {c.shape for c in columns[name].values()} != {(split.num_records,)}:
                raise ValueError(f"it does not list the {split.num_records} records of {name}")
            if any(c.dtype != np.int64 for c in columns[name].values()):
                raise ValueError("its columns are not int64")
    except (KeyError, *npz.NOT_NPZ, tf.errors.OpError) as error:
        raise DatasetError(
            f"{path} cannot be used: {error}. Copy it again, or prepare the data again with "
            "--overwrite."
        ) from error
    return columns


def _split_index(
    directory: str, spec: DatasetSpec, split: str, columns: dict[str, np.ndarray]
) -> SplitIndex:
    info = spec.splits[split]
    lengths = np.array([s.num_steps for s in info.sources], np.int64)
    counts = -(-lengths // spec.record_steps)
    # Before they are repeated: a source may say that it has any number of steps.
    fits = counts.sum() == len(columns["source"])
    if not fits or not np.array_equal(
        columns["source"], np.repeat(np.arange(len(lengths)), counts)
    ):
        raise DatasetError(
            f"{join(directory, spec.index.name)} does not fit dataset.json. Prepare the data again "
            "with --overwrite."
        )
    shard, offset = columns["shard"], columns["offset"]
    if shard.min() < 0 or shard.max() >= len(info.shards) or offset.min() < 0:
        raise DatasetError(
            f"{join(directory, spec.index.name)} leads out of the shards. Prepare the data again "
            "with --overwrite."
        )
    paths, remote = np.array([join(directory, s.name).encode() for s in info.shards]), None
    if is_remote(directory):
        sizes = payload_bytes(shard, offset, [file.num_bytes for file in info.shards])
        remote = RemoteLengths(paths, shard, offset, sizes)
    else:
        for number, file in enumerate(info.shards):
            path = Path(directory) / file.name
            check_local(path, path.stat().st_mtime_ns, offset[shard == number].tobytes())
    return SplitIndex(
        shard_paths=paths,
        remote=remote,
        lengths=lengths,
        first_records=np.cumsum(counts) - counts,
        **columns,
    )
