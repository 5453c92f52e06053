"""Errors whose message is all that a user needs to see."""


class UserError(Exception):
    """Something a user can mend: one line that says what is wrong, and the way out."""


class UsageError(UserError):
    """A command line that cannot be: commands exit with 2 instead of 1."""


class Terminated(KeyboardInterrupt):  # noqa: N818 - like its base, it is no error
    """SIGTERM came: whatever minds Ctrl-C minds this as well."""


class StoppedError(UserError):
    """Stopped from outside, with nothing lost: the same command goes on. Exits with 75."""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its type where it says nothing."""
    return (str(error).strip() or repr(error)).splitlines()[0].strip()
