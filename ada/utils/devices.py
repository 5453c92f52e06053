"""Devices of TensorFlow."""

import contextlib

import tensorflow as tf


def use_memory_as_needed() -> None:
    """Makes TensorFlow allocate GPU memory as needed, so that other processes can use the rest.

    This must be called before GPUs are used; later it has no effect.
    """
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
