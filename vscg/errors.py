"""The one family of errors that a user can cause, and the check of a named choice."""
import reprlib


class VscgError(Exception):
    """Bad input: the message says what was wrong, in which file, and what to do."""


def choose(what: str, value: str, allowed: tuple[str, ...] | list[str] | dict) -> None:
    """Raise VscgError unless `value` is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise VscgError(f"{what} {reprlib.repr(value)} is unknown: choose one of {', '.join(allowed)}.")
