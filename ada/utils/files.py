"""Files and directories, local and with a scheme; local ones that appear whole or not at all.

TensorFlow, which reaches those with a scheme (`gs://`), is imported only for them.
"""

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

from ada.utils.errors import UserError, first_line


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path has a scheme, such as `gs://`."""
    return "://" in str(path)


def absolute(directory: str) -> str:
    """A local directory from the root, links kept as they are; one with a scheme as it is."""
    return directory if is_remote(directory) else str(Path(directory).absolute())


def exists(path: str) -> bool:
    """Whether there is a file or directory."""
    if not is_remote(path):
        return os.path.exists(path)  # noqa: PTH110 - pathlib's raises for what may not be read
    import tensorflow as tf

    return tf.io.gfile.exists(path)


def is_dir(path: str) -> bool:
    """Whether there is a directory."""
    if not is_remote(path):
        return os.path.isdir(path)  # noqa: PTH112
    import tensorflow as tf

    return tf.io.gfile.isdir(path)


def read_bytes(path: str) -> bytes:
    """What is in a file.

    Raises:
      OSError: if it cannot be read.
    """
    if not is_remote(path):
        return Path(path).read_bytes()
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()
    except tf.errors.OpError as error:
        raise OSError(first_line(error)) from error


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
        local = [Path(d).resolve() for d in directories if not is_remote(d)]
        for directory in dict.fromkeys(local):
            directory.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(filelock.FileLock(directory / ".lock", timeout=wait_secs))
            except filelock.Timeout:
                raise UserError(
                    f"another process is at work in {directory}: wait for it, or use another."
                ) from None
        yield
