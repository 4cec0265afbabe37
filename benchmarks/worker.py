"""One arm in a process of its own. It does one turn each time a line comes in, and answers with what the turn took.

The first line of standard input is the job, JSON. An end of input ends the process. The parent is `turns.Worker`.
"""
import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks.arms import Arm


def bytes_read() -> int | None:
    """Bytes that this process asked the system to read, from disk or its cache; None where it is not told."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/io").read_text().split()[1])
    return None


class Turn:
    """The clock of a turn: `wait` for one, do the work, then `done`, which reports and waits for the next."""

    def __init__(self, answers, device):
        import torch
        self.answers, self.device, self.host = answers, device, torch.device("cpu")
        self.synchronise = torch.cuda.synchronize if device.type == "cuda" else lambda: None

    def wait(self) -> None:
        if not sys.stdin.readline():
            sys.exit(0)
        self.start = self._now()

    def done(self, **found) -> None:
        """Report the turn's costs and whatever was `found`: seconds, bytes and counts of this turn, peaks so far."""
        from vscg.machine.device import peak_memory
        self.synchronise()
        cost = {name: None if value is None else value - before
                for (name, value), before in zip(self._now().items(), self.start.values(), strict=True)}
        cost["peak_host"] = peak_memory(self.host)
        cost["peak_device"] = peak_memory(self.device) if self.device.type == "cuda" else None
        print(json.dumps(cost | found), file=self.answers, flush=True)
        self.wait()

    def _now(self) -> dict:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {"seconds": time.perf_counter(), "cpu_seconds": time.process_time(), "system_seconds": usage.ru_stime,
                "page_faults": usage.ru_minflt, "bytes_read": bytes_read()}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                       # whatever a library prints is no answer
    job = json.loads(sys.stdin.readline())
    arm = Arm(**job["arm"])
    if not arm.allocator:
        os.environ["THP_MEM_ALLOC_ENABLE"] = "0"       # with it `import vscg` leaves the C library's allocator alone
    if not arm.graph:
        os.environ["VSCG_GRAPH"] = "0"
    import torch

    from benchmarks.work import WORK
    from vscg.machine.device import forget_peak_memory
    from vscg.training.batches import arithmetic

    torch.set_num_threads(job["threads"])
    device = torch.device(job["device"])
    turn = Turn(answers, device)
    forget_peak_memory(device)
    with arithmetic(device, arm.precision):
        WORK[job["work"]](job, arm, device, turn)


if __name__ == "__main__":
    main()
