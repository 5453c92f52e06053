"""Stage 1 of making a dataset: one part file per source file, written in parallel, resumable.

A part is a TFRecord file and a JSON summary beside it. The summary is written last: a part with a
summary is whole. Parts are put together into shards by `ada.preparation.assembly`.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from ada.data.records import RecordWriter
from ada.data.spec import DatasetError, Dropped
from ada.preparation.runners import RunJobs
from ada.utils.files import is_remote, join, sync, write_text_atomically
from ada.utils.jsonable import from_jsonable, parse_json, to_jsonable
from ada.utils.streams import printable

PARTS_DIR = ".parts"


@dataclass(frozen=True)
class PartSource:
    """Consecutive records of a part that make up one source.

    Attributes:
      name: of the source.
      segment: number of the stretch within the file.
      num_steps: its length.
      record_bytes: bytes of each record, framing included.
    """

    name: str
    segment: int
    num_steps: int
    record_bytes: tuple[int, ...]


@dataclass(frozen=True)
class PartSummary:
    """The result for one source file.

    Attributes:
      sources: in the order in which they lie in the part; none if the file was dropped.
      fingerprint: what the part was made of and how; a part is reused only if this fits.
      dropped: why the file was left out, or None.
      details: anything to be reported of the file (JSON values).
    """

    sources: tuple[PartSource, ...]
    fingerprint: dict[str, Any]
    dropped: Dropped | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def num_bytes(self) -> int:
        """Size of the part file."""
        return sum(sum(source.record_bytes) for source in self.sources)

    @property
    def num_steps(self) -> int:
        """Steps of all its sources."""
        return sum(source.num_steps for source in self.sources)


def part_path(output_dir: str, name: str) -> str:
    """Path of the part of a source file, used while a dataset is being made."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return join(join(output_dir, PARTS_DIR), digest + ".tfrecord")


def write_part(
    path: str,
    name: str,
    blocks: Iterable[tuple[int, np.ndarray]],
    *,
    record_steps: int,
    dtype: str,
) -> tuple[PartSource, ...]:
    """Writes the steps of one file; whole under its final name, or not at all.

    Args:
      path: of the part, see `part_path`.
      name: of the source; segments after the first are called `name#1`, `name#2`...
      blocks: (segment, steps) pairs in order, steps being integers `[n]` of any length; steps of
        one segment follow each other without a gap.
      record_steps: steps in a record.
      dtype: on disk.

    Returns:
      The sources written; empty (and no file) if there was no step. `save_summary` completes the
      part.
    """
    tf.io.gfile.makedirs(path.rsplit("/", 1)[0])
    # The name is unique: a distributed runner may try the same file twice at the same time.
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    writer = RecordWriter(temporary, record_steps=record_steps, dtype=dtype)
    segments: dict[int, str] = {}
    try:
        for segment, steps in blocks:
            if len(steps) and segment not in segments:
                segments[segment] = f"{name}#{len(segments)}" if segments else name
            if len(steps):
                writer.write(segments[segment], steps)
        writer.close()
    except BaseException:
        writer.abandon()
        tf.io.gfile.remove(temporary)
        raise
    if not segments:
        tf.io.gfile.remove(temporary)
        return ()
    if not is_remote(path):
        sync(temporary)
    tf.io.gfile.rename(temporary, path, overwrite=True)
    return tuple(
        PartSource(source, segment, writer.num_steps[source], tuple(writer.record_bytes[source]))
        for segment, source in segments.items()
    )


def save_summary(path: str, summary: PartSummary) -> None:
    """Completes the part at `path`."""
    tf.io.gfile.makedirs(path.rsplit("/", 1)[0])
    write_text_atomically(path + ".json", json.dumps(to_jsonable(summary)))


def load_summary(path: str, fingerprint: dict[str, Any] | None = None) -> PartSummary | None:
    """The summary of a finished part, or None if it is not there, not whole or not what is asked.

    Args:
      path: of the part.
      fingerprint: what the part must have been made of and how; anything if None.
    """
    try:
        with tf.io.gfile.GFile(path + ".json", "rb") as file:
            summary = from_jsonable(PartSummary, parse_json(file.read().decode("utf-8")))
        if summary.sources and tf.io.gfile.stat(path).length != summary.num_bytes:
            return None
    except (ValueError, tf.errors.OpError):
        return None
    if fingerprint is not None and summary.fingerprint != to_jsonable(fingerprint):
        return None
    return summary


class PartJob:
    """A job that makes one part (`ada.preparation.runners.Job`).

    Attributes:
      name: unique within the dataset.
      output_dir: of the dataset.
    """

    name: str
    output_dir: str

    def fingerprint(self) -> dict[str, Any]:
        """Everything that a part depends on: if any of it changes, the part is made again."""
        raise NotImplementedError

    @property
    def part_path(self) -> str:
        """Path of the part."""
        return part_path(self.output_dir, self.name)

    def summary(self) -> PartSummary | None:
        """The summary of the finished part; None if there is none with this fingerprint."""
        return load_summary(self.part_path, self.fingerprint())

    def is_done(self) -> bool:
        """Whether there is a finished part with this fingerprint."""
        return self.summary() is not None

    def result(self, fingerprint: dict[str, Any] | None = None) -> PartSummary:
        """The summary after the job was run.

        Args:
          fingerprint: that the part must have; None to take it as it was made, even if the source
            has changed since.

        Raises:
          DatasetError: if no worker left one.
        """
        summary = load_summary(self.part_path, fingerprint)
        if summary is None:
            raise DatasetError(
                f"{printable(self.name)} left no result in {self.output_dir}: do all workers write "
                "to that directory? Run the command again."
            )
        return summary


_Job = TypeVar("_Job", bound=PartJob)


def run_missing(
    jobs: Sequence[_Job], run_jobs: RunJobs, size: Callable[[_Job], int], unit: str
) -> list[_Job]:
    """Runs the jobs that are not done, and returns them.

    Args:
      jobs: of a dataset.
      run_jobs: runs them, in any order, on any machines.
      size: of a job; the largest are first, so that no worker is left alone with one at the end.
      unit: what a job is about, for the message that some are done.
    """
    missing = sorted((job for job in jobs if not job.is_done()), key=lambda job: -size(job))
    if len(missing) < len(jobs):
        print(f"Resuming: {len(jobs) - len(missing)} of {len(jobs)} {unit}s are done already.")
    run_jobs(missing)
    return missing
