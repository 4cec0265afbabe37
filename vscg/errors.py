"""The one family of errors that a user can cause."""


class VscgError(Exception):
    """Bad input: the message says what was wrong, in which file, and what to do."""
