"""Sampling values of each level of a chain: one value for all levels or one per level, top first.

The default of each value is in the level's `sampling.json` (`ada.runs.sampling_defaults`).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ada.runs import sampling_defaults
from ada.utils.errors import UsageError

if TYPE_CHECKING:
    from ada.generation import SamplingConfig

_KINDS = {"temperature": float, "top_k": int, "top_p": float}


class SamplingFlags(NamedTuple):
    """The values of the flags; None for those that were not given."""

    temperature: Sequence[str] | None = None
    top_k: Sequence[str] | None = None
    top_p: Sequence[str] | None = None


class LevelSampling(NamedTuple):
    """The sampling values of a level.

    Attributes:
      run_dir: its run directory.
      values: resolved from flags, file and built-in defaults.
      sources: "flag" or "sampling.json" by the names of the values that come from there.
    """

    run_dir: str
    values: sampling_defaults.SamplingValues
    sources: dict[str, str]


def per_level(values: SamplingFlags, levels: int) -> dict[str, list[float]]:
    """One value per level, by the names of the flags that were given.

    Raises:
      UsageError: if a flag has neither one value nor as many as levels, or one is out of range.
    """
    stated = {name: texts for name, texts in values._asdict().items() if texts is not None}
    return {name: _numbers(name, texts, levels) for name, texts in stated.items()}


def _numbers(name: str, texts: Sequence[str], levels: int) -> list[float]:
    try:
        numbers = [number(name, text) for text in texts]
    except ValueError as error:
        raise UsageError(f"--{name}: {error}.") from error
    if len(numbers) not in (1, levels):
        raise UsageError(f"--{name}: give one value or {levels}, got {len(numbers)}.")
    return numbers * levels if len(numbers) == 1 else numbers


def number(name: str, text: str) -> float:
    """One value; raises ValueError if it is invalid."""
    value = _KINDS[name](text)
    if not sampling_defaults.in_range(name, value):
        raise ValueError(f"{text} is out of range")
    return value


def resolve(run_dirs: Sequence[str], values: SamplingFlags) -> list[LevelSampling]:
    """The sampling values of every level, top first: of flags, else of its file, else defaults.

    Raises:
      UsageError: if a flag has the wrong number of values.
      UserError: if a file cannot be used.
    """
    stated, levels = per_level(values, len(run_dirs)), []
    for position, run_dir in enumerate(run_dirs):
        kept, names = sampling_defaults.read(run_dir)
        own = {name: numbers[position] for name, numbers in stated.items()}
        sources = dict.fromkeys(names, sampling_defaults.FILE) | dict.fromkeys(own, "flag")
        levels.append(LevelSampling(run_dir, dataclasses.replace(kept, **own), sources))
    return levels


def configs(levels: Sequence[LevelSampling], seed: int = 0) -> "list[SamplingConfig]":
    """The same with a seed, as arguments of `ada.generation`."""
    from ada.generation import SamplingConfig

    return [SamplingConfig.from_values(level.values, seed) for level in levels]


def described(levels: Sequence[LevelSampling]) -> str | None:
    """One line with the values and their sources; None if all are defaults."""
    if all(level.values == type(level.values)() for level in levels):
        return None
    return f"Sampling, top level first: {'; '.join(map(_described, levels))}."


def _described(level: LevelSampling) -> str:
    texts = []
    for name in SamplingFlags._fields:
        source = f" ({level.sources[name]})" if name in level.sources else ""
        texts.append(f"{name} {getattr(level.values, name):g}{source}")
    return f"{Path(level.run_dir).name} {', '.join(texts)}"


def as_flags(levels: Sequence[LevelSampling]) -> list[str]:
    """The values of files or flags as flags for another command."""
    stated = []
    for name in SamplingFlags._fields:
        if any(name in level.sources for level in levels):
            texts = [str(getattr(level.values, name)) for level in levels]
            one = len(set(texts)) == 1
            stated.append(f"--{name}={texts[0] if one else ','.join(texts)}")
    return stated
