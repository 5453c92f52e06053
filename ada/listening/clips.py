"""The clips of a listening test, as files: found by system, read, distinguished by their sound."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ada.audio import AudioError, pcm16, read_audio, stream_audio
from ada.utils.errors import UsageError, UserError
from ada.utils.files import require_local

# Left in a directory by an ada.sample that has not finished: its clips still grow.
_UNFINISHED = ".unfinished"
_KINDS = (".wav", ".flac", ".mp3")  # what ada.sample makes


class Clip(NamedTuple):
    """A clip of a system.

    Attributes:
      system: its name.
      name: of the file.
      path: where it is.
    """

    system: str
    name: str
    path: Path

    def read(self) -> tuple[np.ndarray, int]:
        """Returns mono audio `[samples]` and its sample rate, as the file has it.

        Raises:
          UserError: the file cannot be read.
        """
        try:
            with stream_audio(self.path, sample_rate=1) as stream:
                rate = stream.source_sample_rate
            return read_audio(self.path, rate), rate
        except AudioError as error:
            raise UserError(f"{error}. Remove the file, or make it again.") from error


def digest(audio: np.ndarray, sample_rate: int) -> str:
    """Tells clips apart by their sound, whatever else their files hold."""
    content = hashlib.sha256(str(sample_rate).encode())
    content.update(pcm16(audio).astype("<i2").tobytes())
    return content.hexdigest()


def find_clips(samples: Sequence[str]) -> list[Clip]:
    """Finds the clips of all systems.

    Args:
      samples: each a directory that holds one folder a system, or `name=directory` of one. A
        system's clips are in its folder, or in `samples/` in there as ada.pipeline leaves
        them. Folders without any are ignored.

    Returns:
      Clips by system, in the order given, then by name.

    Raises:
      UserError: there are none, or what is there cannot be used.
    """
    folders: dict[str, Path] = {}
    for item in samples:
        for system, folder in _systems(item):
            if system in folders:
                raise UsageError(
                    f"--samples: two systems are called {system}: name one, as in other={folder}"
                )
            folders[system] = folder
    clips = []
    for system, folder in folders.items():
        if (folder / _UNFINISHED).exists():
            raise UserError(f"{folder} is not finished: give its ada.sample command again first.")
        clips += [Clip(system, path.name, path) for path in _wavs(folder)]
    for clip in clips:
        try:
            f"{clip.system}/{clip.name}".encode()
        except UnicodeEncodeError:
            raise UserError(f"{clip.path}: the name is not UTF-8: rename it.") from None
    return clips


def _systems(item: str) -> list[tuple[str, Path]]:
    """The names and folders that an item of `samples` stands for."""
    named = re.fullmatch(r"([^=/]+)=(.+)", item)
    if named and not Path(item).is_dir():
        system, directory = named[1].strip(), _existing(named[2])
        folder = _with_wavs(directory)
        if folder is None:
            raise UserError(f"{directory} holds no clips: name the --output_dir of ada.sample.")
        return [(system, folder)]
    directory = _existing(item)
    inside = sorted(p for p in directory.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = [(path.name, folder) for path in inside if (folder := _with_wavs(path))]
    if not found:
        hint = f"give --samples=name={item}" if _wavs(directory) else "name another --samples"
        raise UserError(f"{directory} holds no folders with clips, one of each system: {hint}.")
    return found


def _existing(directory: str) -> Path:
    require_local(directory)
    path = Path(directory)
    if not path.is_dir():
        raise UserError(f"{directory} is not a directory: name another --samples.")
    return path


def _with_wavs(directory: Path) -> Path | None:
    """The folder of a system that its clips are in."""
    return next((d for d in (directory, directory / "samples") if _wavs(d)), None)


def _wavs(directory: Path) -> list[Path]:
    return sorted(
        path
        for path in directory.glob("*")
        if path.suffix.lower() in _KINDS and path.is_file() and not path.name.startswith(".")
    )
