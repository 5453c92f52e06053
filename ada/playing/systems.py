"""The systems that one can play: pretrained ones, and chains of runs found in a folder."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ada import pretrained
from ada.generation import level_sampling
from ada.runs import system_folder
from ada.runs.chain import open_runs
from ada.runs.info import FILE, RunInfo
from ada.runs.run import Run
from ada.utils.errors import UserError
from ada.utils.jsonable import parse_json

_DEPTH = 3  # folders below --runs that are looked at


class System(NamedTuple):
    """A chain that makes audio.

    Attributes:
      name: to choose it by: of a pretrained system, or the path of a folder that holds one, or
        that of its top run.
      run_dirs: top first, as `ada.sample` takes them.
      num_decoders: how many of its levels are autoencoders.
      has_prior: whether it makes music from nothing.
      sample_rate: of its audio, Hz.
      values: temperature and top-p of every level by default, top first.
    """

    name: str
    run_dirs: tuple[str, ...]
    num_decoders: int
    has_prior: bool
    sample_rate: int
    values: tuple[tuple[float, float], ...]

    @property
    def known_as(self) -> list[str]:
        """Its run directories as other commands name them: by one name, if they have one."""
        has_name = self.name in pretrained.names() or system_folder.read_system(self.name)
        return [self.name] if has_name else list(self.run_dirs)

    def described(self) -> dict[str, Any]:
        """The properties of the system for the page."""
        return {
            "name": self.name,
            "hasPrior": self.has_prior,
            "numDecoders": self.num_decoders,
            "temperature": self.values[0][0],
            "topP": self.values[-1][1],
        }


def find_systems(folder: str) -> dict[str, System]:
    """Systems by name: the pretrained ones that hold notes first.

    Args:
      folder: with run directories, at most three folders deep; it need not be there.
    """
    chains = {name: pretrained.run_dirs(name) for name in pretrained.names()}
    chains |= _system_folders(Path(folder))
    chains |= {chain[0]: chain for chain in _chains(Path(folder), within=tuple(chains))}
    found = {}
    for name, run_dirs in chains.items():
        try:
            found[name] = _system(name, run_dirs)
        except UserError:
            continue  # a first phase, or a run that is damaged: nothing to play
    notes = sorted(found, key=lambda name: "notes" not in name)
    return {name: found[name] for name in notes}


def _system(name: str, run_dirs: list[str]) -> System:
    runs = open_runs(run_dirs)
    has_codes = [parse_json(run.model_config())["class_name"] != "WaveNet" for run in runs]
    sampling = level_sampling.resolve(run_dirs, level_sampling.SamplingFlags())
    return System(
        name,
        tuple(run_dirs),
        sum(has_codes),
        not has_codes[0],
        runs[-1].info.sample_rate,
        tuple((level.values.temperature, level.values.top_p) for level in sampling),
    )


def _system_folders(folder: Path) -> dict[str, list[str]]:
    """Folders that hold a system, such as those of pipelines and fine-tunings, by their paths."""
    found = {}
    for path in _within(folder, system_folder.FILE):
        with contextlib.suppress(UserError):
            found[str(path.parent)] = system_folder.read_system(path.parent)
    return found


def _chains(folder: Path, within: Sequence[str]) -> Iterator[list[str]]:
    """Run directories from each top down to audio, where all of them are there.

    Args:
      folder: with run directories.
      within: folders that hold a system: their runs are not listed as systems.
    """
    for path in _within(folder, FILE):
        if not any(path.is_relative_to(known) for known in within) and (
            chain := _chain_below(path.parent)
        ):
            yield chain


def _within(folder: Path, name: str) -> Iterator[Path]:
    """Files of a name in folders of a folder, not too deep."""
    for depth in range(1, _DEPTH + 1):
        yield from sorted(folder.glob("/".join(["*"] * depth) + f"/{name}"))


def _chain_below(top: Path) -> list[str] | None:
    chain = [str(top)]
    try:
        info = RunInfo.load(top)
        while info.kind == "codes":
            lower = info.upstream.get("run_dir", "")
            if not Run.exists(lower) or lower in chain:
                return None
            chain.append(lower)
            info = RunInfo.load(lower)
    except (OSError, ValueError):
        return None
    return chain
