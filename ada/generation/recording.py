"""The output directory of a generation: clips grow block by block, and are gone on with.

sample_000.wav ...   the clips, whole WAV files at any moment
.unfinished/         while they grow: `command.json`, what decides them; and of every clip and level
                     `level0_sample_000.ids`, exact ids as they are drawn, and `.blocks`, how many
                     of them a block added, and their nats
codes.npz            exact ids of every level, `level0` the bottom's: int `[clips, steps]`
sample.json          the command and what it made; written last

Killed at any moment, a generation goes on from the ids that are whole: they decide what follows, as
a prompt does.
"""

import contextlib
import errno
import itertools
import json
import os
import shutil
import wave
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ada import log
from ada.audio.writing import pcm16
from ada.errors import UserError
from ada.files import atomic_path, exclusive, write_bytes_atomically
from ada.generation.level import LevelBlock
from ada.generation.modes import Request
from ada.generation.results import CODES, REPORT, clips_of, read_report
from ada.generation.streaming import Block

UNFINISHED, COMMAND = ".unfinished", "command.json"
IDS = np.dtype("<u2")
# What a block added: ids, how many of them were drawn, and the sum of their -log p.
BLOCKS = np.dtype([("steps", "<u4"), ("drawn", "<u4"), ("nats", "<f8")])
CHUNK = 2**16
MAX_STEPS = 2**31 - 2**10  # of 16 bits, in the 4 GB of a WAV file


class Recording:
    """Takes the blocks of one generation; made by `record`.

    Args:
      directory: of the output.
      request: what is generated.
      settings: what decides it.
    """

    def __init__(self, directory: Path, request: Request, settings: Mapping[str, Any]) -> None:
        self._directory, self._request, self._settings = directory, request, settings
        self._names = clip_names(request)
        self._journals = [
            [_Journal(directory / UNFINISHED / f"level{level}_{name}") for name in self._names]
            for level in reversed(range(len(request.chain.runs)))
        ]
        self._open: dict[int, wave.Wave_write] = {}
        self.rate = request.chain.runs[-1].info.sample_rate

    @property
    def known(self) -> list[list[np.ndarray]]:
        """What is known of every level and clip: what was drawn before, or is given."""
        given = self._request.known or [[()] * self._request.num_items] * len(self._journals)
        return [
            [
                max(journal.ids(), np.asarray(piece, np.int32), key=len)
                for journal, piece in zip(*of, strict=True)
            ]
            for of in zip(self._journals, given, strict=True)
        ]

    @property
    def secs_drawn(self) -> float:
        """How much audio there is, of all clips together."""
        return sum(journal.num_steps for journal in self._journals[-1]) / self.rate

    def take(self, block: Block) -> None:
        """Writes a block to disk; blocks of a clip come in order, from the first."""
        if not (self._directory / UNFINISHED / COMMAND).exists():
            self._begin()
        for journals, drawn in zip(self._journals, block.levels, strict=True):
            for part in drawn:
                for row, item in enumerate(part.items):
                    journals[item].take(part, row)
        for item, audio in zip(block.items, block.audio, strict=True):
            self._wav(item).writeframes(pcm16(audio).astype("<i2").tobytes())
        for item in [item for item in self._open if item < block.items.start]:
            self._open.pop(item).close()
            for journals in self._journals:
                journals[item].close()

    def _begin(self) -> None:
        """Notes the command: not before there is something to go on with."""
        command = {**self._settings, "wavs": [f"{name}.wav" for name in self._names]}
        text = json.dumps(command, indent=1) + "\n"
        write_bytes_atomically(self._directory / UNFINISHED / COMMAND, text.encode())

    def finish(self, numbers: Mapping[str, Any]) -> None:
        """Writes codes and report, and tidies up."""
        self.close()
        request, top = self._request, len(self._journals) - 1
        with (
            atomic_path(self._directory / CODES) as path,
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            if request.codes is not None:
                rows = [[codes] for codes in request.codes]
                _write_rows(archive, f"level{top + 1}", rows, len(request.codes[0]))
            for number, journals in enumerate(self._journals):
                rows = [journal.chunks() for journal in journals]
                _write_rows(archive, f"level{top - number}", rows, journals[0].num_steps)
        report = {
            **self._settings,
            "sample_rate": self.rate,
            "wavs": [f"{name}.wav" for name in self._names],
            "bits_of_what_was_drawn": [_bits(journals) for journals in self._journals],
            **numbers,
        }
        write_bytes_atomically(
            self._directory / REPORT, (json.dumps(report, indent=1) + "\n").encode()
        )
        shutil.rmtree(self._directory / UNFINISHED)

    def close(self) -> None:
        """Closes all files."""
        for file in self._open.values():
            file.close()
        self._open = {}
        for journals in self._journals:
            for journal in journals:
                journal.close()

    def _wav(self, item: int) -> wave.Wave_write:
        """The clip, which begins anew: blocks that were drawn before come again."""
        if item not in self._open:
            file = wave.open(str(self._directory / f"{self._names[item]}.wav"), "wb")  # noqa: SIM115
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            self._open[item] = file
        return self._open[item]


@contextlib.contextmanager
def record(
    directory: Path, request: Request, settings: Mapping[str, Any], overwrite: bool = False
) -> Iterator[Recording | None]:
    """A recording of a generation, which goes on with one that the same command began.

    Args:
      directory: of the output; in it is nothing, or what the same command left.
      request: what is generated.
      settings: what decides it, as JSON values.
      overwrite: whether the results of another command are replaced.

    Yields:
      The recording; None if it is finished already.

    Raises:
      UserError: if the directory holds the results of another command, or one is at work there.
    """
    if request.num_steps > MAX_STEPS:
        rate = request.num_steps / request.duration_secs
        raise UserError(f"a WAV file holds at most {MAX_STEPS / rate / 3600:.1f} hours.")
    settings = json.loads(json.dumps(settings))
    with exclusive(directory):
        unfinished, report = directory / UNFINISHED, read_report(directory)
        if _is_finished(directory, report) and _same(report, settings):
            shutil.rmtree(unfinished, ignore_errors=True)
            yield None
            return
        begun = read_report(unfinished, COMMAND)
        old = begun if begun is not None else report
        if old is not None and not _same(old, settings):
            if not overwrite:
                raise UserError(
                    f"{directory} holds {_described(begun, report)}: name another --output_dir, or "
                    "--overwrite them."
                )
            log.info(f"Replacing {_described(begun, report)} in {directory}.")
            for name in (*(clips_of(report) or clips_of(begun)), CODES, REPORT):
                (directory / name).unlink(missing_ok=True)
            begun = None
        if begun is None:
            shutil.rmtree(unfinished, ignore_errors=True)
        recording = Recording(directory, request, settings)
        try:
            yield recording
        finally:
            recording.close()


class _Journal:
    """The ids of one clip and level, on disk as far as they are drawn."""

    def __init__(self, stem: Path) -> None:
        self._ids, self._blocks = stem.with_suffix(".ids"), stem.with_suffix(".blocks")
        self._files: tuple[BinaryIO, ...] = ()
        whole = self._blocks.stat().st_size // BLOCKS.itemsize if self._blocks.exists() else 0
        self.num_blocks = whole
        self.num_steps = int(self.blocks()["steps"].sum())

    def blocks(self) -> np.ndarray:
        """What every block added."""
        if not self.num_blocks:
            return np.zeros(0, BLOCKS)
        return np.fromfile(self._blocks, BLOCKS, self.num_blocks)

    def ids(self) -> np.ndarray:
        """The ids, read from the disk as they are asked for."""
        if not self.num_steps:
            return np.zeros(0, IDS)
        return np.memmap(self._ids, IDS, "r", shape=(self.num_steps,))

    def chunks(self) -> Iterator[np.ndarray]:
        """The ids in pieces that need little memory, which a map of the file would fill."""
        for start in range(0, self.num_steps, CHUNK):
            count = min(CHUNK, self.num_steps - start)
            yield np.fromfile(self._ids, IDS, count, offset=start * IDS.itemsize)

    def take(self, block: LevelBlock, row: int) -> None:
        """Appends the ids of a block, unless they are there."""
        if block.start < self.num_steps:
            return
        if not self._files:
            self._files = tuple(map(self._appendable, (self._ids, self._blocks)))
        log_probs = block.log_probs[row]
        drawn = log_probs[~np.isnan(log_probs)]
        ids = block.ids[row]
        added = np.array((len(ids), len(drawn), -drawn.sum(dtype=np.float64)), BLOCKS)
        # The ids first: what `.blocks` counts is there.
        self._write(self._files[0], ids.astype(IDS).tobytes())
        self._write(self._files[1], added.tobytes())
        self.num_steps += len(ids)
        self.num_blocks += 1

    def _write(self, file: BinaryIO, data: bytes) -> None:
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)

    def _appendable(self, path: Path) -> BinaryIO:
        """A file open at the end of what of it is whole."""
        whole = {
            self._ids: self.num_steps * IDS.itemsize,
            self._blocks: self.num_blocks * BLOCKS.itemsize,
        }
        file = path.open("ab", buffering=0)
        os.truncate(path, whole[path])
        return file

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._files = ()


def _bits(journals: Sequence[_Journal]) -> float | None:
    """Mean -log2 p(id) of what was drawn of all clips; None if nothing was."""
    blocks = [journal.blocks() for journal in journals]
    drawn = sum(int(b["drawn"].sum()) for b in blocks)
    return sum(float(b["nats"].sum()) for b in blocks) / drawn / np.log(2.0) if drawn else None


def _write_rows(
    archive: zipfile.ZipFile, name: str, rows: Sequence[Iterable[np.ndarray]], steps: int
) -> None:
    """Adds an array to an .npz file in pieces of its rows, so that it need not be in memory."""
    header = {"descr": IDS.str, "fortran_order": False, "shape": (len(rows), steps)}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in itertools.chain.from_iterable(rows):
            file.write(piece.astype(IDS).tobytes())


def _is_finished(directory: Path, report: Mapping[str, Any] | None) -> bool:
    """Whether all that a report says is there."""
    names = [*clips_of(report), CODES]
    return report is not None and all((directory / name).exists() for name in names)


def _same(old: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return all(old.get(name) == value for name, value in settings.items())


def _described(begun: Mapping[str, Any] | None, report: Mapping[str, Any] | None) -> str:
    old = report if begun is None else begun
    return (
        f"{'unfinished ' if begun is not None else ''}clips of another command "
        f"(--mode={old.get('mode')} --seed={old.get('seed')})"
    )


def clip_names(request: Request) -> list[str]:
    """The names of clips, without an ending."""
    numbers = range(request.num_items) if request.numbers is None else request.numbers
    return [f"sample_{number:03d}" for number in numbers]
