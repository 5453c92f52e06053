"""Flags of paths, seconds and seeds, whose values are checked as the command line is read."""

import math
import os
from collections.abc import Sequence

from absl import flags

from ada.utils.files import expanded, is_remote

# The flags belong to the command that asks for them, and stand in its --help.
flags.disclaim_key_flags()

# Twelve days: what is longer is a slip of the pen.
MAX_SECS = 1e6
# The limit of NumPy and Keras.
MAX_SEED = 2**32 - 1
# Hz: ultrasound is below.
MAX_SAMPLE_RATE = 2**20
# Clips, files and steps side by side: more are a slip of the pen.
MAX_COUNT = 1_000_000


class _Path(flags.ArgumentParser):
    """One path, its `~` expanded."""

    syntactic_help = "a path; ~ is your home directory"

    def parse(self, argument: str) -> str:
        if not argument.strip():
            raise ValueError("the path is empty")
        if "\0" in argument:
            raise ValueError("no name of a file has a zero byte in it")
        path = expanded(argument)
        # TensorFlow takes names for UTF-8, Python for what the locale says.
        if not is_remote(path) and os.fsencode(path) != path.encode("utf-8", "replace"):
            raise ValueError(
                "the name is not UTF-8, as TensorFlow wants it: rename it, or, if it is, set "
                "LC_ALL=C.UTF-8"
            )
        return path

    def flag_type(self) -> str:
        return "path"


class _Pattern(flags.ArgumentParser):
    """Paths or patterns of input, separated by commas."""

    def parse(self, argument: str) -> str:
        # One that exists is one, commas and all; `split_patterns` finds that out again.
        whole = expanded(argument)
        return whole if whole != argument else ",".join(map(expanded, argument.split(",")))


class _PathsInText(flags.ArgumentParser):
    """Paths separated by commas, as one text."""

    def parse(self, argument: str) -> str:
        return ",".join(map(_Path().parse, argument.split(",")))


class _Paths(flags.ListParser):
    """Paths separated by commas; one may be left empty where a command says so."""

    def parse(self, argument: str | list[str]) -> list[str]:
        return [path and _Path().parse(path) for path in super().parse(argument)]


class _Named(flags.ListParser):
    """Paths, or `name=path`, separated by commas."""

    def parse(self, argument: str | list[str]) -> list[str]:
        found = []
        for item in super().parse(argument):
            name, equals, path = item.partition("=")
            found.append(name + equals + _Path().parse(path) if equals else _Path().parse(item))
        return found


class _Finite(flags.FloatParser):
    def parse(self, argument: str | float) -> float:
        value = super().parse(argument)
        if not math.isfinite(value):
            raise ValueError("it is not a finite number")
        return value


def define_path(name: str, default: str | None, help: str) -> None:  # noqa: A002 - as absl has it
    """A file or directory."""
    flags.DEFINE(_Path(), name, default, help)


def define_paths(name: str, default: Sequence[str] | None, help: str) -> None:  # noqa: A002
    """Several, separated by commas."""
    flags.DEFINE(_Paths(), name, default, help, serializer=flags.CsvListSerializer(","))


def define_named_paths(name: str, default: Sequence[str], help: str) -> None:  # noqa: A002
    """Several, separated by commas, each with a name and `=` in front or without."""
    flags.DEFINE(_Named(), name, default, help, serializer=flags.CsvListSerializer(","))


def define_multi_paths(name: str, default: Sequence[str] | None, help: str) -> None:  # noqa: A002
    """Several, separated by commas, each time that the flag is given."""
    flags.DEFINE_multi(_PathsInText(), flags.ArgumentSerializer(), name, default, help)


def define_patterns(name: str, default: Sequence[str], help: str) -> None:  # noqa: A002
    """Input files, directories and patterns; several with commas, or the flag again."""
    flags.DEFINE_multi(_Pattern(), flags.ArgumentSerializer(), name, default, help)


def define_float(
    name: str,
    default: float | None,
    help: str,  # noqa: A002
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> None:
    """A finite number."""
    flags.DEFINE(_Finite(lower_bound, upper_bound), name, default, help)


def define_secs(
    name: str,
    default: float | None,
    help: str,  # noqa: A002
    lower_bound: float = 0.001,
) -> None:
    """A time in seconds."""
    define_float(name, default, help, lower_bound, MAX_SECS)


def define_seed(help: str, default: int | None = 0) -> None:  # noqa: A002
    """--seed."""
    flags.DEFINE_integer("seed", default, help, 0, MAX_SEED)


def define_share(page: str) -> None:
    """--share."""
    flags.DEFINE_bool(
        "share",
        False,
        f"Also write share.html: {page} in at most 10 MB, its clips as MP3, to mail.",
    )


def define_sample_rate(help: str) -> None:  # noqa: A002
    """--sample_rate."""
    flags.DEFINE_integer("sample_rate", 16000, help, 1, MAX_SAMPLE_RATE)


def define_count(
    name: str,
    default: int | None,
    help: str,  # noqa: A002
    lower_bound: int = 1,
) -> None:
    """A number of things."""
    flags.DEFINE_integer(name, default, help, lower_bound, MAX_COUNT)


def define_gin_files(help: str) -> None:  # noqa: A002
    """--gin_file, and --allow_gin_imports."""
    flags.DEFINE_multi(_Path(), flags.ArgumentSerializer(), "gin_file", [], help)
    flags.DEFINE_bool(
        "allow_gin_imports",
        False,
        "Let gin files import modules, which executes them: only for files that you trust.",
    )
