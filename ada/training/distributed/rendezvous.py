"""Meeting the other processes where signals are heard: TensorFlow's own waiting hears none."""

import contextlib
import errno
import functools
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence

from ada.utils import log
from ada.utils.errors import StoppedError, UserError

POLL_SECS = 0.2
TELL_EVERY_SECS = 30.0
# So long all wait for the last: schedulers may start some of them much later.
LIMIT_SECS = 3600.0
# So long somebody who has connected, or was connected to, may say nothing.
MUTE_SECS = 10.0
# Connections that have said nothing yet; more are refused, so that they cannot use up all files.
MOST_MUTE = 64
# A server of an earlier run may still have the port: it cannot answer like this.
_HELLO, _HERE, _GO = "ada worker {}\n", b"ada waits\n", b"ada go\n"


def wait_for_all(addresses: Sequence[str], number: int) -> None:
    """Returns once all processes wait at the same time.

    Each keeps a connection to the first one, which answers all of them when the last has come; one
    that is gone again by then has to come back. Nobody proves who they are: ports of workers belong
    on a network of their own, and a warning names peers that connect and say nothing.

    Args:
      addresses: "host:port" of all processes.
      number: of this one; its port is free again afterwards.

    Raises:
      UserError: if this process's port cannot be used.
      StoppedError: if not all have come within `LIMIT_SECS`.
    """
    deadline = time.monotonic() + LIMIT_SECS
    with _listen(int(addresses[number].rsplit(":", 1)[1])) as listener:
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


def _listen(port: int) -> socket.socket:
    for family in (socket.AF_INET6, socket.AF_INET):  # the first serves both, where it is there
        try:
            return socket.create_server(
                ("", port), family=family, dualstack_ipv6=family == socket.AF_INET6
            )
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
    mute: list[_Newcomer] = []
    reminder = _Reminder(deadline)
    try:
        while True:
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection, (host, *_) = listener.accept()
                mute.append(_Newcomer(connection, host))
            for newcomer in [*mute]:
                number = newcomer.number()
                if number is None:
                    continue
                mute.remove(newcomer)
                if number in range(1, len(addresses)) and newcomer.answer():
                    present[number] = newcomer.connection
                else:
                    newcomer.connection.close()
            while len(mute) > MOST_MUTE:
                mute.pop(0).connection.close()
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


class _Newcomer:
    """A connection that has not said yet which process it is of."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self.connection, self._host = connection, host
        self._said, self._deadline = b"", time.monotonic() + MUTE_SECS
        connection.setblocking(False)

    def number(self) -> int | None:
        """Which process it is of; None while it has not said, -1 if it is of something else."""
        try:
            more = self.connection.recv(64)
        except BlockingIOError:
            if time.monotonic() < self._deadline:
                return None
            log.warning(
                f"{self._host} has connected to this worker and says nothing: is it no worker, or "
                "cut off?"
            )
            return -1
        except OSError:
            return -1
        self._said += more
        begins = _HELLO.format("").encode()[:-1]
        is_hello = self._said.startswith(begins) or begins.startswith(self._said)
        if more and is_hello and len(self._said) < 64 and not self._said.endswith(b"\n"):
            return None
        found = re.fullmatch(_HELLO.format(r"(\d{1,6})").encode(), self._said)
        return int(found[1]) if found else -1

    def answer(self) -> bool:
        """Lets it know that it has found the first process."""
        with contextlib.suppress(OSError):
            return self.connection.send(_HERE) == len(_HERE)
        return False


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
    reminder, warned = _Reminder(deadline), False
    while True:
        reason = "it is not there yet"
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.sendall(_HELLO.format(number).encode())
                mute_after = time.monotonic() + MUTE_SECS
                is_mute = functools.partial(_is_past, mute_after)
                if not _hears(connection, _HERE, is_mute):
                    reason = "what is there does not answer like a worker"
                    if is_mute() and not warned:
                        log.warning(f"{address} takes the connection and says nothing.")
                        warned = True
                elif _hears(connection, _GO, lambda: reminder(address)):
                    return
        except OSError as error:
            reason = error.strerror or reason
        reminder(f"{address} ({reason})")
        time.sleep(POLL_SECS)


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


def _hears(connection: socket.socket, wanted: bytes, gives_up: Callable[[], bool | None]) -> bool:
    """Waits for an answer; whether it was the right one."""
    connection.settimeout(POLL_SECS)
    answer = b""
    while wanted.startswith(answer) and answer != wanted:
        try:
            more = connection.recv(len(wanted) - len(answer))
        except TimeoutError:
            if gives_up():
                return False
            continue
        if not more:
            return False
        answer += more
    return answer == wanted


def hear_signals() -> None:
    """Answers SIGTERM as before: TensorFlow answers it itself once it connects processes."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
