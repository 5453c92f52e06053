"""A folder that holds a whole system: its `system.json` names the run directories.

    {"run_dirs": ["prior_hop64", "hop64_vqvae"]}

Commands take the folder's name for those of the runs (`ada.sample --run_dirs=runs/mine`).
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from ada.utils.errors import UserError
from ada.utils.files import write_text_atomically
from ada.utils.jsonable import parse_json

FILE = "system.json"


def write_system(folder: Path, run_dirs: Sequence[str]) -> None:
    """Writes `system.json` of a folder.

    Args:
      folder: it is made.
      run_dirs: top first; those within the folder are written relative to it, so that it can be
        moved. Runs of pretrained systems (`piano_notes/hop64_vqvae`) are written as they are.
    """
    named = [os.path.relpath(d, folder) if Path(d).exists() else d for d in run_dirs]
    text = json.dumps({"run_dirs": named}) + "\n"
    write_text_atomically(str(folder / FILE), text)


def read_system(folder: str | Path) -> list[str] | None:
    """The run directories of the system that a folder holds, top first; None if it holds none.

    Raises:
      UserError: if the file is damaged.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        found = parse_json(path.read_text("utf-8"))
        named = found["run_dirs"]
    except (OSError, ValueError, TypeError, KeyError):
        named = None
    if not isinstance(named, list) or not named or not all(isinstance(n, str) for n in named):
        raise UserError(f"{path} does not name run directories.")
    inside = [os.path.normpath(Path(folder) / name) for name in named]
    return [there if Path(there).exists() else n for n, there in zip(named, inside, strict=True)]


def resolve(run_dirs: Sequence[str]) -> list[str]:
    """Run directories as they are, or those of a folder that holds a system, if it is given."""
    if len(run_dirs) == 1 and (found := read_system(run_dirs[0])):
        return found
    return list(run_dirs)
