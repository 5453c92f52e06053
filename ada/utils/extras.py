"""Packages that not everyone needs: where one is missing, one line says which, and its extra."""

import contextlib
import importlib.util
from collections.abc import Iterator

from ada.utils.errors import UserError


def how_to_install(extra: str, *packages: str) -> str:
    """The message for missing packages of an extra (`setup.py`)."""
    verb = "is" if len(packages) == 1 else "are"
    names = " and ".join(packages)
    return f"{names} {verb} not installed: in the clone, pip install -e '.[{extra}]'."


def require(extra: str, *packages: str) -> None:
    """Raises UserError if some packages are missing; imports none."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise UserError(how_to_install(extra, *missing))


@contextlib.contextmanager
def needed(extra: str) -> Iterator[None]:
    """Imports within the context are of an extra: if one fails, it raises UserError."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(how_to_install(extra, (error.name or "a package").split(".")[0])) from error
