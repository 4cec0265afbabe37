"""What the fuzz tests share: how many cases, damaged bytes, and one case from the damage to its outcome.

A case ends well in two ways: the reader gives a result that holds together, or it raises one VscgError. Everything else
is a fault: another exception, code that ran, a file that was written, memory that grew.
"""
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.robustness import readers
from vscg.errors import VscgError

LONG = os.environ.get("VSCG_FUZZ") == "long"
# What no reader has any need of; Python reports these before it does them.
FORBIDDEN = frozenset(
    "os.system os.exec os.posix_spawn os.spawn os.fork subprocess.Popen pickle.find_class socket.connect "
    "socket.getaddrinfo os.remove os.rename os.rmdir os.chmod shutil.rmtree".split())
watching: list[str] | None = None      # what happened while a reader was at work


def cases(short: int, long: int | None = None):
    """How many examples a test has: `short` in CI, always the same ones; in the long run `long`, or 8 times as many.

    Set VSCG_FUZZ=long for that: it draws new ones each time.
    """
    return settings(max_examples=(long or 8 * short) if LONG else short, derandomize=not LONG, deadline=None,
                    database=None, print_blob=True, suppress_health_check=list(HealthCheck),
                    phases=[Phase.explicit, Phase.generate])


def watch(event: str, arguments: tuple) -> None:
    if watching is not None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in FORBIDDEN or writes:
            watching.append(f"{event}{arguments}"[:300])


def memory(name: str) -> int:
    """VmRSS or VmHWM of this process in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def case(reader: str, path: Path, *more: str, limit: int = 64, writes: bool = False) -> object:
    """One case: the result of a reader of `readers.py`, given a path and what `more` it takes, or None: it refused.

    `limit` is how much memory (MiB) reading may take beyond ten times the file's size.
    """
    global watching
    size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.glob("*")))
    Path("/proc/self/clear_refs").write_text("5")      # the peak is measured from here
    before, happened = memory("VmRSS"), []
    watching = happened
    try:
        result = getattr(readers, reader)(path, *more)
    except VscgError as error:
        result = None
        assert len(str(error)) < 2000
    finally:
        watching = None
    assert writes or not happened, "reading did more than read"
    assert memory("VmHWM") - before < limit * 2**20 + 10 * size, "reading took too much memory"
    return result


sys.addaudithook(watch)


EXTREMES = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)


@st.composite
def damaged(draw, content: bytes, spots: list[range] = ()) -> bytes:
    """A file's content, cut off or changed; most changes begin in one of the `spots`, which are ranges of offsets."""
    def where() -> int:
        spot = draw(st.sampled_from(spots)) if spots and draw(st.integers(0, 9)) else range(len(content))
        return draw(st.integers(spot.start, spot.stop - 1))

    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["flip", "flip", "word", "word", "zero", "cut", "insert", "remove", "copy"]))
        at, length = min(where(), len(changed) - 1), draw(st.integers(1, 64))
        if at < 0:
            break
        if kind == "flip":
            changed[at] ^= 1 << length % 8
        elif kind == "word":
            size, order = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from(["little", "big"]))
            changed[at:at + size] = (draw(st.sampled_from(EXTREMES)) % 2 ** (8 * size)).to_bytes(size, order)
        elif kind == "zero":
            changed[at:at + length] = bytes(len(changed[at:at + length]))
        elif kind == "insert":
            changed[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif kind == "copy":
            other = where()
            changed[at:at + length] = content[other:other + length]
        else:
            del changed[at:at + length if kind == "remove" else None]
    return bytes(changed)
