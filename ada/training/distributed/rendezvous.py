"""Meeting the other processes where signals are heard: TensorFlow's own waiting hears none."""

import contextlib
import errno
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence

from ada.training.distributed.handshake import (
    MUTE_SECS,
    SECRET,
    Newcomer,
    StrangerError,
    hear_line,
    introduce,
    is_open,
)
from ada.utils import log
from ada.utils.errors import StoppedError, UserError
from ada.utils.hosts import is_loopback

POLL_SECS = 0.2
TELL_EVERY_SECS = 30.0
# So long all wait for the last: schedulers may start some of them much later.
LIMIT_SECS = 3600.0
# Connections that have proved nothing yet; more are refused, so that they cannot use up all files.
MOST_MUTE = 64
# Strangers that are warned of, each once: they cannot fill a log.
_MOST_WARNINGS = 20
_GO = b"ada go\n"


def wait_for_all(addresses: Sequence[str], number: int) -> None:
    """Returns once all processes wait at the same time.

    Each keeps a connection to the first one, which answers all of them when the last has come; one
    that is gone again by then has to come back. They prove to each other that they know the same
    secret, the environment variable `ADA_WORKERS_SECRET`; a warning says where there is none.

    Args:
      addresses: "host:port" of all processes.
      number: of this one; its port is free again afterwards.

    Raises:
      UserError: if this process's port cannot be used.
      StoppedError: if not all have come within `LIMIT_SECS`.
    """
    deadline = time.monotonic() + LIMIT_SECS
    if is_open(addresses):
        log.warning(
            f"whoever reaches {addresses[number]} may pass for a worker: give all workers the same "
            f"{SECRET} in the environment, and a network of their own."
        )
    with _listen(addresses[number]) as listener:
        if number == 0:
            _gather(listener, addresses, deadline)
        else:
            _join(addresses[0], number, deadline)


class _Reminder:
    """Says now and then who is waited for, and ends the waiting."""

    def __init__(self, deadline: float) -> None:
        self._warned_at, self._deadline = time.monotonic(), deadline

    def __call__(self, missing: str) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise StoppedError(
                f"{missing} did not come within {LIMIT_SECS / 60:.0f} minutes. The same command on "
                "all workers begins again."
            )
        if now - self._warned_at > TELL_EVERY_SECS:
            log.info(f"Still waiting for {missing}.")
            self._warned_at = now


def _listen(address: str) -> socket.socket:
    """A socket at the port of "host:port"; others reach it unless the host is this machine."""
    host, port = address.rsplit(":", 1)
    host = host.strip("[]") if is_loopback(host) else ""
    # Everywhere else: the first serves both, where it is there.
    v4, v6 = socket.AF_INET, socket.AF_INET6
    for family in (v6 if ":" in host else v4,) if host else (v6, v4):
        both = not host and family == v6
        try:
            return socket.create_server((host, int(port)), family=family, dualstack_ipv6=both)
        except (OSError, OverflowError, ValueError) as error:
            number = getattr(error, "errno", None) or errno.EADDRNOTAVAIL
    raise UserError(
        f"port {port}, this worker's own, cannot be used ({os.strerror(number)}): end what has it, "
        "or name another."
    )


def _gather(listener: socket.socket, addresses: Sequence[str], deadline: float) -> None:
    """What the first process does."""
    listener.settimeout(POLL_SECS)
    present: dict[int, socket.socket] = {}
    mute: list[Newcomer] = []
    reminder, warnings = _Reminder(deadline), _Warnings()
    try:
        while True:
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection, (host, *_) = listener.accept()
                mute.append(Newcomer(connection, host))
            for newcomer in [*mute]:
                number = _number_of(newcomer, warnings)
                if number is None:
                    continue
                mute.remove(newcomer)
                if number in range(1, len(addresses)):
                    present[number] = newcomer.connection
                else:
                    newcomer.connection.close()
            while len(mute) > MOST_MUTE:
                _drop_one(mute)
            present = {k: c for k, c in present.items() if _waits(c)}
            if len(present) == len(addresses) - 1:
                break
            reminder(", ".join(a for k, a in enumerate(addresses) if k and k not in present))
        for connection in present.values():
            connection.settimeout(MUTE_SECS)
            with contextlib.suppress(OSError):  # it comes back, or is missed by TensorFlow
                connection.sendall(_GO)
    finally:
        for connection in (*present.values(), *(newcomer.connection for newcomer in mute)):
            connection.close()


def _drop_one(mute: list[Newcomer]) -> None:
    """Hangs up the oldest of the host that has the most."""
    [(host, _)] = Counter(newcomer.host for newcomer in mute).most_common(1)
    oldest = next(newcomer for newcomer in mute if newcomer.host == host)
    mute.remove(oldest)
    oldest.connection.close()


class _Warnings:
    """Says everything once, and no more than a number of things."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said and len(self._said) < _MOST_WARNINGS:
            self._said.add(text)
            log.warning(text)


def _number_of(newcomer: Newcomer, warn: _Warnings) -> int | None:
    """Which process it is of; None while it has not proved it, -1 if it is of something else."""
    try:
        return newcomer.number()
    except StrangerError as error:
        if str(error):
            warn(f"{newcomer.host} {error}.")
        return -1


def _waits(connection: socket.socket) -> bool:
    """Whether a process is still there: it says nothing more, and has not hung up."""
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        pass
    connection.close()
    return False


def _join(address: str, number: int, deadline: float) -> None:
    """What the others do."""
    host, port = address.rsplit(":", 1)
    reminder, warn = _Reminder(deadline), _Warnings()
    while True:
        reason = "it is not there yet"
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                introduce(connection, number)
                if hear_line(connection, lambda: reminder(address)) == _GO:
                    return
        except StrangerError as error:
            reason = f"what is there {error}"
            warn(f"{address}: {reason}.")
        except OSError as error:
            reason = error.strerror or reason
        reminder(f"{address} ({reason})")
        time.sleep(POLL_SECS)


def hear_signals() -> None:
    """Answers SIGTERM as before: TensorFlow answers it itself once it connects processes."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
