"""Sampling values of a run that sound best: `sampling.json` in its run directory.

    {"temperature": 1.0, "top_k": 0, "top_p": 0.8}

They are the defaults of all commands that sample; flags take precedence, each over its own value.
A value that the file does not name, or a run without the file, has 1, 0 and 1. A run that starts
from the weights of another (`--init_from`) begins with the values of its file.
"""

import dataclasses
import json
from pathlib import Path

from ada import pretrained
from ada.utils import log
from ada.utils.errors import UserError, first_line
from ada.utils.files import write_bytes_atomically
from ada.utils.jsonable import from_jsonable, parse_json, to_jsonable

FILE = "sampling.json"
# Limits of float32 and of the kernel in C.
_MOST = {"temperature": 1e30, "top_k": 2**31 - 1}


@dataclasses.dataclass(frozen=True)
class SamplingValues:
    """How one level is sampled, apart from the seed.

    Attributes:
      temperature: logits are divided by it.
      top_k: number of likeliest ids kept; 0 keeps all.
      top_p: probability up to which the likeliest ids are kept; 1 keeps all.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not in_range(name, value):
                raise ValueError(f"{name} is out of range, found {value}")


def in_range(name: str, value: float) -> bool:
    """Whether a number can be the value of that name."""
    if name == "top_p":
        return 0 < value <= 1
    return 0 <= value <= _MOST[name]


def read(run_dir: str) -> tuple[SamplingValues, frozenset[str]]:
    """The values of a run, and the names of those that its file states.

    Raises:
      UserError: if the file cannot be used; the message names it.
    """
    path = Path(run_dir) / FILE
    try:
        found = parse_json(path.read_text("utf-8"))
        return from_jsonable(SamplingValues, found), frozenset(found)
    except FileNotFoundError:
        return SamplingValues(), frozenset()
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be used: {first_line(error).rstrip('.')}. Correct it or remove it."
        ) from error


def write(run_dir: str, values: SamplingValues) -> None:
    """Makes values the defaults of a run."""
    text = json.dumps(to_jsonable(values)) + "\n"
    write_bytes_atomically(Path(run_dir) / FILE, text.encode())


def take_over(source: str, run_dir: str) -> None:
    """Makes the values that another run's file states the defaults of a run that has no file.

    Args:
      source: a run directory, or that of a pretrained system, whose weights the run starts from.
      run_dir: directory of the run; may not exist yet.

    Raises:
      UserError: if the file of `source` cannot be used.
    """
    source = pretrained.resolve(source)
    values, names = read(source)
    own = Path(run_dir) / FILE
    if not names or own.exists():
        return
    own.parent.mkdir(parents=True, exist_ok=True)
    write(run_dir, values)
    log.info(f"Sampling values of {source} are now those of {run_dir} ({FILE}).")


def require_writable(run_dir: str) -> None:
    """Raises UserError for a run that comes with the package."""
    if pretrained.is_packaged(run_dir):
        raise UserError(
            f"{run_dir} comes with the package: its {FILE} is not written; copy the run directory "
            "and name the copy by --run_dirs."
        )
