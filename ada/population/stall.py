"""Noticing that Ray waits for what will not come."""

import time
from collections.abc import Sequence

# Ray was seen to wait for ever: with every member paused, on a busy machine, and for a member whose
# process died before it began. Where it gives a member up, or after so long without any that runs,
# it is started anew at the last comparison.
STALL_SECS = 180.0


class StalledError(Exception):
    """Members wait for what will not come."""


class StallWatch:
    """Raises `StalledError` where a population cannot go on."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def look(self, statuses: Sequence[str]) -> None:
        """Takes the status of every member; called again and again."""
        now = time.monotonic()
        if "ERROR" in statuses:
            raise StalledError("Ray gave a member up")
        if "RUNNING" in statuses:
            self._since = now
        elif now - self._since > STALL_SECS:
            raise StalledError(f"Ray ran no member for {STALL_SECS:g} s")
