"""Frozen dataclasses to JSON and back, with errors that name the field."""

import dataclasses
import json
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from ada.utils.errors import UserError, first_line

T = TypeVar("T")
_LATER = "later"


def later_field(default: Any) -> Any:
    """A dataclass field that was added to a format later; it is written unless it has its default.

    Files that do not use it stay as they were, byte for byte, and earlier versions read them.
    Earlier versions refuse files that use it, naming the field.
    """
    return dataclasses.field(default=default, metadata={_LATER: True})


def parse_json(text: str) -> Any:
    """Plain JSON values from their text.

    Raises:
      ValueError: if it is not JSON, or nested so deeply that nobody can have meant it.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json_object(path: str | Path) -> dict[str, Any]:
    """The JSON object in a local file.

    Raises:
      UserError: if there is something else in it.
    """
    try:
        found = parse_json(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is no JSON: {first_line(error)}.") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} is damaged, or something else: there is no JSON object in it.")
    return found


def to_jsonable(value: Any) -> Any:
    """Turns a tree of dataclasses, dicts and sequences into plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [(f, getattr(value, f.name)) for f in dataclasses.fields(value)]
        return {
            f.name: to_jsonable(item)
            for f, item in items
            if not (_LATER in f.metadata and item == f.default)
        }
    if isinstance(value, dict):
        return {str(key): to_jsonable(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_jsonable(item) for item in value]
    return value


def from_jsonable(kind: type[T], value: Any, where: str = "") -> T:
    """Rebuilds a `kind` from plain JSON values; nothing but the types named in it is created.

    Args:
      kind: a dataclass, a plain JSON type, `X | None`, `tuple[X, ...]`, `dict[str, X]` or `Any`.
      value: plain JSON values.
      where: path of the value, for messages.

    Raises:
      ValueError: naming the field that is missing, unknown or of the wrong type.
    """
    if kind is Any:
        return value
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and types.NoneType in args:
            return None
        return from_jsonable(next(a for a in args if a is not types.NoneType), value, where)
    if origin is tuple:
        _expect(value, list, where)
        return tuple(from_jsonable(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is dict or kind is dict:
        _expect(value, dict, where)
        item = args[1] if args else Any
        return {k: from_jsonable(item, v, f"{where}.{k}".lstrip(".")) for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        return _from_fields(kind, value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _expect(value, kind, where)
    if kind is int and not -(2**63) <= value < 2**63:
        raise ValueError(f"{where or 'top level'!r} is too large: {value:.3e}")
    return value


def _from_fields(kind: type[T], value: Any, where: str) -> T:
    _expect(value, dict, where)
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise ValueError(f"unknown field {f'{where}.{unknown[0]}'.lstrip('.')!r}")
    arguments = {}
    for name, field in fields.items():
        path = f"{where}.{name}".lstrip(".")
        if name in value:
            arguments[name] = from_jsonable(hints[name], value[name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"field {path!r} is missing")
    return kind(**arguments)


def _expect(value: Any, kind: type, where: str) -> None:
    # bool is an int to Python, not to a reader of the file.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
        raise ValueError(f"{where or 'top level'!r} should be {kind.__name__}, found {shown}")
