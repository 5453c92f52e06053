"""Meeting the other processes where signals are heard: TensorFlow's own waiting hears none."""

import errno
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Sequence

from ada.utils import log
from ada.utils.errors import UserError

POLL_SECS = 0.2
TELL_EVERY_SECS = 30.0
# A server of an earlier run may still have the port: it cannot answer like this.
_HELLO, _GO = "ada worker {}\n", b"ada go\n"


def wait_for_all(addresses: Sequence[str], number: int) -> None:
    """Returns once all processes wait at the same time.

    Each keeps a connection to the first one, which answers all of them when the last has come; one
    that is gone again by then has to come back.

    Args:
      addresses: "host:port" of all processes.
      number: of this one; its port is free again afterwards.

    Raises:
      UserError: if this process's port cannot be used.
    """
    with _listen(int(addresses[number].rsplit(":", 1)[1])) as listener:
        if number == 0:
            _gather(listener, addresses)
        else:
            _join(addresses[0], number)


class _Reminder:
    """Says now and then who is waited for."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, missing: str) -> None:
        if time.monotonic() - self._told > TELL_EVERY_SECS:
            log.info(f"Still waiting for {missing}.")
            self._told = time.monotonic()


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


def _gather(listener: socket.socket, addresses: Sequence[str]) -> None:
    """What the first process does."""
    listener.settimeout(POLL_SECS)
    present: dict[int, socket.socket] = {}
    reminder = _Reminder()
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            pass
        else:
            number = _number_of(connection)
            if number in range(1, len(addresses)):
                present[number] = connection
            else:
                connection.close()
        present = {k: c for k, c in present.items() if _waits(c)}
        if len(present) == len(addresses) - 1:
            break
        reminder(", ".join(a for k, a in enumerate(addresses) if k and k not in present))
    for connection in present.values():
        with connection:
            connection.sendall(_GO)


def _number_of(connection: socket.socket) -> int | None:
    """Which process a connection is of; None if it is of something else."""
    connection.settimeout(5.0)
    try:
        found = re.fullmatch(_HELLO.format(r"(\d+)"), connection.recv(64).decode())
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) if found else None


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


def _join(address: str, number: int) -> None:
    """What the others do."""
    host, port = address.rsplit(":", 1)
    reminder = _Reminder()
    while True:
        reason = "it is not there yet"
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5.0) as connection:
                connection.sendall(_HELLO.format(number).encode())
                if _is_told_to_go(connection):
                    return
        except OSError as error:
            reason = error.strerror or reason
        reminder(f"{address} ({reason})")
        time.sleep(POLL_SECS)


def _is_told_to_go(connection: socket.socket) -> bool:
    """Waits for the answer of the first process; whether it was the right one."""
    connection.settimeout(POLL_SECS)
    answer = b""
    while _GO.startswith(answer) and answer != _GO:
        try:
            more = connection.recv(len(_GO) - len(answer))
        except TimeoutError:
            continue
        if not more:
            return False
        answer += more
    return answer == _GO


def hear_signals() -> None:
    """Answers SIGTERM as before: TensorFlow answers it itself once it connects processes."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
