"""Detects when Ray waits for a member that will not return.

Where a worker process dies while it trains, Ray starts its member again. Where it dies at another
moment, Ray loses the member: it is left in "ERROR" if the process was being handed on to it, and
in "RUNNING" without a process if its death is heard of before the failure of what it did. All
others wait for it then. Ray was also seen to run nobody for ever, on a busy machine, and once to
go on with a member from somewhere else than its last comparison.
"""

import time
from collections.abc import Iterable

# After this time without a running member, the population is restarted at its last comparison.
# Until the first one runs, processes start, and import TensorFlow: that may take minutes.
STALL_SECS, START_SECS = 180.0, 900.0


class StalledError(Exception):
    """A population cannot continue."""


class StallWatch:
    """Raises `StalledError` where a population cannot continue."""

    def __init__(self) -> None:
        self._since, self._patience = time.monotonic(), START_SECS

    def look(self, members: Iterable[tuple[str, bool]]) -> None:
        """Checks the status of every member and whether it has a process; called repeatedly."""
        now, members = time.monotonic(), set(members)
        if any(status == "ERROR" for status, _ in members) or ("RUNNING", False) in members:
            raise StalledError("Ray lost a member")
        if ("RUNNING", True) in members:
            self._since, self._patience = now, STALL_SECS
        elif now - self._since > self._patience:
            raise StalledError(f"Ray ran no member for {self._patience:g} s")
