"""A marker file that lists the files of a command in a directory, which it may replace.

    {"made_by": "ada.export", "files": ["saved_model.pb", ...]}

Directories of before there were markers are known by what is in them.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ada.utils.errors import UserError
from ada.utils.files import write_bytes_atomically
from ada.utils.jsonable import parse_json

MARKER = ".made_by_ada"


def mark(directory: Path, command: str, files: Sequence[str] = ()) -> None:
    """Marks a directory, or files in it by their relative paths, as made by a command."""
    text = json.dumps({"made_by": command, "files": sorted(files)}) + "\n"
    write_bytes_atomically(directory / MARKER, text.encode())


def marked(directory: Path, command: str) -> list[str] | None:
    """The files that a command says it has made in a directory; None where it says nothing."""
    with contextlib.suppress(OSError, ValueError):
        found = parse_json((directory / MARKER).read_text("utf-8"))
        if isinstance(found, dict) and found.get("made_by") == command:
            named = found.get("files")
            listed = named if isinstance(named, list) else []
            return [name for name in listed if isinstance(name, str) and _is_within(name)]
    return None


def claim(
    directory: Path, command: str, names: Iterable[str], is_own: Callable[[Path], bool]
) -> None:
    """Marks a directory as a command's own; it is made.

    Args:
      directory: where the command is going to write.
      command: its module.
      names: of what it writes there; it may replace them from then on.
      is_own: whether a directory without a marker is the command's, of before there were markers.

    Raises:
      UserError: if one of the names is taken by something else.
    """
    refuse_others(directory, command, names, is_own)
    if marked(directory, command) is None:
        mark(directory, command)


def refuse_others(
    directory: Path, command: str, names: Iterable[str], is_own: Callable[[Path], bool]
) -> None:
    """Raises UserError where `claim` would; writes nothing."""
    if marked(directory, command) is None and not is_own(directory):
        require_free(directory, command, names)


def require_free(directory: Path, command: str, names: Iterable[str]) -> None:
    """Raises UserError if one of some names is taken in a directory."""
    taken = next((name for name in names if (directory / name).exists()), None)
    if taken is not None:
        raise UserError(
            f"{directory / taken} was not made by {command}: name another directory, or move it "
            "away."
        )


def require_replaceable(directory: Path, command: str, names_before: str) -> None:
    """Checks that a directory contains only files that a command has made.

    Args:
      directory: that is to be replaced as a whole; may be missing.
      command: its module.
      names_before: a regular expression of the paths in such a directory of before there were
        markers.

    Raises:
      UserError: naming what is there.
    """
    made = marked(directory, command)
    there = [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()]
    if directory.exists() and not directory.is_dir():
        there = [directory]
    for path in sorted(there):
        name = path.relative_to(directory).as_posix()
        is_own = re.fullmatch(names_before, name) if made is None else name in (*made, MARKER)
        if not is_own:
            raise UserError(
                f"{path} was not made by {command}, and {directory} would be replaced: name "
                "another directory, or move it away."
            )


def remove_made(directory: Path, command: str) -> None:
    """Removes the files that a command says it has made in a directory, and nothing else."""
    for name in marked(directory, command) or ():
        (directory / name).unlink(missing_ok=True)


def files_in(directory: Path) -> list[str]:
    """The paths, in a directory, of all files below it."""
    return [p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()]


def _is_within(name: str) -> bool:
    parts = Path(name).parts
    return bool(parts) and "\0" not in name and not Path(name).is_absolute() and ".." not in parts
