"""Whether the values of bindings have the types of the arguments that they are bound to."""

import functools
import sys
import types
import typing
from collections.abc import Sequence
from typing import Any

from ada.config.bindings import Bindings, Macro, Reference
from ada.training import TrainingSettings

# Limit of whole numbers, positive or negative: no seed and no size is larger.
MOST = 2**32


def fits(value: Any, kind: Any) -> bool:
    """Whether a value has a type; True for references and macros, which gin resolves later."""
    # An overlay's macro that the model neither sets nor uses is None.
    if isinstance(value, (Reference, Macro)) or value is None:
        return True
    if kind is types.NoneType:
        return False
    if kind is int:
        return type(value) is int and abs(value) <= MOST
    if kind in (bool, str):
        return type(value) is kind
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin in (tuple, list, Sequence) and inner and isinstance(value, (tuple, list)):
        return len(inner) == 2 and inner[1] is not ... or all(fits(v, inner[0]) for v in value)
    # Layers and other objects are made by references.
    is_made = isinstance(kind, type) and kind.__module__ != "builtins"
    return not is_made or not isinstance(value, (bool, int, float, str, list, tuple, dict))


def check_types(bound: Bindings, classes: Sequence[type]) -> None:
    """Raises ValueError for a number that is bound to an argument of another type.

    Args:
      bound: the bindings.
      classes: that they configure.
    """
    by_name = {"train" if c is TrainingSettings else c.__name__: c for c in classes}
    for name in bound:
        thing, _, argument = name.rsplit("/", 1)[-1].partition(".")
        kind = _argument_types(by_name[thing]).get(argument) if thing in by_name else None
        value = bound.value(name)
        if kind is not None and not fits(value, kind):
            wanted = {int: "a whole number", float: "a finite number", bool: "True or False"}
            message = wanted.get(kind, getattr(kind, "__name__", str(kind)))
            if kind is int and type(value) is int:
                message += f" of at most {MOST}"
            raise ValueError(f"{name} must be {message}, got {value!r}.")


@functools.cache
def _argument_types(thing: type) -> dict[str, Any]:
    return typing.get_type_hints(thing.__init__)
