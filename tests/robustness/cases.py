"""What the fuzz tests share: how many cases, damaged bytes, and one case from the damage to its outcome.

A case ends well in two ways: the reader gives a result that holds together, or it raises one VscgError. Everything else
is a fault: another exception, a crash, a hang, code that ran, a file that was written, memory that grew.
"""
import json
import os
import select
import subprocess
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
LONG = os.environ.get("VSCG_FUZZ") == "long"
HANG = 120     # s; on a busy machine a second may take twenty


def cases(short: int, long: int | None = None):
    """How many examples a test has: `short` in CI, always the same ones; in the long run `long`, or 8 times as many.

    Set VSCG_FUZZ=long for that: it draws new ones each time.
    """
    return settings(max_examples=(long or 8 * short) if LONG else short, derandomize=not LONG, deadline=None,
                    database=None, print_blob=True, suppress_health_check=list(HealthCheck),
                    phases=[Phase.explicit, Phase.generate])


class Child:
    """The process that reads: a crash of a C library ends it, and not the tests."""

    def __init__(self, folder: Path):
        self.folder, self.log, self.process = folder, folder.with_suffix(".log"), None
        self.folder.mkdir(exist_ok=True)

    def ask(self, reader: str, path: Path, options: dict, limit: int) -> dict:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "tests.robustness.child"], cwd=ROOT, text=True, bufsize=1,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log.open("w"),
                env={**os.environ, "OMP_NUM_THREADS": "1", "VSCG_HOME": str(self.folder / "home"), "TQDM_DISABLE": "1"})
            assert self.process.stdout.readline() == "ready\n", self.log.read_text()
        self.process.stdin.write(json.dumps([reader, str(path), options, limit]) + "\n")
        if not select.select([self.process.stdout], [], [], HANG)[0]:
            self.close()
            return {"outcome": "hung", "text": f"no answer within {HANG} s"}
        answer = self.process.stdout.readline()
        if answer:
            return json.loads(answer)
        self.process.wait()
        return {"outcome": "crashed", "text": f"status {self.process.returncode}\n{self.log.read_text()[-3000:]}"}

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def case(self, reader: str, path: Path, *, limit: int = 64, **options) -> object:
        """One case: the result of a reader of `readers.py`, or None where it refused the file.

        `limit` is how much memory (MiB) reading may take beyond ten times the file's size.
        """
        before = path.read_bytes() if path.is_file() else None
        answer = self.ask(reader, path, options, limit)
        assert answer["outcome"] in ("read", "refused"), f"{reader} {answer['outcome']}: {answer['text']}"
        assert before is None or path.read_bytes() == before, f"{reader} changed {path}"
        self.said = answer["text"]
        return answer.get("result") if answer["outcome"] == "read" else None


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
