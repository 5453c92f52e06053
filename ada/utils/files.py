"""Files and directories, local and with a scheme; local ones that appear whole or not at all.

TensorFlow, which reaches those with a scheme (`gs://`), is imported only for them.
"""

import contextlib
import errno
import fcntl
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ada.utils import log
from ada.utils.errors import UserError, first_line

# Errors of network file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
_POLL_SECS = 0.1


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path has a scheme, such as `gs://`."""
    return "://" in str(path)


def expanded(path: str) -> str:
    """A path with `~` and `~user` expanded, unless there is something of that very name."""
    if is_remote(path) or os.path.lexists(path):
        return path
    return os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for users that it does not know


def absolute(directory: str) -> str:
    """A local directory from the root, links kept as they are; one with a scheme as it is."""
    return directory if is_remote(directory) else str(Path(directory).absolute())


def join(directory: str, name: str) -> str:
    """A path below a directory, for local paths and for those with a scheme (`gs://`)."""
    return str(directory).rstrip("/") + "/" + name if str(directory) != "/" else "/" + name


def exists(path: str) -> bool:
    """Whether there is a file or directory."""
    if not is_remote(path):
        return os.path.exists(path)  # noqa: PTH110 - pathlib's raises for what may not be read
    import tensorflow as tf

    return tf.io.gfile.exists(path)


def can_be_read(path: str) -> bool:
    """Whether there is a file or directory that this process may open."""
    return exists(path) if is_remote(path) else os.access(path, os.R_OK)


def is_dir(path: str) -> bool:
    """Whether there is a directory."""
    if not is_remote(path):
        return os.path.isdir(path)  # noqa: PTH112
    import tensorflow as tf

    return tf.io.gfile.isdir(path)


def read_bytes(path: str) -> bytes:
    """The content of a file.

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
    """Checks that a path is local, without a scheme.

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
        # Else the name may be on the disk before what it names, when the power fails.
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(path: str, text: str) -> None:
    """Writes a small file so that readers see the old or the new one, never a part.

    Directories above it are made. What is not UTF-8, as names of files may be, is escaped.
    """
    contents = text.encode("utf-8", "backslashreplace")
    if not is_remote(path):
        write_bytes_atomically(path, contents)
        return
    import tensorflow as tf

    if "/" in path:
        tf.io.gfile.makedirs(path.rsplit("/", 1)[0] or "/")
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    try:
        with tf.io.gfile.GFile(temporary, "wb") as file:
            file.write(contents)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(temporary)
        raise


def sync(path: str | os.PathLike) -> None:
    """Waits until what was written to a local file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # nor do they know how to sync
            raise
    finally:
        os.close(descriptor)


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
            stack.enter_context(_locked(directory, time.monotonic() + wait_secs))
        yield


@contextlib.contextmanager
def _locked(directory: Path, deadline: float) -> Iterator[None]:
    """Within the context, this process has the lock of a directory."""
    with (directory / ".lock").open("a") as file:
        while not _lock(file, directory):
            if time.monotonic() >= deadline:
                raise UserError(
                    f"another process is at work in {directory}: wait for it, or use another."
                )
            time.sleep(_POLL_SECS)
        try:
            yield
        finally:
            # Closing is not enough: processes that were forked meanwhile have the file, too.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


def _lock(file: TextIO, directory: Path) -> bool:
    """Whether nobody else has the lock; it is ours from now on, until the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        log.warning(
            f"{directory} is on a file system without locks ({error.strerror}): see to it that no "
            "other process works there."
        )
    return True
