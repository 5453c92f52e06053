"""Errors whose message is all that a user needs to see."""

import re

# Messages of operating systems, and hints.
_HINTS = {
    r"No space left on device|Disk quota exceeded|File too large": (
        "Make room and give the same command again: what was finished is kept"
    ),
    r"Read-only file system|Permission denied": (
        "Name another directory, or change who may read and write there"
    ),
}


class UserError(Exception):
    """Something a user can mend: one line that says what is wrong, and the way out."""


class UsageError(UserError):
    """A command line that cannot be: commands exit with 2 instead of 1."""


class Terminated(KeyboardInterrupt):  # noqa: N818 - like its base, it is no error
    """SIGTERM came: whatever minds Ctrl-C minds this as well."""


class StoppedError(UserError):
    """Stopped from outside, with nothing lost: the same command resumes. Exits with 75."""


def first_line(error: BaseException) -> str:
    """The message of an error in one line; its type if there is no message."""
    return (str(error).strip() or repr(error)).splitlines()[0].strip()


def reason(error: Exception) -> str:
    """Why something failed: of errors of files what the operating system says, without the name."""
    return getattr(error, "strerror", None) or str(error)


def with_hint(text: str) -> str:
    """A message of an operating system without its full stop, with a hint if there is one."""
    text = text.rstrip(".")
    return ". ".join([text, *(hint for said, hint in _HINTS.items() if re.search(said, text))])
