"""The output directory of a finished generation (`recording`), read to continue it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ada.generation.exports import is_clip_name
from ada.runs.chain import Chain
from ada.utils import npz
from ada.utils.errors import UsageError, UserError
from ada.utils.jsonable import parse_json

CODES, REPORT, PAGE = "codes.npz", "sample.json", "sample.html"


def run_identities(chain: Chain) -> list[dict[str, Any]]:
    """Run, checkpoint and digest of every level, top first."""
    return [run.identity(checkpoint) for run, checkpoint in zip(*chain, strict=True)]


class Results(NamedTuple):
    """An earlier generation.

    Attributes:
      directory: where it is.
      ids: int `[clips, steps]` by level, 0 the bottom.
      runs: identities of the runs that generated, top first (`Run.identity`).
      report: what `sample.json` holds.
    """

    directory: str
    ids: dict[int, np.ndarray]
    runs: list[dict[str, Any]]
    report: dict[str, Any]

    @property
    def clips(self) -> list[int]:
        """The indices of its clips."""
        return self.report.get("clips") or list(range(len(self.ids[0])))

    @classmethod
    def load(cls, directory: str) -> "Results":
        """Reads an output directory.

        Raises:
          UserError: if it is not one, or is incomplete.
        """
        report = read_report(Path(directory) / REPORT)
        if report is None:
            raise UserError(f"{directory} holds no results of ada.sample (no {REPORT}).")
        ids = _numbered(_load_arrays(Path(directory) / CODES))
        if 0 not in ids or not _are_identities(report.get("runs")):
            lacks = "run identities in sample.json" if 0 in ids else f"the bottom's ids in {CODES}"
            raise UserError(f"{directory} lacks {lacks}, which ada.sample writes: sample it again.")
        clips = report.get("clips")
        if clips and not _are_clips(clips, len(ids[0])):
            raise UserError(f'{directory}/{REPORT} is damaged: "clips" are not numbers of clips.')
        return cls(directory, ids, report["runs"], report)

    def require_same_runs(self, chain: Chain) -> None:
        """Raises UserError unless a chain is the one that generated, with the same checkpoints."""
        if len(self.runs) != len(chain.runs):
            raise UserError(
                f"{self.directory} was made by {len(self.runs)} levels, --run_dirs has "
                f"{len(chain.runs)}: give the same."
            )
        for before, present in zip(self.runs, run_identities(chain), strict=True):
            self._require_same(before, present)

    def require_same_decoder(self, chain: Chain) -> None:
        """Raises UserError unless the top of a chain is the decoder that was used before."""
        level = len(chain.runs)
        if level <= len(self.runs):
            self._require_same(self.runs[-level], run_identities(chain)[0])

    def _require_same(self, before: Mapping[str, Any], present: Mapping[str, Any]) -> None:
        if before["digest"] != present["digest"]:
            raise UserError(
                f"{self.directory} was made with checkpoint {before['digest']} of "
                f"{before['run_dir']}, {present['run_dir']} is at {present['digest']} "
                f"({present['checkpoint']}): give the same --run_dirs and --checkpoint."
            )

    def codes(self, level: int) -> np.ndarray:
        """Codes of a level, int32 `[clips, steps]`.

        Raises:
          UsageError: if there are none.
        """
        return _as_int32(_level(self.ids, level, self.directory), self.directory)


def load_codes(path: str, level: int) -> np.ndarray:
    """Codes of a level from a file: the array `levelN`, or the only one if it has another name.

    Returns:
      int32 `[clips, steps]`.

    Raises:
      UsageError: if that level is not there, or the array has another shape.
      UserError: if the file cannot be read.
    """
    arrays = _load_arrays(Path(path))
    levels = _numbered(arrays)
    if not levels and len(arrays) == 1:
        levels = {level: next(iter(arrays.values()))}
    return _as_int32(np.atleast_2d(_level(levels, level, path)), path)


def _as_int32(codes: np.ndarray, where: str) -> np.ndarray:
    """Codes as int32; raises UsageError for other arrays, or values out of range."""
    if codes.ndim != 2 or not codes.size or codes.dtype.kind not in "iu":
        raise UsageError(
            f"{where}: codes must be whole numbers [clips, steps], got {codes.dtype} of shape "
            f"{list(codes.shape)}"
        )
    lowest, highest = int(codes.min()), int(codes.max())
    if lowest < 0 or highest >= 2**31:
        raise UsageError(f"{where}: the codes run from {lowest} to {highest}, which none do")
    return codes.astype(np.int32)


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file; raises UserError for other files."""
    try:
        return dict(npz.load(path))
    except npz.NOT_NPZ as error:
        message = str(error).rstrip(".") or repr(error)
        raise UserError(f"{path} cannot be read as codes (.npz): {message}.") from error


def _numbered(arrays: Mapping[str, np.ndarray]) -> dict[int, np.ndarray]:
    """The arrays called `level0`, `level1`, ... by number."""
    matches = [(re.fullmatch(r"level(\d+)", name), array) for name, array in arrays.items()]
    return {int(match[1]): array for match, array in matches if match}


def _level(levels: Mapping[int, np.ndarray], level: int, where: str) -> np.ndarray:
    if level not in levels:
        there = ", ".join(f"level{n}" for n in sorted(levels)) or "no level"
        raise UsageError(
            f"{where} holds {there}; the autoencoders of --run_dirs decode level{level}"
        )
    return levels[level]


def read_report(path: Path) -> dict[str, Any] | None:
    """A report; empty for a file of something else, None if there is no file."""
    try:
        report = parse_json(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def is_report(report: Mapping[str, Any]) -> bool:
    """Whether a report is that of a generation, finished or not."""
    return bool(clips_of(report)) and clips_of(report) == report["wavs"]


def differing(report: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """The names of settings that differ from a report, compared as JSON values."""
    plain = json.loads(json.dumps(settings))
    return [name for name, value in plain.items() if report.get(name) != value]


def clips_of(report: Mapping[str, Any] | None) -> list[str]:
    """The names of clips in a report, without anything that is not a valid name."""
    wavs = (report or {}).get("wavs")
    listed = wavs if isinstance(wavs, list) else []
    return list(filter(is_clip_name, listed))


def _are_clips(clips: Any, count: int) -> bool:
    """Whether something read from a report holds the numbers of `count` clips."""
    return (
        isinstance(clips, list)
        and len(clips) == count
        and all(type(clip) is int and 0 <= clip < 2**31 for clip in clips)
    )


def _are_identities(runs: Any) -> bool:
    """Whether a value from a report has the form of `run_identities`."""
    return isinstance(runs, list) and all(
        isinstance(run, dict) and {"run_dir", "digest"} <= run.keys() for run in runs
    )
