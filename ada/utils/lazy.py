"""Packages whose names are imported when they are first asked for."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def attributes(package: str, places: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562).

    Args:
      package: its `__name__`.
      places: names by the module of the package that holds them.
    """
    module_of = {name: module for module, names in places.items() for name in names}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return find
