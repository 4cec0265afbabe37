"""Arms in turn: each in a process of its own, one short turn after the other, so that all see the same noise."""
import json
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from benchmarks.arms import ARMS
from vscg.errors import VscgError

ROOT = Path(__file__).resolve().parents[1]
# Each of them would change an arm's allocator.
ALLOCATOR_VARIABLES = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "THP_MEM_ALLOC_ENABLE", "PYTORCH_CUDA_ALLOC_CONF",
                       "PYTORCH_ALLOC_CONF")


class Worker:
    """A process that does one arm's turns when it is told to. Use as a context manager."""

    def __init__(self, arm: str, job: dict):
        self.arm = arm
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ALLOCATOR_VARIABLES)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**kept, "OMP_NUM_THREADS": str(job["threads"])})
        self._send(json.dumps({**job, "arm": asdict(ARMS[arm])}))

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *error) -> None:
        self.process.terminate()         # at the end of its input it would leave by itself, after the step in hand
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):      # of an arm that died: what was not sent would be sent now
                pipe.close()

    def start_turn(self) -> None:
        self._send("go")

    def end_turn(self) -> dict:
        """What the turn took; VscgError if the process has died."""
        line = self.process.stdout.readline()
        if not line:
            raise VscgError(f"The arm {self.arm!r} ended with status {self.process.wait()}: its error stands above.")
        return json.loads(line)

    def _send(self, line: str) -> None:
        with suppress(BrokenPipeError):          # the next `end_turn` tells
            print(line, file=self.process.stdin, flush=True)


def take_turns(jobs: dict[str, list[tuple[str, dict]]], rounds: int, warm: int = 2, sessions: int = 1) -> list[dict]:
    """One row for each round and contestant: what its turn took.

    Args:
        jobs: contestant -> its workers, arm and job each. Several workers turn at the same time.
        rounds: of a session that count, after `warm` ones that do not. Who is first changes from round to round.
        sessions: each begins with new processes, because two processes of one arm differ, too: what the C library
            gives back to the system depends on where its blocks happen to lie.
    """
    rows = []
    for session in range(sessions):
        with ExitStack() as stack:
            teams = {name: [stack.enter_context(Worker(*job)) for job in team] for name, team in jobs.items()}
            order = list(teams)
            for number in range(-warm, rounds):
                for name in order:
                    for worker in teams[name]:
                        worker.start_turn()
                    answer = max((worker.end_turn() for worker in teams[name]), key=lambda answer: answer["seconds"])
                    if number >= 0:
                        rows.append({"round": session * rounds + number, "arm": name, **answer})
                order = order[1:] + order[:1]
    return rows
