"""The output directory of a generation: clips are written block by block, and can be resumed.

piano-new-seed7.wav  the clips (`exports`), valid WAV files at any moment; converted to other
                     formats at the end
.unfinished/         until then: `command.json`, the settings; and a journal of every clip and level
codes.npz            exact ids of every level, `level0` the bottom's: int `[clips, steps]`
sample.json          the command and what it made; written last
sample.html          a page with the clips, written by the command

A generation that was killed resumes from its complete blocks, which are used as a prompt. Files are
open only while they are appended to.
"""

import contextlib
import itertools
import json
import re
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ada.audio.writing import wav_size, write_wav_from
from ada.generation.exports import export, growing
from ada.generation.journal import Journal
from ada.generation.modes import Request
from ada.generation.results import (
    CODES,
    PAGE,
    REPORT,
    clips_of,
    differing,
    is_report,
    read_report,
)
from ada.generation.streaming import Block
from ada.pages.share import FILE as SHARED_PAGE
from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import exclusive, sync, write_bytes_atomically
from ada.utils.made import require_free

UNFINISHED, COMMAND = ".unfinished", "command.json"
_JOURNAL = re.compile(r"level\d+_sample_\d+\.(ids|blocks)")
# At most this share of the time is spent on syncing to the disk. On most disks this allows a sync
# after every block, so that a power cut loses one block.
_SYNCING_SHARE = 0.05
MAX_STEPS = 2**31 - 2**10  # of 16 bits, in the 4 GB of a WAV file


class Recording:
    """Writes the blocks of one generation; made by `record`.

    Args:
      directory: of the output.
      request: what is generated.
      settings: all settings that determine the clips.

    Attributes:
      rate: of the audio, Hz.
    """

    def __init__(self, directory: Path, request: Request, settings: Mapping[str, Any]) -> None:
        self._directory, self._request, self._settings = directory, request, settings
        self._names = settings["wavs"]
        self._wavs = list(map(growing, self._names))
        self.rate = request.chain.runs[-1].info.sample_rate
        widest = max(run.info.num_classes for run in request.chain.runs)
        self._unsynced: set[int] = set()
        self._synced, self._sync_secs = time.monotonic(), 0.0
        self._dtype = np.dtype("<u2" if widest <= 2**16 else "<i4")
        self._journals = [
            [
                Journal(directory / UNFINISHED / f"level{level}_sample_{index:03d}", self._dtype)
                for index in request.indices
            ]
            for level in reversed(range(len(request.chain.runs)))
        ]

    @property
    def prefixes(self) -> list[list[Sequence]]:
        """The ids that every level and clip begins with: generated before, or given."""
        given = self._request.prefixes or [[()] * self._request.num_items] * len(self._journals)
        return [
            [
                journal if len(journal) > len(piece) else piece
                for journal, piece in zip(*of, strict=True)
            ]
            for of in zip(self._journals, given, strict=True)
        ]

    @property
    def secs(self) -> float:
        """Seconds of audio so far, all clips together."""
        return sum(map(len, self._journals[-1])) / self.rate

    def take(self, block: Block) -> None:
        """Writes a block to disk; blocks of a clip must come in order, from the first."""
        if not (self._directory / UNFINISHED / COMMAND).exists():
            self._begin()
        for journals, parts in zip(self._journals, block.levels, strict=True):
            for part in parts:
                for row, item in enumerate(part.items):
                    journals[item].take(part, row)
        for item, audio in zip(block.items, block.audio, strict=True):
            write_wav_from(self._directory / self._wavs[item], block.start, audio, self.rate)
            self._unsynced.add(item)
        if self._sync_secs <= _SYNCING_SHARE * (time.monotonic() - self._synced):
            self._sync()

    def _sync(self) -> None:
        """Syncs to the disk: the journals first, from which the rest can be restored."""
        began = time.monotonic()
        for item in sorted(self._unsynced):
            for journals in self._journals:
                journals[item].sync()
            sync(self._directory / self._wavs[item])
        self._unsynced.clear()
        self._synced = time.monotonic()
        self._sync_secs = self._synced - began

    def _begin(self) -> None:
        """Writes the settings, once there is something to resume from."""
        text = json.dumps(self._settings, indent=1) + "\n"
        write_bytes_atomically(self._directory / UNFINISHED / COMMAND, text.encode())
        # Incomplete results of an earlier generation of the same command.
        for name in (REPORT, CODES):
            (self._directory / name).unlink(missing_ok=True)

    def finish(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """Writes codes and report, removes temporary files, and returns the report."""
        self._sync()
        request, top = self._request, len(self._journals) - 1
        written = self._directory / UNFINISHED / CODES
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            if request.codes is not None:
                rows, steps = [[codes] for codes in request.codes], request.codes.shape[1]
                self._write_rows(archive, f"level{top + 1}", rows, steps)
            for position, journals in enumerate(self._journals):
                rows = [journal.pieces() for journal in journals]
                self._write_rows(archive, f"level{top - position}", rows, len(journals[0]))
        sync(written)
        written.replace(self._directory / CODES)
        export(self._directory, self._names, self.rate, self._settings.get("normalize", False))
        report = {
            **self._settings,
            "sample_rate": self.rate,
            "checksums": {name: _checksum(self._directory / name) for name in self._names},
            "bits_of_what_was_drawn": [_bits(journals) for journals in self._journals],
            **results,
        }
        text = json.dumps(report, indent=1) + "\n"
        write_bytes_atomically(self._directory / REPORT, text.encode())
        _discard(self._directory / UNFINISHED)
        return report

    def _write_rows(
        self, archive: zipfile.ZipFile, name: str, rows: Sequence[Iterable[np.ndarray]], steps: int
    ) -> None:
        """Adds an array to an .npz file in pieces of its rows, so that it need not be in memory."""
        shape = (len(rows), steps)
        header = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for piece in itertools.chain.from_iterable(rows):
                file.write(piece.astype(self._dtype).tobytes())


@contextlib.contextmanager
def record(
    directory: Path, request: Request, settings: Mapping[str, Any], overwrite: bool = False
) -> Iterator[Recording | None]:
    """A recording of a generation; resumes an unfinished one of the same command.

    Args:
      directory: of the output; empty, or with results of the same command.
      request: what is generated.
      settings: all settings that determine the clips, with their names, "wavs".
      overwrite: whether the results of another command are replaced.

    Yields:
      The recording; None if it is finished already.

    Raises:
      UserError: if the directory holds results of another command, or another process writes there.
    """
    if request.num_steps > MAX_STEPS:
        hours = MAX_STEPS / request.num_steps * request.duration_secs / 3600
        raise UserError(f"a WAV file holds at most {hours:.1f} hours.")
    with exclusive(directory):
        unfinished, report = directory / UNFINISHED, read_report(directory / REPORT)
        names = settings["wavs"]
        own = dict.fromkeys([*names, *map(growing, names)])
        begun = read_report(unfinished / COMMAND)
        if report is not None and not differing(report, settings):
            damaged = _damaged(directory, names, request.num_steps, report.get("checksums"))
            if not damaged:
                _discard(unfinished)
                yield None
                return
            if begun is None:
                log.info(
                    f"{', '.join(damaged)} in {directory}: missing or damaged; generating all "
                    "clips again."
                )
        old = report if begun is None else begun
        if old is None or not is_report(old):
            # Files that are not listed in a report were not made by ada, and are never replaced.
            require_free(directory, "ada.sample", (*own, CODES, PAGE, REPORT))
        if old is not None and differing(old, settings):
            what = "unfinished clips" if begun is not None else "clips"
            what += f" of another command ({'; '.join(_described(old, settings)[:3])})"
            if not overwrite:
                raise UserError(
                    f"{directory} holds {what}: name another --output_dir, or --overwrite them."
                )
            log.info(f"Replacing {what} in {directory}.")
            begun = None
            listed = clips_of(old)
            # The report is removed last, so that the files are known as ours after a kill.
            for name in (CODES, PAGE, SHARED_PAGE, *map(growing, listed), *listed, REPORT):
                (directory / name).unlink(missing_ok=True)
            _discard(unfinished)
            require_free(directory, "ada.sample", own)
        if begun is None:
            _discard(unfinished)
        yield Recording(directory, request, settings)


def _bits(journals: Sequence[Journal]) -> float | None:
    """Mean -log2 p(id) of the generated ids of all clips; None if there are none."""
    generated, nats = map(sum, zip(*(journal.generated() for journal in journals), strict=True))
    return nats / generated / np.log(2.0) if generated else None


def _discard(unfinished: Path) -> None:
    """Removes the files that a generation resumes from, the settings first."""
    (unfinished / COMMAND).unlink(missing_ok=True)
    for path in unfinished.glob("*"):
        if path.name == CODES or _JOURNAL.fullmatch(path.name):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is not there, or holds something else
        unfinished.rmdir()


def _damaged(directory: Path, names: Sequence[str], num_steps: int, checksums: Any) -> list[str]:
    """Missing or damaged files of a finished generation."""
    known = checksums if isinstance(checksums, dict) else {}  # reports of before have none

    def is_whole(path: Path) -> bool:
        if not path.exists():
            return False
        if path.suffix == ".wav" and path.stat().st_size != wav_size(num_steps):
            return False
        return path.name not in known or _checksum(path) == known[path.name]

    wrong = [name for name in names if not is_whole(directory / name)]
    return wrong + [CODES] * (not (directory / CODES).exists())


def _checksum(path: Path) -> int:
    """CRC-32 of a file."""
    found = 0
    with path.open("rb") as file:
        while block := file.read(2**20):
            found = zlib.crc32(block, found)
    return found


def _described(old: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """The differences between the settings of two commands, for a message."""

    def difference(name: str) -> str:
        values = old.get(name), settings[name]
        if any(isinstance(value, (list, dict)) for value in values):
            return f"other {name}"
        return f"{name} {values[0]}, not {values[1]}"

    names = differing(old, settings)
    if "mode" in names:  # then most others differ, too
        names = ["mode"]
    # The names of clips follow from the other settings, except for their format.
    return list(map(difference, [name for name in names if name != "wavs"] or names))
