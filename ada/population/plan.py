"""How a population is trained, what its members report, and draws that a seed decides."""

import contextlib
import random
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Progress:
    """The progress of a member.

    Attributes:
      step: training steps done.
      score: what is minimised; finite.
      state: from which any member can resume, as small plain JSON values, such as a path.
      healthy: whether it may win and be copied.
      report: other figures, by name.
    """

    step: int
    score: float
    state: Any
    healthy: bool
    report: dict[str, Any]


# Trains a member in a worker process, up to the next comparison or the end: (number,
# hyperparameters, state to resume from or None) to its progress.
Advance = Callable[[int, dict[str, float], Any], Progress]


@dataclass(frozen=True)
class Plan:
    """How a population is trained.

    Attributes:
      hyperparameters: (low, high) by name.
      population: number of members.
      num_steps: training steps of a member in all.
      interval_steps: steps from one comparison to the next.
      quantile: the share that copies, see `history.quantiles`; 0 copies nobody that is healthy.
      resample_probability: of drawing a copied hyperparameter again instead of perturbing it.
      seed: of starts and draws.
      concurrent: members that run at a time.
      cpus: of each of these.
      gpus: of each of these.
    """

    hyperparameters: Mapping[str, tuple[float, float]]
    population: int
    num_steps: int
    interval_steps: int
    quantile: float = 0.25
    resample_probability: float = 0.25
    seed: int = 0
    concurrent: int = 1
    cpus: int = 1
    gpus: int = 0

    def starts(self) -> list[dict[str, float]]:
        """Hyperparameters of every member at first, uniform in the logarithm."""
        return [
            {
                name: float(np.exp(_generator(self.seed, member, name).uniform(*np.log(ends))))
                for name, ends in self.hyperparameters.items()
            }
            for member in range(self.population)
        ]

    def clip(self, hyperparameters: Mapping[str, float]) -> dict[str, float]:
        """Hyperparameters within their ranges."""
        return {
            name: float(np.clip(value, *self.hyperparameters[name]))
            for name, value in hyperparameters.items()
        }


def _generator(*key: Any) -> np.random.Generator:
    return np.random.default_rng(_seed(key))


def _seed(key: tuple) -> int:
    return zlib.crc32(repr(key).encode())


@contextlib.contextmanager
def seeded(*key: Any) -> Iterator[None]:
    """Within the context, the global generators, which Ray draws from, depend on the key alone."""
    kept = random.getstate(), np.random.get_state()
    random.seed(_seed(key))
    np.random.seed(_seed(key))
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
