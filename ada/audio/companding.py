"""Amplitudes to integer classes and back: mu-law and uniform quantisation.

Audio in [-1, 1] is companded by f and cut into n cells of equal width,

    class = min(floor((f(x) + 1) / 2 * n), n - 1)

    mu-law    f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),  mu = n - 1  (van den Oord et al. 2016)
    uniform   f(x) = x

Decoding returns the centre of the cell, taken back through f, so that `encode(decode(k)) == k` and
`decode(encode(x))` is within half a cell of x. The arithmetic is in float64: float32 logarithms
differ between NumPy, TensorFlow and XLA by enough to put a sample in the neighbouring cell.
"""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ada.audio.arrays import array_module


def mu_law_encode(audio: Any, num_classes: int = 256) -> Any:
    """Quantises audio by mu-law.

    Args:
      audio: amplitudes in [-1, 1], any shape; what lies beyond is clipped. An array or a tensor.
      num_classes: n; mu is n - 1.

    Returns:
      int32 classes in 0..n-1 of the same shape: an array for an array, a tensor for a tensor.
    """
    xp, x = _amplitudes(audio)
    mu = _mu(num_classes)
    f = xp.sign(x) * xp.log1p(mu * xp.abs(x)) / math.log1p(mu)
    return _cell(xp, f, num_classes)


def mu_law_decode(ids: Any, num_classes: int = 256) -> Any:
    """Returns the float32 amplitude at the centre of each mu-law cell.

    Args:
      ids: integer classes in 0..n-1, any shape. An array or a tensor.
      num_classes: n; mu is n - 1.
    """
    mu = _mu(num_classes)
    xp, f = _centre(ids, num_classes)
    return _cast(xp, xp.sign(f) * xp.expm1(xp.abs(f) * math.log1p(mu)) / mu, np.float32)


def uniform_encode(audio: Any, num_classes: int = 256) -> Any:
    """Quantises audio in cells of equal width; arguments as for `mu_law_encode`."""
    xp, x = _amplitudes(audio)
    _mu(num_classes)
    return _cell(xp, x, num_classes)


def uniform_decode(ids: Any, num_classes: int = 256) -> Any:
    """Returns the float32 centre of each uniform cell; arguments as for `mu_law_decode`."""
    _mu(num_classes)
    xp, f = _centre(ids, num_classes)
    return _cast(xp, f, np.float32)


COMPANDINGS: dict[str, tuple[Callable, Callable]] = {
    "mu_law": (mu_law_encode, mu_law_decode),
    "uniform": (uniform_encode, uniform_decode),
}


def get_companding(name: str) -> tuple[Callable, Callable]:
    """Returns the pair (encode, decode) of that name.

    Raises:
      ValueError: no companding has that name.
    """
    if name not in COMPANDINGS:
        raise ValueError(f"companding must be one of {sorted(COMPANDINGS)}, got {name!r}.")
    return COMPANDINGS[name]


def _mu(num_classes: int) -> int:
    if num_classes < 2:
        raise ValueError(f"companding: num_classes must be at least 2, got {num_classes}.")
    return num_classes - 1


def _cast(xp: ModuleType, x: Any, dtype: type) -> Any:
    return xp.asarray(x, dtype=dtype)


def _amplitudes(audio: Any) -> tuple[ModuleType, Any]:
    xp = array_module(audio)
    if getattr(audio, "dtype", None) == np.int16:
        raise TypeError("companding: audio is int16 PCM; convert it with ada.audio.from_pcm16.")
    return xp, xp.clip(_cast(xp, audio, np.float64), -1.0, 1.0)


def _cell(xp: ModuleType, f: Any, num_classes: int) -> Any:
    cell = xp.floor((f + 1.0) / 2.0 * num_classes)
    # The lower bound only guards against f(-1) rounding to just below -1.
    return _cast(xp, xp.clip(cell, 0.0, num_classes - 1.0), np.int32)


def _centre(ids: Any, num_classes: int) -> tuple[ModuleType, Any]:
    xp = array_module(ids)
    return xp, (_cast(xp, ids, np.float64) + 0.5) / num_classes * 2.0 - 1.0
