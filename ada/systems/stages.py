"""Stages, make-like: each is a command, run unless it is done already."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ada.utils import log
from ada.utils.errors import UserError
from ada.utils.files import write_text_atomically

STAGES = ".stages"


def run_command(command: Sequence[str]) -> int:
    """Runs `python -m command` in a process of its own; returns its exit code."""
    return subprocess.run([sys.executable, "-m", *command], check=False).returncode


class Stages:
    """Runs what is not done yet and remembers how long everything took.

    Attributes:
      root: directory in whose `.stages/` is written what is done, and by which command.
      seconds: what every stage took, by name.
      planned: number of stages in all; 0 if not known.
      costs: give the costs of stages that take long, by name and in any unit, to estimate the time
        left; called only where some are done and others are not.
    """

    def __init__(
        self,
        root: Path,
        planned: int = 0,
        costs: Mapping[str, Callable[[], float]] = MappingProxyType({}),
    ) -> None:
        self.root, self.planned, self.costs = root, planned, costs
        self.seconds: dict[str, float] = {}
        self._fingerprint = ""

    def run(self, name: str, command: Sequence[str], output: Path, settings: str = "") -> None:
        """Runs `python -m command` unless the same was done after the same earlier stages.

        Args:
          name: of the stage.
          command: module and flags.
          output: what it makes; if that is not there, it is made again.
          settings: what the command reads besides, such as the text of gin files.
        """
        # A stage is done again when its command or anything before it has changed.
        self.depend_on(json.dumps([*command, settings]))
        record = self.root / STAGES / f"{name}.json"
        seconds = self._seconds_of(record)
        if seconds is not None and output.exists():
            self.seconds[name] = seconds
            log.info(f"{self._heading(name)} is done.")
            return
        log.info(f"{self._heading(name, 1)} python -m {' '.join(command)}")
        if (left := self.left_secs()) is not None:
            log.info(f"Training takes about {max(left / 60, 1):.0f} more minutes in all.")
        start = time.monotonic()
        code = run_command(command)
        if code:
            raise UserError(
                f"stage {name} failed (exit code {code}), as said above. Given again, the same "
                "command resumes from here."
            )
        self.seconds[name] = round(time.monotonic() - start, 1)
        done = {"fingerprint": self._fingerprint, "seconds": self.seconds[name]}
        write_text_atomically(str(record), json.dumps(done) + "\n")

    def left_secs(self) -> float | None:
        """Estimated of all stages with a cost, from those that are done; None without any."""
        done = [name for name in self.costs if name in self.seconds]
        left = [name for name in self.costs if name not in self.seconds]
        if not done or not left:
            return None
        secs = sum(self.seconds[name] for name in done)
        return sum(self.costs[n]() for n in left) * secs / sum(self.costs[n]() for n in done)

    def _heading(self, name: str, ahead: int = 0) -> str:
        """The name of a stage with its number: those that are done, and as many ahead."""
        if not self.planned:
            return f"[{name}]"
        return f"[{len(self.seconds) + ahead} of {self.planned}: {name}]"

    def _seconds_of(self, record: Path) -> float | None:
        """Seconds that this stage took; None if it is not done, or its record is damaged."""
        try:
            done = json.loads(record.read_text("utf-8"))
            return float(done["seconds"]) if done["fingerprint"] == self._fingerprint else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def branch(self) -> "Stages":
        """Stages that depend on what was done so far, and not on what these are to do."""
        branch = Stages(self.root, self.planned, self.costs)
        branch.seconds, branch._fingerprint = self.seconds, self._fingerprint
        return branch

    def depend_on(self, text: str) -> None:
        """Makes all stages to come depend on a text."""
        self._fingerprint = hashlib.sha256((self._fingerprint + text).encode()).hexdigest()
