"""Errors whose message is all that a user needs to see."""


class UserError(Exception):
    """Something a user can mend: one line that says what is wrong, and the way out."""


class UsageError(UserError):
    """A command line that cannot be: commands exit with 2 instead of 1."""


class StoppedError(UserError):
    """Stopped from outside, with nothing lost: the same command goes on. Exits with 75."""
