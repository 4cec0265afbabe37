"""Training runs in processes of their own that the kernel ends at a chosen moment, and what must not depend on it."""
import dataclasses
import json
import multiprocessing
import os
import resource
import signal
import sys
from pathlib import Path

import torch

from vscg.data.prepared import read_prepared
from vscg.training import loop
from vscg.training.config import RunConfig
from vscg.training.records import Record

PACKAGE = str(Path(loop.__file__).parents[1])
TINY = {"train": 4, "val": 2, "test": 2, "background": 1}
TIMING = ("finished", "seconds", "peak_memory_bytes")       # fields of a record that two equal runs differ in
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["vscg.training.sweep", "torch._dynamo"])    # what `sweep` sets: there is one server


def numbers(record: Record) -> dict:
    """What must not depend on when, how often or by what a run was interrupted: its files, byte by byte."""
    files = {name: (record.folder / name).read_bytes()
             for name in ("history.csv", "state.safetensors", "predictions.safetensors")}
    return files | {name: value for name, value in record.values.items() if name not in TIMING}


@dataclasses.dataclass(frozen=True)
class Kill:
    """When a process ends: `after` so much of something, counted from the beginning of an epoch (from 0).

    The epoch after the last one is the writing of the record. `how`:
    "line": after so many lines of the package, by SIGKILL;
    "time": after so many seconds, by an alarm that nobody handles;
    "write": in the middle of the first write that makes a file longer than so many bytes, by SIGXFSZ.
    """

    epoch: int
    how: str
    after: float

    SIGNALS = {"line": signal.SIGKILL, "time": signal.SIGALRM, "write": signal.SIGXFSZ}

    def arm(self) -> None:
        if self.how == "time":
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, self.after)
        elif self.how == "write":
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)        # Python ignores it, and the write would fail
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(self.after), resource.RLIM_INFINITY))
        else:
            Lines(self.after).follow()


class Lines:
    """Counts the lines of the package that are executed; kills the process after `limit`."""

    def __init__(self, limit: float = float("inf")):
        self.limit, self.count = limit, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.count += 1
            if self.count > self.limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return self

    def follow(self) -> None:
        sys.settrace(self)
        frame = sys._getframe()
        while frame:                     # the calls that are open are followed too
            frame.f_trace = self
            frame = frame.f_back


def train(config: RunConfig, data: Path, store: Path, kill: Kill | None, epoch_begins) -> Record:
    """One run in this process; `epoch_begins` is called with each epoch's number, and before the record is written.

    A kill whose moment is past, as an alarm's on a machine that has become faster, comes before the record is written.
    """
    train_epoch, write_record = loop.Run.train_epoch, loop.write_record

    armed = False

    def at(epoch):
        nonlocal armed
        epoch_begins(epoch)
        if kill and kill.epoch < epoch == config.epochs:
            os.kill(os.getpid(), signal.SIGKILL)
        if kill and epoch >= kill.epoch and not armed:
            armed = True
            kill.arm()

    def train_epoch_at(self, step_done):
        at(self.epoch)
        return train_epoch(self, step_done)

    def write_record_at(*arguments):
        at(config.epochs)
        return write_record(*arguments)

    loop.Run.train_epoch, loop.write_record = train_epoch_at, write_record_at
    return loop.fit(config, dataset=read_prepared(data), store=store, device="cpu", progress=False, save_every=0)


def _train_and_count(config, data, store, counts) -> None:
    torch.set_num_threads(1)
    lines, seen = Lines(), []
    lines.follow()
    train(config, data, store, None, lambda epoch: seen.append(lines.count))
    sys.settrace(None)
    counts.write_text(json.dumps([end - begin for begin, end in zip(seen, [*seen[1:], lines.count], strict=True)]))


def _train(config, data, store, kill, threads) -> None:
    torch.set_num_threads(threads)

    def note(epoch):
        with log_of(store).open("a") as log:
            log.write(f"{os.getpid()} {epoch}\n")

    train(config, data, store, kill, note).model()


def log_of(store: Path) -> Path:
    """File that lists which process began which epoch, a line for each."""
    return store.with_name(f"{store.name}.log")


def start(config: RunConfig, data: Path, store: Path, kill: Kill | None = None,
          threads: int = 1) -> multiprocessing.Process:
    """Begin or continue a run in a process of its own; its status is 0 if it ends with a record that can be used."""
    process = PROCESSES.Process(target=_train, args=(config, data, store, kill, threads), daemon=True)
    process.start()
    return process


def count_lines(config: RunConfig, data: Path, store: Path) -> list[int]:
    """Train a run to its end; how many lines of the package each of its epochs takes, and the writing of its record."""
    counts = store.with_name(f"{store.name}-lines.json")
    process = PROCESSES.Process(target=_train_and_count, args=(config, data, store, counts), daemon=True)
    process.start()
    process.join()
    return json.loads(counts.read_text())
