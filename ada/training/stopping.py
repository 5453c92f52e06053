"""Signals that ask a training to stop, answered between two steps."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopSignals:
    """Whether SIGTERM (a scheduler's) or SIGINT (Ctrl-C) came.

    A signal does not break into what is being done: the loop asks. A second Ctrl-C does.

    Args:
      announcement: what is said at once, after the name of the signal; nothing if None.

    Attributes:
      received: the name of the first signal, or None.
    """

    def __init__(self, announcement: str | None = "stopping and saving soon") -> None:
        self.received: str | None = None
        self._announcement = announcement

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Within the context, signals are kept here instead of ending the process."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python handles signals in its main thread only
            return
        # A shell starts what is to run in the background without Ctrl-C: it stays so.
        heard = [n for n in _SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._keep) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        del frame
        name = signal.Signals(number).name
        if self.received is not None:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.received = name
        if self._announcement is None:
            return
        hint = "; Ctrl-C again stops at once, without" if number == signal.SIGINT else ""
        # Not through Python's streams: the signal may have come in the midst of writing to them.
        os.write(2, f"\n{name}: {self._announcement}{hint}.\n".encode())


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
