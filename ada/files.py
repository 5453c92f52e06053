"""Local files that appear whole or not at all, and directories that workers find as well."""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

from ada.errors import UserError


def absolute(directory: str) -> str:
    """A local directory from the root, links kept as they are; one with a scheme as it is."""
    return directory if "://" in directory else str(Path(directory).absolute())


def require_local(path: str | os.PathLike) -> None:
    """Refuses a path with a scheme where only local ones will do.

    Raises:
      UserError: naming it.
    """
    # A `pathlib.Path` made of it has one slash left. A single letter is a drive.
    if re.match(r"[A-Za-z][\w+.-]+:/", str(path)):
        raise UserError(
            f"{path}: only datasets and audio to prepare may have a scheme; name a directory on a "
            "local or mounted disk."
        )


def write_bytes_atomically(path: str | os.PathLike, contents: bytes) -> None:
    """Writes a local file under another name first, so that an interrupted run leaves no half.

    Directories above it are made.
    """
    require_local(path)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(contents)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(*directories: str | os.PathLike, wait_secs: float = 0.0) -> Iterator[None]:
    """Within the context, no other process has any of some directories; they are made.

    Directories with a scheme, such as gs://, are not guarded.

    Args:
      directories: to be had.
      wait_secs: how long to wait for another that has one.

    Raises:
      UserError: if another has one.
    """
    with contextlib.ExitStack() as stack:
        local = [Path(d).resolve() for d in directories if "://" not in str(d)]
        for directory in dict.fromkeys(local):
            directory.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(filelock.FileLock(directory / ".lock", timeout=wait_secs))
            except filelock.Timeout:
                raise UserError(
                    f"another process is at work in {directory}: wait for it, or use another."
                ) from None
        yield
