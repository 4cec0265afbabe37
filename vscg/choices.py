"""Checking one named choice."""
import reprlib

from vscg.errors import VscgError


def choose(what: str, value: str, allowed: tuple[str, ...] | list[str] | dict) -> None:
    """Raise VscgError unless `value` is one of `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        raise VscgError(f"{what} {reprlib.repr(value)} is unknown: choose one of {', '.join(allowed)}.")
