"""Small pretrained systems that come with the package, each a folder of run directories.

Their names stand wherever run directories are given: `piano_hop64` for a whole chain,
`piano_hop64/hop64_vqvae` for one of its runs (to start from: `ada.train --init_from`). What each
was trained on, what it reaches and what it cannot do says its `card.md`.
"""

import json
from pathlib import Path

from ada.utils.errors import UserError

_HERE = Path(__file__).parent
CARD = "card.md"


def names() -> list[str]:
    """Names of the pretrained systems."""
    return sorted(card.parent.name for card in _HERE.glob(f"*/{CARD}"))


def run_dirs(name: str) -> list[str]:
    """Run directories of a pretrained system, top first.

    Raises:
      UserError: if there is none of that name.
    """
    if name not in names():
        level = "; single runs go to --run_dirs or --init_from" if "/" in name else ""
        raise UserError(f"there is no pretrained {name!r}, but {', '.join(names())}{level}.")
    hops = {
        path.parent: json.loads(path.read_text("utf-8"))["hop_length"]
        for path in (_HERE / name).glob("*/run.json")
    }
    return [str(path) for path in sorted(hops, key=hops.__getitem__, reverse=True)]


def resolve(run_dir: str) -> str:
    """A run directory as it is, or that of a pretrained system if it is not there but names one."""
    system, _, level = run_dir.rstrip("/").partition("/")
    if not Path(run_dir).exists() and level and system in names():
        found = _HERE / system / level
        if (found / "run.json").exists():
            return str(found)
    return run_dir


def is_packaged(run_dir: str) -> bool:
    """Whether a run directory is one of the package's own."""
    return Path(resolve(run_dir)).resolve().is_relative_to(_HERE.resolve())


def resolve_chain(directories: list[str]) -> list[str]:
    """Run directories, top first; the name of a pretrained system stands for all of its own.

    Those of single runs are resolved by `Run.open`.
    """
    name = directories[0].rstrip("/") if len(directories) == 1 else ""
    return run_dirs(name) if name in names() and not Path(name).exists() else list(directories)
