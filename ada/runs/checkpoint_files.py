"""The files of checkpoints: which there are, and reading and writing them by their names.

TensorFlow takes a path to a checkpoint for a pattern: in a directory called `run[1]` it finds none,
and what it removes may be that of `run1`. Here paths are names.
"""

import contextlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ada.utils.files import sync, write_bytes_atomically

if TYPE_CHECKING:
    import tensorflow as tf

# The folder, among the checkpoints of a run, of the best one by validation.
BEST = "best"
# TensorFlow's list of the checkpoints in a directory.
LIST = "checkpoint"
_MAGIC = re.compile(r"[][*?\\]")
# One that another process removes meanwhile is looked for again, this number of times at most.
_LOOKS = 10
_Found = TypeVar("_Found")


def unreadable() -> tuple[type[Exception], ...]:
    """Exceptions of TensorFlow for a checkpoint that is damaged or of another model."""
    import tensorflow as tf

    return AssertionError, ValueError, LookupError, tf.errors.OpError


@contextlib.contextmanager
def _named_plainly(path: str) -> Iterator[str]:
    """A path to the same, in which TensorFlow finds nothing of a pattern."""
    if not _MAGIC.search(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ada_") as folder:
        link = Path(folder) / "directory"
        link.symlink_to(Path(path).parent.absolute(), target_is_directory=True)
        yield str(link / Path(path).name)


def restore(checkpoint: "tf.train.Checkpoint", path: str) -> Any:
    """`checkpoint.restore(path)`; what it restores has to be built."""
    with _named_plainly(path) as plain:
        return checkpoint.restore(plain)


def write(checkpoint: "tf.train.Checkpoint", path: str) -> None:
    """`checkpoint.write(path)`, and waits until it is on the disk; directories are made."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with _named_plainly(path) as plain:
        checkpoint.write(plain)
    for file in files(path):
        sync(file)


def write_list(directory: str, paths: Sequence[str]) -> None:
    """Writes TensorFlow's list for other programs, by names: the directory may be moved.

    Args:
      directory: of the checkpoints.
      paths: their prefixes, the newest last.
    """
    names = [json.dumps(Path(path).name) for path in paths]
    lines = [f"model_checkpoint_path: {names[-1]}"]
    lines += [f"all_model_checkpoint_paths: {name}" for name in names]
    write_bytes_atomically(Path(directory) / LIST, "\n".join([*lines, ""]).encode())


def files(path: str) -> list[Path]:
    """The files of a checkpoint, its index first."""
    folder, name = Path(path).parent, Path(path).name
    return sorted(folder.glob(f"{name}.*"), key=lambda file: (file.suffix != ".index", file))


def remove(path: str) -> None:
    """Removes a checkpoint: its index first, so that what is left is none."""
    for file in files(path):
        file.unlink(missing_ok=True)


def has_index(path: str) -> bool:
    """Whether the index of a checkpoint is whole."""
    import tensorflow as tf

    try:
        with _named_plainly(path) as plain:
            tf.train.load_checkpoint(plain)
    except unreadable():
        return False
    return True


def existing_checkpoints(directory: str) -> list[str]:
    """Path prefixes of the checkpoints in a directory, newest first.

    Their names tell, not TensorFlow's list of them (`checkpoint`), which may be damaged on its own.
    """
    steps = [
        int(path.stem.removeprefix("ckpt-"))
        for path in Path(directory).glob("ckpt-*.index")
        if path.stem.removeprefix("ckpt-").isdecimal()
    ]
    return [str(Path(directory) / f"ckpt-{step}") for step in sorted(steps, reverse=True)]


def all_checkpoints(directory: str) -> list[str]:
    """Those of a run and its best one, newest first: each holds all that training needs."""
    found = existing_checkpoints(directory) + existing_checkpoints(str(Path(directory) / BEST))
    return sorted(found, key=step_of, reverse=True)


def step_of(path: str) -> int:
    """The step of a checkpoint."""
    return int(path.rsplit("-", 1)[1])


def read_newest(find: Callable[[], str], read: Callable[[str], _Found]) -> _Found:
    """The result of `read` for the checkpoint that `find` finds.

    A training that goes on meanwhile removes older ones: then there is a newer one to read.
    """
    for _ in range(_LOOKS):
        path = find()
        try:
            return read(path)
        except (OSError, *unreadable()):
            if Path(f"{path}.index").exists():
                raise
    return read(find())
