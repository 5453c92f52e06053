"""The files of checkpoints: which there are, and whether TensorFlow can read them."""

from pathlib import Path


def unreadable() -> tuple[type[Exception], ...]:
    """What TensorFlow raises for a checkpoint that is damaged or of another model."""
    import tensorflow as tf

    return AssertionError, ValueError, LookupError, tf.errors.OpError


def has_index(path: str) -> bool:
    """Whether the index of a checkpoint is whole."""
    import tensorflow as tf

    try:
        tf.train.load_checkpoint(path)
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
