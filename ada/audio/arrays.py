"""One formula for NumPy arrays and tensors."""

import sys
from types import ModuleType
from typing import Any

import numpy as np


def array_module(x: Any) -> ModuleType:
    """Returns `tf.experimental.numpy` for a tensor, `numpy` for anything else.

    TensorFlow is never imported for this: without it there are no tensors, and the processes that
    prepare data start fast.
    """
    tf = sys.modules.get("tensorflow")
    # A module that is still being imported by another thread has no `is_tensor` yet.
    if tf is not None and getattr(tf, "is_tensor", lambda _: False)(x):
        return tf.experimental.numpy
    return np
