"""Local files that appear whole or not at all, and directories that workers find as well."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

from ada.errors import UserError


def absolute(directory: str) -> str:
    """A local directory from the root, links kept as they are; one with a scheme as it is."""
    return directory if "://" in directory else str(Path(directory).absolute())


def write_bytes_atomically(path: str | os.PathLike, contents: bytes) -> None:
    """Writes a local file under another name first, so that an interrupted run leaves no half.

    Directories above it are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(contents)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(*directories: str | os.PathLike) -> Iterator[None]:
    """Within the context, no other process has any of some directories; they are made.

    Directories with a scheme, such as gs://, are not guarded.

    Raises:
      UserError: if another has one.
    """
    with contextlib.ExitStack() as stack:
        local = [Path(d).resolve() for d in directories if "://" not in str(d)]
        for directory in dict.fromkeys(local):
            directory.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(filelock.FileLock(directory / ".lock", timeout=0))
            except filelock.Timeout:
                raise UserError(
                    f"another process is at work in {directory}: wait for it, or use another."
                ) from None
        yield
