"""Gradient checkpointing: activations are recomputed in the backward pass instead of stored."""

from collections.abc import Callable

import tensorflow as tf


def recomputed(function: Callable, recompute: bool = True) -> Callable:
    """The function, but its gradient calls it again if `recompute` (Chen et al. 2016).

    Then only its arguments and results are stored for the backward pass.
    """
    return tf.recompute_grad(function) if recompute else function
