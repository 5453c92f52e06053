"""Devices of TensorFlow."""

import contextlib

import tensorflow as tf


def use_memory_as_needed() -> None:
    """Lets GPUs take memory as it is needed, not all of it at once; others can share them.

    This must be set before TensorFlow uses them; later it changes nothing.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
