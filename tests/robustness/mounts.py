"""File systems in memory, for tests that fill them or make them read-only."""
import contextlib
import subprocess
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, size: str = "64m"):
    """An empty file system of a size on a new folder; skips the test where the system does not allow it."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def make_read_only(folder: Path) -> None:
    """Refuse every further write to a folder that `mounted` has made, to any user."""
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
