"""Activations that are recomputed in the backward pass instead of kept."""

from collections.abc import Callable

import tensorflow as tf


def recomputed(function: Callable, recompute: bool = True) -> Callable:
    """A function of tensors whose gradient calls it again (Chen et al. 2016), if asked to.

    Only its arguments and results are kept in between.
    """
    return tf.recompute_grad(function) if recompute else function
