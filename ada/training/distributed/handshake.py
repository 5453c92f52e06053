"""How processes of one training prove to each other that they know its secret.

Worker: `ada worker NUMBER NONCE`. First: `ada waits NONCE PROOF`. Worker: `ada here PROOF`. A proof
is HMAC-SHA256 of who says it and both nonces: it says nothing of the secret, and holds once.
"""

import hmac
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Sequence

from ada.utils.hosts import is_loopback

SECRET = "ADA_WORKERS_SECRET"
# Time limit for the other end of a connection to prove its identity.
MUTE_SECS = 10.0
_POLL_SECS = 0.2
_MOST_BYTES = 160  # of a line
_HELLO = re.compile(rb"ada worker (\d{1,6}) ([0-9a-f]{32})\n")
_WAITS = re.compile(rb"ada waits ([0-9a-f]{32}) ([0-9a-f]{64})\n")
_HERE = re.compile(rb"ada here ([0-9a-f]{64})\n")
_LINE = re.compile(rb"[ -~]*\n?")
NO_SECRET = f"does not know the secret of these workers: give all the same {SECRET}"


class StrangerError(Exception):
    """The other end of a connection is not a worker of this training; the message says why."""


def is_open(addresses: Sequence[str]) -> bool:
    """Whether other machines may connect to the workers, without a secret that prevents it."""
    return not _secret() and not all(is_loopback(a.rsplit(":", 1)[0]) for a in addresses)


class Newcomer:
    """A connection to the first process whose process number is not proved yet."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self.connection, self.host = connection, host
        self._said, self._deadline = b"", time.monotonic() + MUTE_SECS
        self._number, self._nonces = -1, b""
        connection.setblocking(False)

    def number(self) -> int | None:
        """The number of its process; None until it is proved. Does not block.

        Raises:
          StrangerError: if it is not a worker of this training.
        """
        line = self._line()
        if line is None:
            return None
        if self._nonces:
            return self._number if _proves(_HERE, line, self._number, self._nonces) else None
        hello = _HELLO.fullmatch(line)
        if not hello:
            raise StrangerError("")
        ours = _nonce()
        self._number, self._nonces = int(hello[1]), hello[2] + ours
        answer = b"ada waits %s %s\n" % (ours, _proof("first", self._nonces))
        try:
            self.connection.sendall(answer)
        except OSError as error:
            raise StrangerError("") from error
        return None

    def _line(self) -> bytes | None:
        """The next line; None until it is complete."""
        try:
            more = self.connection.recv(_MOST_BYTES)
        except BlockingIOError:
            if time.monotonic() < self._deadline:
                return None
            raise StrangerError(
                "has connected to this worker and says nothing: is it no worker, or cut off"
            ) from None
        except OSError as error:
            raise StrangerError("") from error
        self._said += more
        if not more or len(self._said) > _MOST_BYTES or not _LINE.fullmatch(self._said):
            raise StrangerError("")
        if time.monotonic() > self._deadline:
            raise StrangerError("takes too long to say who it is")
        if not self._said.endswith(b"\n"):
            return None
        line, self._said = self._said, b""
        return line


def introduce(connection: socket.socket, number: int) -> None:
    """Proves to the first process that this is process `number`, and asks it for the same.

    Raises:
      StrangerError: if the other end is not a worker of this training, or does not answer.
    """
    mine, deadline = _nonce(), time.monotonic() + MUTE_SECS

    def gives_up() -> None:
        if time.monotonic() > deadline:
            raise StrangerError("takes the connection and says nothing")

    connection.sendall(b"ada worker %d %s\n" % (number, mine))
    line = hear_line(connection, gives_up)
    waits = _WAITS.fullmatch(line)
    if not waits:
        raise StrangerError("does not answer like a worker")
    nonces = mine + waits[1]
    if not hmac.compare_digest(waits[2], _proof("first", nonces)):
        raise StrangerError(NO_SECRET)
    connection.sendall(b"ada here %s\n" % _proof(number, nonces))


def hear_line(connection: socket.socket, minds: Callable[[], None]) -> bytes:
    """The next line; an incomplete one if the other end closes the connection.

    Args:
      connection: to read from.
      minds: called repeatedly while waiting; raises an exception to stop.
    """
    connection.settimeout(_POLL_SECS)
    line = b""
    while not line.endswith(b"\n") and len(line) < _MOST_BYTES:
        minds()
        try:
            more = connection.recv(1)
        except TimeoutError:
            continue
        if not more:
            break
        line += more
    return line


def _proves(pattern: re.Pattern, line: bytes, number: int, nonces: bytes) -> bool:
    found = pattern.fullmatch(line)
    if not found:
        raise StrangerError("")
    if not hmac.compare_digest(found[1], _proof(number, nonces)):
        raise StrangerError(NO_SECRET)
    return True


def _secret() -> bytes:
    return os.fsencode(os.environ.get(SECRET, ""))


def _nonce() -> bytes:
    return secrets.token_hex(16).encode()


def _proof(who: int | str, nonces: bytes) -> bytes:
    said = b"ada %s %s" % (str(who).encode(), nonces)
    return hmac.new(_secret(), said, "sha256").hexdigest().encode()
