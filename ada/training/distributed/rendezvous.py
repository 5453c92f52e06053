"""Waits for the other processes in a way that signals can interrupt, unlike TensorFlow's own."""

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
# Time limit for the last process: schedulers may start some of them much later.
LIMIT_SECS = 3600.0
# Limit of connections without proof, so that they cannot use up all file descriptors.
MOST_MUTE = 64
# Limit of different warnings about other connections, so that they cannot fill a log.
_MOST_WARNINGS = 20
_GO = b"ada go\n"


def wait_for_all(addresses: Sequence[str], number: int) -> None:
    """Returns once all processes wait at the same time.

    Each keeps a connection to the first process, which answers all of them when the last has
    connected; one that has disconnected by then must connect again. They prove to each other that
    they know the same secret, the environment variable `ADA_WORKERS_SECRET`; if it is not set, a
    warning is logged.

    Args:
      addresses: "host:port" of all processes.
      number: of this process; its port is free again afterwards.

    Raises:
      UserError: if this process's port cannot be used.
      StoppedError: if not all have connected within `LIMIT_SECS`.
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
    """Logs now and then which processes are missing, and raises after the time limit."""

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
    """A socket at the port of "host:port", open to other machines unless host is this one."""
    host, port = address.rsplit(":", 1)
    host = host.strip("[]") if is_loopback(host) else ""
    # Otherwise on all addresses: IPv6 serves both, where it is supported.
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
    """Waits for all others in the first process, and answers them."""
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
    """Closes the oldest connection of the host that has the most."""
    [(host, _)] = Counter(newcomer.host for newcomer in mute).most_common(1)
    oldest = next(newcomer for newcomer in mute if newcomer.host == host)
    mute.remove(oldest)
    oldest.connection.close()


class _Warnings:
    """Logs each warning once, and only a limited number of different ones."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said and len(self._said) < _MOST_WARNINGS:
            self._said.add(text)
            log.warning(text)


def _number_of(newcomer: Newcomer, warn: _Warnings) -> int | None:
    """The number of its process; None until it is proved, -1 if it is not a worker."""
    try:
        return newcomer.number()
    except StrangerError as error:
        if str(error):
            warn(f"{newcomer.host} {error}.")
        return -1


def _waits(connection: socket.socket) -> bool:
    """Whether a process is still connected and sends nothing; closes the connection if not."""
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
    """Connects to the first process in all others, and waits for its answer."""
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
    """Restores the handler of SIGTERM, which TensorFlow replaces when it connects processes."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
