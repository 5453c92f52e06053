"""Checks of the arguments of samplers, before native code: each raises ValueError.

For symbolic tensors, which have no values yet, only shapes and types are checked.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Array = tf.Tensor | np.ndarray
_INT32 = np.iinfo(np.int32)


def whole(name: str, value: Any, least: int, most: int = _INT32.max) -> int:
    """A whole number in a range, both ends included."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:
        raise ValueError(
            f"{name} must be a whole number of at least {least} and at most {most}, got "
            f"{_shown(value)}."
        )
    return int(value)


def check_temperature(value: Any) -> None:
    """Raises ValueError unless it is a finite number of at least 0, or a scalar tensor."""
    if tf.is_symbolic_tensor(value) and value.shape.rank in (0, None):
        return
    found = _array("temperature", value, [])
    if found.dtype.kind not in "fiu" or not 0 <= found <= np.finfo(np.float32).max:
        raise ValueError(f"temperature must be a finite number of at least 0, got {_shown(value)}.")


def check_top_p(value: Any) -> None:
    """Raises ValueError unless it is a probability above 0."""
    if not isinstance(value, int | float | np.number) or not 0.0 < value <= 1.0:
        raise ValueError(f"top_p must be in (0, 1], got {_shown(value)}.")


def check_array(
    name: str,
    values: Any,
    shape: Sequence[int | None],
    kinds: str,
    least: float = -math.inf,
    most: float = math.inf,
) -> None:
    """Raises ValueError for an array of the wrong shape, type or range.

    Args:
      name: for the message.
      values: an array, a tensor or nested lists.
      shape: with None for dimensions of any size.
      kinds: allowed values of `numpy.dtype.kind`, or the name of the only dtype.
      least: smallest value.
      most: largest value; NaN is allowed only if there are no limits.
    """
    if tf.is_symbolic_tensor(values):
        if not values.shape.is_compatible_with(shape):
            raise ValueError(f"{name} must have shape {[*shape]}, got {values.shape}.")
        return
    found = _array(name, values, shape)
    if found.dtype.kind not in kinds and found.dtype.name != kinds:
        raise ValueError(f"{name} must not be of type {found.dtype}.")
    if math.isinf(least) and math.isinf(most):
        return
    wrong = found[~((found >= least) & (found <= most))]
    if wrong.size:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, got {wrong.flat[0]}.")


def _shown(value: Any) -> str:
    """A value in one short line."""
    return " ".join(repr(value).split())[:60]


def _array(name: str, values: Any, shape: Sequence[int | None]) -> np.ndarray:
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {type(values)}.") from error
    if found.dtype == tf.bfloat16.as_numpy_dtype:
        found = found.astype(np.float32)
    if not tf.TensorShape(found.shape).is_compatible_with(shape):
        raise ValueError(f"{name} must have shape {[*shape]}, got {found.shape}.")
    return found
