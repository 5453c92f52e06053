"""Signals that stop a training between two steps."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopSignals:
    """Records SIGTERM (of a scheduler) or SIGINT (Ctrl-C).

    A signal does not interrupt the step: the loop polls `received`. A second Ctrl-C interrupts.

    Args:
      announcement: printed at once, after the name of the signal; nothing if None.

    Attributes:
      received: the name of the first signal, or None.
    """

    def __init__(self, announcement: str | None = "stopping and saving soon") -> None:
        self.received: str | None = None
        self._announcement = announcement

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Within the context, signals are recorded instead of ending the process."""
        if threading.current_thread() is not threading.main_thread():
            yield  # Python handles signals in its main thread only
            return
        # Shells ignore Ctrl-C in background processes: keep that.
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
        # Not through Python's streams, which are not reentrant.
        os.write(2, f"\n{name}: {self._announcement}{hint}.\n".encode())


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
