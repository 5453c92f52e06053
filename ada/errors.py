"""The one kind of error whose message is all that a user needs to see."""


class UserError(Exception):
    """Something a user can mend: one line that says what is wrong, and the way out."""
