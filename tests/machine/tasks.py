"""Tasks for the processes of test_cluster, in a module that takes no time to import."""
import os
import time
from pathlib import Path

from vscg.machine.cluster import Outcome
from vscg.machine.files import WriteError


def note(log: Path, name: str, seconds: float = 0.0) -> Outcome:
    """A task: notes that it begins and that it has ended."""
    for event in ("begin", "end"):
        with log.open("a") as file:
            file.write(f"{name} {event} {os.getpid()}\n")
        time.sleep(seconds if event == "begin" else 0)
    return Outcome(name.upper())


def die(log: Path) -> None:
    note(log, "deadly")
    os._exit(9)


def fail(path: Path, log: Path) -> None:
    while not log.exists():                    # another task has begun
        time.sleep(0.01)
    raise WriteError(f"{path}: cannot be written")
