"""What gin files and bindings say, read without the classes that they are about.

This takes no TensorFlow, so that commands refuse at once what is no gin, or not there. Whether a
class has an argument of some name, and takes a value, `ada.configuration` finds out.
"""

import contextlib
import difflib
import functools
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ada import resources
from ada.errors import UserError, first_line
from gin import config_parser


class UnusedBindingError(UserError):
    """A gin binding that takes no part in what is built."""


class Reference(NamedTuple):
    """`@Name` or `@Name()` as a value."""

    name: str

    def __repr__(self) -> str:
        return f"@{self.name}"


class Macro(NamedTuple):
    """`%NAME` as a value."""

    name: str

    def __repr__(self) -> str:
        return f"%{self.name}"


class Bindings(dict[str, Any]):
    """Values by what they are bound to, `NAME` or `scope/Class.argument`; later ones have won."""

    def value(self, name: str) -> Any:
        """What a name is bound to, through macros; None if nothing is."""
        found = self.get(name)
        return self.value(found.name) if isinstance(found, Macro) else found

    @property
    def macros(self) -> set[str]:
        """The names in capitals that are bound."""
        return {name for name in self if "." not in name}

    @property
    def used_macros(self) -> set[str]:
        """The names in capitals that values refer to."""
        return set(re.findall(r"%(\w+)", repr(list(self.values()))))


class _Delegate(config_parser.ParserDelegate):
    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        return Reference(scoped_configurable_name + "()" * evaluate)

    def macro(self, macro_name: str) -> Macro:
        return Macro(macro_name)


def read(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> Bindings:
    """Reads gin files with what they include, and bindings on top.

    Raises:
      UserError: for a file that is not there, a syntax error, or a name in capitals that nothing
        refers to.
      UnusedBindingError: for such a name in `gin_params` that no file knows.
    """
    bindings = Bindings()
    for path in gin_files:
        bindings.update(_of_file(path))
    known = bindings.macros
    bindings.update(_of_text("\n".join(gin_params)))
    unknown = bindings.macros - known
    # One overlay serves several models: a name that some shipped file knows is no mistake.
    misspelt = known - bindings.used_macros - _shipped_macros()
    if unknown or misspelt:
        wrong, names = sorted(unknown | misspelt), sorted(known - misspelt)
        near = [near for name in wrong for near in difflib.get_close_matches(name, names, n=1)]
        mean = f"Did you mean {', '.join(near)}? " if near else ""
        raise UnusedBindingError(
            f"gin: no file knows {', '.join(wrong)}. {mean}Names are {', '.join(names)}."
        )
    return bindings


def read_model(gin_files: Sequence[str], gin_params: Sequence[str] = ()) -> Bindings:
    """`read` of files of which the first names a model, as `ada.train` takes them.

    Raises:
      UserError: if none does, or another one does.
    """
    bindings = read(gin_files, gin_params)
    naming = [path for path in gin_files if "train.model" in _of_file(path)]
    if "train.model" not in bindings:
        raise UserError(
            "gin: no file names a model: name one, such as gin/hop64_vqvae.gin, before what "
            "changes it."
        )
    if naming and naming[0] != gin_files[0]:
        # Its own values would win over those of the files before.
        raise UserError(f"gin: {naming[0]} names the model: give it first, before {gin_files[0]}.")
    return bindings


def is_system(gin_file: str) -> bool:
    """Whether a gin file names the levels of a system rather than a model."""
    return "System.levels" in _of_file(gin_file)


def load_system(gin_file: str) -> tuple[str, ...]:
    """The levels of a `gin/systems/*.gin`: names of gin files from the bottom to the top.

    Raises:
      UserError: if it is not such a file.
    """
    levels = _of_file(gin_file).value("System.levels")
    if not isinstance(levels, tuple) or not levels:
        raise UserError(
            f"{gin_file} is no system: it must bind System.levels to a tuple of names. See "
            "gin/systems/."
        )
    return levels


def is_shipped_name(binding: str) -> bool:
    """Whether a binding sets a name in capitals that some shipped gin file knows."""
    return capitals(binding) in _shipped_macros()


def capitals(binding: str) -> str | None:
    """The name in capitals that a binding sets, if it is one."""
    match = re.match(r"\s*([A-Z]\w*)\s*=", binding)
    return match and match[1]


def _of_file(path: str) -> Bindings:
    """The bindings of a file and of what it includes, looked for where gin looks."""
    roots = [] if Path(path).is_absolute() else resources.gin_search_paths()
    places = [Path(path), *(Path(root) / path for root in roots)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        shipped = sorted(file.name for file in resources.gin_dir().glob("*.gin"))
        raise UserError(f"Unable to open file: {path}. Shipped: {', '.join(shipped)}.")
    with _errors(f"{path}: "):
        return _of_text(found.read_text())


def _of_text(text: str) -> Bindings:
    bindings = Bindings()
    with _errors():
        for statement in config_parser.ConfigParser(text, _Delegate()):
            if isinstance(statement, config_parser.IncludeStatement):
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
        raise UserError(f"gin: {where}{told(error)}") from error


def told(error: Exception) -> str:
    """What is wrong, in words of this project where gin and Python say it in theirs."""
    text = first_line(error)
    if "malformed node" in text:
        return (
            "a value cannot be read; text needs quotes, which shells take away: "
            "\"--gin_param=PRECISION='mixed_bfloat16'\"."
        )
    return text


@functools.cache
def _shipped_macros() -> frozenset[str]:
    """Names in capitals that the shipped gin files bind."""
    return frozenset(re.findall(r"(?m)^([A-Z]\w*)\s*=", shipped_text()))


@functools.cache
def shipped_text() -> str:
    """All shipped gin files, one after the other."""
    return "\n".join(path.read_text() for path in resources.gin_dir().glob("**/*.gin"))
