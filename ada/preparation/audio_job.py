"""Stage 1 for one audio file: decode, check, and write its part. Runs in any worker."""

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ada.audio import AudioError, pcm16, stream_audio
from ada.data.spec import FORMAT_VERSION, Dropped
from ada.preparation.fingerprint import Fingerprinter
from ada.preparation.parts import PartJob, PartSource, PartSummary, save_summary, write_part
from ada.preparation.runners import Interrupted, require_seen
from ada.utils.files import is_remote

# A file whose every sample is below this is silent: -80 dB of full scale, three steps of PCM16.
SILENT_BELOW = 1e-4


@dataclass(frozen=True)
class AudioJob(PartJob):
    """One audio file to be made into a part.

    Attributes:
      path: of the file.
      name: its path relative to the root of the input.
      output_dir: of the dataset.
      sample_rate: of the dataset, Hz.
      min_secs: shorter files are dropped.
      record_steps: samples in a record.
      decoder: "pyav" or "tfio".
      is_there: whether the process that listed the file could open it.
    """

    path: str
    name: str
    output_dir: str
    sample_rate: int
    min_secs: float
    record_steps: int
    decoder: str
    is_there: bool = False

    def fingerprint(self) -> dict[str, Any]:
        try:
            if is_remote(self.path):
                found = tf.io.gfile.stat(self.path)
                size, mtime = found.length, found.mtime_nsec
            else:
                found = Path(self.path).stat()
                size, mtime = found.st_size, found.st_mtime_ns
        except (OSError, tf.errors.OpError):
            size, mtime = -1, -1
        options = dataclasses.asdict(self)
        for name in ("output_dir", "path", "is_there"):
            del options[name]
        return options | {"file_bytes": size, "mtime_ns": mtime, "format_version": FORMAT_VERSION}

    def run(self, stop: Callable[[], bool] = lambda: False) -> PartSummary:
        """Makes the part; a file that cannot be used becomes a summary that says why.

        Runners may run a job twice, at the same time or late: nothing is removed, a complete part
        is left as it is, and another attempt would replace it by the same bytes.

        Args:
          stop: asked between blocks.

        Raises:
          Interrupted: if `stop` says so.
          UserError: if the file was there when it was listed, and cannot be opened here.
        """
        if (finished := self.summary()) is not None:
            return finished
        if self.is_there:
            require_seen(self.path)
        fingerprint = self.fingerprint()
        sound = _Sound(self, stop)
        sources = ()
        try:
            sources = self._write(sound)
            if sound.better_channel is not None:
                sound = _Sound(self, stop, channel=sound.better_channel)
                sources = self._write(sound)
            sound.check()
            dropped = None
        except AudioError as error:
            sources = ()
            secs = round(sound.secs, 3) if error.reason in ("silent", "too_short") else None
            dropped = Dropped(self.name, error.reason, error.detail, secs)
        summary = PartSummary(sources, fingerprint, dropped, sound.details())
        save_summary(self.part_path, summary)
        return summary

    def _write(self, sound: "_Sound") -> tuple[PartSource, ...]:
        how = {"record_steps": self.record_steps, "dtype": "int16"}
        return write_part(self.part_path, self.name, sound.blocks(), **how)


class _Sound:
    """The samples of one file as PCM16, and what is learnt of them on the way."""

    def __init__(self, job: AudioJob, stop: Callable[[], bool], channel: int | None = None) -> None:
        self.better_channel: int | None = None
        self._job = job
        self._stop = stop
        self._channel = channel
        self._peak = 0.0
        self._num_samples = 0
        self._file: dict[str, Any] = {}

    @property
    def secs(self) -> float:
        return self._num_samples / self._job.sample_rate

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        rate, fingerprinter = self._job.sample_rate, Fingerprinter(self._job.sample_rate)
        how = {"decoder": self._job.decoder, "channel": self._channel}
        digest = hashlib.sha256()
        with _local(self._job.path) as path:
            with stream_audio(path, rate, **how) as stream:
                for samples, segment in stream:
                    if self._stop():
                        raise Interrupted
                    self._num_samples += len(samples)
                    fingerprinter.add(samples)
                    pcm = pcm16(samples)
                    digest.update(pcm)
                    yield segment, pcm
            self._peak, self.better_channel = stream.peak, stream.better_channel
            self._file = {
                "sample_rate": stream.source_sample_rate,
                "channels": stream.channels,
                "cut_secs": round(stream.cut_secs, 6),
                "notes": [list(note) for note in stream.notes],
                "fingerprint": fingerprinter.result(),
                "pcm_sha256": digest.hexdigest(),
            }
            self._file |= {"file_bytes": Path(path).stat().st_size, "sha256": _sha256(path)}

    def check(self) -> None:
        """Raises AudioError for a file that decodes but holds nothing to learn from."""
        if not self._num_samples:
            raise AudioError("empty", self._job.path, "it holds no samples")
        if self.secs < self._job.min_secs:
            raise AudioError(
                "too_short", self._job.path, f"{self.secs:.3f} s, less than {self._job.min_secs} s"
            )
        if self._peak < SILENT_BELOW:
            raise AudioError("silent", self._job.path, f"its peak is {self._peak:.1e}")

    def details(self) -> dict[str, Any]:
        return self._file | {"secs": self.secs}


@contextlib.contextmanager
def _local(path: str) -> Iterator[str]:
    """A path that audio libraries can open; files elsewhere are copied for a while."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = str(Path(directory) / os.path.basename(path))  # noqa: PTH119 - not a local path
        with tf.io.gfile.GFile(path, "rb") as source, Path(copy).open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
        yield copy


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
