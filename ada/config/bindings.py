"""The bindings of gin files, read without the classes that they configure.

This needs no TensorFlow, so that commands answer at once when a file is missing or has a syntax
error. Whether a class has some argument, and accepts a value, `ada.config.configuration` finds out.
"""

import contextlib
import difflib
import functools
import os
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ada.config.old_names import renamed
from ada.utils import resources
from ada.utils.errors import UserError, first_line
from gin import config_parser

# In the environment, so that processes that commands start know it.
_ALLOWED = "ADA_ALLOW_GIN_IMPORTS"
_INCLUDE = re.compile(r"""(?m)^\s*include\s+['"]([^'"]+)['"].*$""")


class UnusedBindingError(UserError):
    """A gin binding that takes no part in what is built."""


@dataclass(frozen=True, repr=False)
class Reference:
    """`@Name` or `@Name()` as a value."""

    name: str

    def __repr__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True, repr=False)
class Macro:
    """`%NAME` as a value."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


class Bindings(dict[str, Any]):
    """Values by what they are bound to, `MACRO` or `scope/Class.argument`; the last one counts."""

    def value(self, name: str) -> Any:
        """The value bound to a name, with macros replaced by their values; None if there is none.

        Raises:
          UserError: for a macro that refers to itself.
        """
        return self._resolved(self.get(name), ())

    def _resolved(self, value: Any, within: tuple[str, ...]) -> Any:
        if isinstance(value, Macro):
            if value.name in within:
                raise UserError(f"gin: {value.name} refers to itself.")
            return self._resolved(self.get(value.name), (*within, value.name))
        if isinstance(value, (tuple, list)):
            return type(value)(self._resolved(item, within) for item in value)
        return value

    @property
    def macros(self) -> set[str]:
        """The macros that are bound."""
        return {name for name in self if "." not in name}

    @property
    def used_macros(self) -> set[str]:
        """The macros that values refer to."""
        return set(re.findall(r"%(\w+)", repr(list(self.values()))))


def allow_imports() -> None:
    """Allows gin files to import (and execute) modules, in this process and its children."""
    os.environ[_ALLOWED] = "1"


def _refuse_code(what: str) -> None:
    if os.environ.get(_ALLOWED) != "1":
        raise ValueError(
            f"it asks for {what}, which may execute anything: read the file, and if you trust it "
            "give --allow_gin_imports"
        )


class _Delegate(config_parser.ParserDelegate):
    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        module = scoped_configurable_name.rsplit("/", 1)[-1].rpartition(".")[0]
        if module and module.split(".")[0] != "ada":
            _refuse_code(f"@{scoped_configurable_name}")
        return Reference(scoped_configurable_name + "()" * evaluate)

    def macro(self, macro_name: str) -> Macro:
        return Macro(macro_name)


def read_model(
    gin_files: Sequence[str], gin_params: Sequence[str] = (), others: Sequence[str] = ()
) -> Bindings:
    """Reads the gin files of a model, with what they include, and bindings on top.

    Args:
      gin_files: the first one names the model.
      gin_params: bindings.
      others: bindings that are not read; macros that they refer to count as used.

    Raises:
      UserError: for a file that is not there, a syntax error, or a macro that nothing refers to;
        if the first file names no model, or a later one names another.
      UnusedBindingError: for a macro in `gin_params` that no file knows.
    """
    files = [_of_file(path) for path in gin_files]
    bindings = Bindings()
    for of_file in files:
        bindings.update(of_file)
    known = bindings.macros
    with _errors():
        bindings.update(_of_text("\n".join(gin_params)))
    _check_macros(bindings, known, set(re.findall(r"%(\w+)", " ".join(others))))
    if "train.model" not in bindings:
        raise UserError(
            "gin: no file names a model: name one, such as gin/hop64_vqvae.gin, before what "
            "changes it."
        )
    naming = [path for path, found in zip(gin_files, files, strict=True) if "train.model" in found]
    if naming and naming[0] != gin_files[0]:
        # Its own values would win over those of the files before.
        raise UserError(f"gin: {naming[0]} names the model: give it first, before {gin_files[0]}.")
    return bindings


def read_text(text: str, changes: str = "") -> Bindings:
    """Reads the text of gin files, and bindings on top; needs no files.

    Raises:
      UserError: for a syntax error.
      UnusedBindingError: for a macro in `changes` that the text does not know.
    """
    with _errors():
        bindings, changed = _of_text(text), _of_text(changes)
    unknown = sorted(changed.macros - bindings.macros)
    if unknown:
        raise UnusedBindingError(f"gin: no file knows {', '.join(unknown)}.")
    bindings.update(changed)
    return bindings


def _check_macros(bindings: Bindings, known: set[str], used_elsewhere: set[str]) -> None:
    """Raises UnusedBindingError for unknown macros, and for macros of files that are not used."""
    unknown = bindings.macros - known
    # One overlay serves several models: a name that some shipped file knows is not a mistake.
    unused = known - bindings.used_macros - used_elsewhere - _shipped_macros()
    if unknown or unused:
        wrong, names = sorted(unknown | unused), sorted(known - unused)
        near = [near for name in wrong for near in difflib.get_close_matches(name, names, n=1)]
        mean = f"Did you mean {', '.join(near)}? " if near else ""
        raise UnusedBindingError(
            f"gin: no file knows {', '.join(wrong)}. {mean}Names are {', '.join(names)}."
        )


def is_system(gin_file: str) -> bool:
    """Whether a gin file names the levels of a system rather than a model."""
    return "System.levels" in _of_file(gin_file)


def load_system(gin_file: str) -> tuple[str, ...]:
    """The levels of a `gin/systems/*.gin`: names of gin files from the bottom to the top.

    Raises:
      UserError: if it is not such a file.
    """
    levels = _of_file(gin_file).value("System.levels")
    named = isinstance(levels, tuple) and all(isinstance(level, str) for level in levels)
    if not levels or not named:
        raise UserError(
            f"{gin_file} is not a system: it must bind System.levels to a tuple of names. See "
            "gin/systems/."
        )
    return levels


def read_system(gin_files: Sequence[str], gin_params: Sequence[str]) -> tuple[str, ...]:
    """The levels of a system, the first of the files, once the others fit each of its models.

    Raises:
      UserError: if they do not. Of `gin_params` each model can use some only: they are not read.
    """
    levels = load_system(gin_files[0])
    for level in levels:
        read_model([f"gin/{level}.gin", *gin_files[1:]], others=gin_params)
    return levels


def is_shipped_name(binding: str) -> bool:
    """Whether a binding sets a macro that some shipped gin file knows."""
    return macro_of(binding) in _shipped_macros()


def macro_of(binding: str) -> str | None:
    """The macro that a binding sets, if it is one."""
    match = re.match(r"\s*([A-Z]\w*)\s*=", binding)
    return match and match[1]


def whole_text(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> str:
    """Gin files, each with what it includes in its place, and bindings on top, as one text."""
    return "\n".join([*map(_whole_text, gin_files), *map(renamed, gin_params)])


def _whole_text(path: str) -> str:
    return _INCLUDE.sub(lambda found: _whole_text(found[1]), _text_of_file(path))


def _text_of_file(path: str) -> str:
    """The text of a file, looked for where gin looks, with today's names."""
    roots = [] if Path(path).is_absolute() else resources.gin_search_paths()
    places = [Path(path), *(Path(root) / path for root in roots)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        shipped = sorted(file.name for file in resources.gin_dir().glob("*.gin"))
        raise UserError(f"Unable to open file: {path}. Shipped: {', '.join(shipped)}.")
    return renamed(found.read_text("utf-8"))


def _of_file(path: str) -> Bindings:
    """The bindings of a file and of what it includes."""
    with _errors(f"{path}: "):
        return _of_text(_text_of_file(path))


def _of_text(text: str) -> Bindings:
    bindings = Bindings()
    for statement in config_parser.ConfigParser(renamed(text), _Delegate()):
        if isinstance(statement, config_parser.ImportStatement):
            _refuse_code(f"import {statement.module}")
        elif isinstance(statement, config_parser.IncludeStatement):
            bindings.update(_of_file(statement.filename))
        elif isinstance(statement, config_parser.BindingStatement):
            # A class may be named with its module.
            thing = statement.selector.rsplit(".", 1)[-1]
            name = f"{thing}.{statement.arg_name}" if statement.arg_name else thing
            bindings["/".join(filter(None, (statement.scope, name)))] = statement.value
    return bindings


@contextlib.contextmanager
def _errors(where: str = "") -> Iterator[None]:
    """Turns what gin's parser raises into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}.") from error
    except RecursionError as error:
        raise UserError(f"gin: {where}it includes itself, or is nested too deeply.") from error
    except (SyntaxError, ValueError, TypeError, tokenize.TokenError) as error:
        raise UserError(f"gin: {where}{message_of(error)}") from error


def message_of(error: Exception) -> str:
    """The message of an error, rewritten if the original does not help users."""
    text = first_line(error)
    if "malformed node" in text:
        return (
            "a value cannot be read; text needs quotes, which shells take away: "
            "\"--gin_param=PRECISION='mixed_bfloat16'\"."
        )
    return text


@functools.cache
def _shipped_macros() -> frozenset[str]:
    """Macros that the shipped gin files bind."""
    return frozenset(re.findall(r"(?m)^([A-Z]\w*)\s*=", shipped_text()))


@functools.cache
def shipped_text() -> str:
    """All shipped gin files, one after the other."""
    return "\n".join(path.read_text("utf-8") for path in resources.gin_dir().glob("**/*.gin"))
