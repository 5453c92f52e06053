"""Streams to people: names from elsewhere cannot steer a terminal, and nobody need listen."""

import os
import re
from typing import Any, TextIO

# Control characters of terminals and of the direction of text, without tab and newline.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    r"""A text with its control characters as `\x1b` and the like; its lines stay lines."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def printable(text: str) -> str:
    """A text in one line that any terminal takes, whatever bytes a file name in it holds."""
    one_line = escaped(text).replace("\n", "\\n")
    return one_line.encode("utf-8", "backslashreplace").decode("utf-8")


class Forgiving:
    """A stream that drops what nobody reads any more, instead of ending the command for it.

    Args:
      stream: to write to.
      drops: errors upon which it writes nothing more; others are raised.
      escapes: whether control characters are escaped.
    """

    def __init__(self, stream: TextIO, drops: type[OSError], escapes: bool = True) -> None:
        self._stream, self._drops, self._escapes = stream, drops, escapes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    # tqdm asks whether what is written goes to where its bars are.
    def __eq__(self, other: object) -> bool:
        return self._stream is getattr(other, "_stream", other)

    def __hash__(self) -> int:
        return hash(self._stream)

    @property
    def unescaped(self) -> "Forgiving":
        """The same for what steers the terminal on purpose."""
        return Forgiving(self._stream, self._drops, escapes=False)

    def write(self, text: str) -> int:
        try:
            self._stream.write(escaped(text) if self._escapes else text)
        except self._drops:
            give_up(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except self._drops:
            give_up(self._stream)


def give_up(stream: TextIO) -> None:
    """Drops what cannot be written: Python would try again at exit."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
