"""Local files that appear whole or not at all, and directories that workers find as well."""

import os
import uuid
from pathlib import Path


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
