"""The state of a fine-tuning, `tune.json`, from which the same command resumes."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ada.tuning.budget import Speed
from ada.utils.errors import UserError
from ada.utils.files import write_text_atomically
from ada.utils.jsonable import parse_json

FILE = "tune.json"


@dataclasses.dataclass
class LevelState:
    """A level in a round.

    Attributes:
      start: the run directory whose weights it starts from.
      speed: measured; None until then.
      num_steps: planned; None until then, 0 if there is no time for it.
      validations: planned with them.
      done: whether its training has ended.
      bits: the best on the validation split so far; None before the first validation.
    """

    start: str
    speed: Speed | None = None
    num_steps: int | None = None
    validations: int = 1
    done: bool = False
    bits: float | None = None

    @property
    def improved(self) -> bool:
        """Whether training made the level better on music that it did not learn from."""
        return self.bits is not None and self.speed is not None and self.bits < self.speed.bits

    def speed_of_next(self) -> Speed | None:
        """The speed for a level that continues from this one, without measuring it again."""
        if self.improved:
            return dataclasses.replace(self.speed, bits=self.bits)
        return self.speed


@dataclasses.dataclass
class Round:
    """One fine-tuning of all levels.

    Attributes:
      levels: by name, in the order of training.
    """

    levels: dict[str, LevelState]

    @property
    def done(self) -> bool:
        """Whether the training of all levels has ended."""
        return all(level.done for level in self.levels.values())


@dataclasses.dataclass
class State:
    """All of it.

    Attributes:
      init_from: the system that was tuned first.
      inputs: the music.
      spent_secs: by all calls.
      before_secs: what the clips of the page took before the first training; None until then.
      rounds: the last one may be unfinished.
    """

    init_from: str
    inputs: list[str]
    spent_secs: float = 0.0
    before_secs: float | None = None
    rounds: list[Round] = dataclasses.field(default_factory=list)

    @classmethod
    def load(cls, root: Path) -> "State | None":
        """The content of `tune.json`; None if there is none.

        Raises:
          UserError: if it is damaged.
        """
        path = root / FILE
        if not path.exists():
            return None
        try:
            return cls._of(parse_json(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path} is damaged: name another --run_dir.") from error

    @classmethod
    def _of(cls, found: dict[str, Any]) -> "State":
        rounds = []
        for one in found.pop("rounds"):
            levels = {
                name: LevelState(**level | {"speed": level["speed"] and Speed(**level["speed"])})
                for name, level in one["levels"].items()
            }
            rounds.append(Round(levels))
        return cls(rounds=rounds, **found)

    def save(self, root: Path) -> None:
        """Writes it, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=1) + "\n"
        write_text_atomically(str(root / FILE), text)


class Clock:
    """The time that a budget leaves, this call's counted in the state as it goes.

    Args:
      state: whose `spent_secs` is kept up to date.
      root: where it is saved.
      total_secs: of all calls.
    """

    def __init__(self, state: State, root: Path, total_secs: float) -> None:
        self._state, self._root = state, root
        self._began = time.monotonic() - state.spent_secs
        self._total_secs = total_secs

    @property
    def left_secs(self) -> float:
        """Until the budget is spent; negative after."""
        return self._total_secs - (time.monotonic() - self._began)

    def save(self) -> None:
        """Saves the state with the time spent."""
        self._state.spent_secs = round(time.monotonic() - self._began, 1)
        self._state.save(self._root)

    @contextlib.contextmanager
    def saved(self) -> Iterator[None]:
        """Saves at the end of the context, whatever ends it."""
        try:
            yield
        finally:
            self.save()
