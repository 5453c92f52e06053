"""The history of a population: every member at every comparison (`population.json`)."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ada.utils.errors import UserError
from ada.utils.files import write_bytes_atomically

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Standing:
    """A member when the population was compared.

    Attributes:
      member: its number.
      hyperparameters: those it was trained with since the comparison before.
      score: what is minimised.
      healthy: whether it may win and be copied.
      state: from which its training resumes (`plan.Advance`), as plain JSON values.
      report: other figures, by name; None for what is not finite.
      copied_from: the member that it copied after the comparison, if any.
      next_hyperparameters: those of the next interval.
    """

    member: int
    hyperparameters: dict[str, float]
    score: float
    healthy: bool
    state: Any
    report: dict[str, Any] = field(default_factory=dict)
    copied_from: int | None = None
    next_hyperparameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """All members at one step, by number."""

    step: int
    members: tuple[Standing, ...]

    def of(self, member: int) -> Standing:
        """The standing of a member."""
        return next(s for s in self.members if s.member == member)


@dataclass(frozen=True)
class History:
    """All comparisons of a population, in order."""

    comparisons: tuple[Comparison, ...] = ()
    format_version: int = FORMAT_VERSION

    @classmethod
    def load(cls, path: str) -> "History":
        """Reads `population.json`; a history without comparisons if there is none.

        Raises:
          UserError: if it cannot be read.
        """
        if not Path(path).exists():
            return cls()
        try:
            stored = json.loads(Path(path).read_text("utf-8"))
            comparisons = tuple(
                Comparison(c["step"], tuple(Standing(**s) for s in c["members"]))
                for c in stored["comparisons"]
            )
            return cls(comparisons, stored["format_version"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{path} cannot be used: {error!r}.") from error

    def save(self, path: str) -> None:
        """Writes `population.json`, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=1, allow_nan=False) + "\n"
        write_bytes_atomically(path, text.encode())

    def plus(self, comparison: Comparison) -> "History":
        """This history and one more comparison."""
        return dataclasses.replace(self, comparisons=(*self.comparisons, comparison))

    @property
    def step(self) -> int:
        """The step of the last comparison, 0 before the first."""
        return self.comparisons[-1].step if self.comparisons else 0

    def best(self) -> tuple[int, Standing] | None:
        """The step and the standing of the best score of all times; None if nobody was healthy."""
        found = [
            (standing.score, comparison.step, standing)
            for comparison in self.comparisons
            for standing in comparison.members
            if standing.healthy
        ]
        if not found:
            return None
        _, step, standing = min(found, key=lambda item: item[:2])
        return step, standing

    def next_members(self) -> list[dict[str, Any]]:
        """Number, hyperparameters and state of every member after the last comparison, if any."""
        if not self.comparisons:
            return []
        last = self.comparisons[-1]
        return [
            {
                "member": s.member,
                "hyperparameters": dict(s.next_hyperparameters),
                "state": (s if s.copied_from is None else last.of(s.copied_from)).state,
            }
            for s in last.members
        ]

    def ever_unhealthy(self) -> list[int]:
        """The members that were not healthy at some comparison."""
        found = {s.member for c in self.comparisons for s in c.members if not s.healthy}
        return sorted(found)

    def lineage(self, member: int, step: int) -> list[tuple[int, int, int]]:
        """The members that trained a member's weights: (member, after step, up to step)."""
        segments: list[tuple[int, int, int]] = []
        past = [c for c in self.comparisons if c.step <= step]
        starts = [0] + [c.step for c in past[:-1]]
        for comparison, start in zip(reversed(past), reversed(starts), strict=True):
            segments.insert(0, (member, start, comparison.step))
            before = next((c for c in past if c.step == start), None)
            if before is not None:
                donor = before.of(member).copied_from
                member = member if donor is None else donor
        return segments


def quantiles(
    standings: Sequence[Standing], fraction: float
) -> tuple[list[Standing], list[Standing]]:
    """The members that copy and those that are copied, worst first.

    Members that are not healthy always copy, and are never copied; the others as in Jaderberg et
    al. (2017): the worst `fraction` from the best `fraction`.

    Returns:
      Members that copy, and members that are copied; both empty if none is healthy.
    """
    ranked = sorted(standings, key=lambda s: (-s.score, s.member))
    healthy = [s for s in ranked if s.healthy]
    if not healthy:
        return [], []
    wanted = math.ceil(len(ranked) * fraction)
    best = healthy[-min(max(wanted, 1), max(len(ranked) // 2, 1)) :]
    worst = ranked[: min(wanted, len(ranked) // 2)]
    copying = [s for s in ranked if s in worst or not s.healthy]
    return [s for s in copying if s not in best], best
