"""Waiting for other processes where signals are heard: TensorFlow's own waiting hears none."""

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from ada import log
from ada.errors import UserError

TRY_EVERY_SECS = 0.2
TELL_EVERY_SECS = 30.0


def wait_for_all(addresses: Sequence[str], number: int) -> None:
    """Returns once every address is listened on, by this wait or by what comes after it.

    Args:
      addresses: "host:port" of all processes.
      number: of this one; its port is free again afterwards.

    Raises:
      UserError: if this process's port is taken.
    """
    with _listening(int(addresses[number].rsplit(":", 1)[1])):
        missing = [address for k, address in enumerate(addresses) if k != number]
        told = time.monotonic()
        while missing := [address for address in missing if not _listens(address)]:
            if time.monotonic() - told > TELL_EVERY_SECS:
                log.info(f"Still waiting for {', '.join(missing)}.")
                told = time.monotonic()
            time.sleep(TRY_EVERY_SECS)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[None]:
    try:
        listener = socket.create_server(("", port))
    except OSError as error:
        raise UserError(
            f"port {port}, this worker's own, cannot be used ({error.strerror}): end what has it, "
            "or name another."
        ) from error
    with listener:
        yield


def _listens(address: str) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5.0).close()
    except OSError:
        return False
    return True


def hear_signals() -> None:
    """Takes back the answer to SIGTERM, which TensorFlow takes over when it connects processes."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
