"""A rate limit for new raters."""

import time


class Beginners:
    """Limits new raters per address: a hundred at once, then one every two seconds."""

    _BURST, _SECS_EACH, _MOST_ADDRESSES = 100, 2.0, 10_000

    def __init__(self) -> None:
        # The time until which the address has used up what it may.
        self._until: dict[str, float] = {}

    def may(self, address: str) -> bool:
        """Whether one more may begin, who then has."""
        now = time.monotonic()
        until = max(self._until.get(address, now), now) + self._SECS_EACH
        if until - now > self._BURST * self._SECS_EACH:
            return False
        if len(self._until) >= self._MOST_ADDRESSES:
            self._until = {a: t for a, t in self._until.items() if t > now}
            if len(self._until) >= self._MOST_ADDRESSES:
                return False
        self._until[address] = until
        return True
