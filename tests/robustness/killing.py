"""Training runs in processes of their own that the kernel ends at a chosen moment, and what must not depend on it."""
import json
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vscg.data.prepared import read_prepared
from vscg.training import loop
from vscg.training.config import RunConfig
from vscg.training.records import Record

PACKAGE = str(Path(loop.__file__).parents[1])
TIMING = ("finished", "seconds", "peak_memory_bytes", "sum")       # fields of a record that two equal runs differ in
PROCESSES = multiprocessing.get_context("forkserver")


def numbers(record: Record) -> dict:
    """What must not depend on when, how often or by what a run was interrupted: its files, byte by byte."""
    files = {path.name: path.read_bytes() for path in record.folder.iterdir() if path.name != "record.json"}
    return files | {name: value for name, value in record.values.items() if name not in TIMING}


class Kill(NamedTuple):
    """When a process ends: so many lines of the package after the beginning of an epoch (from 0); the one after the
    last is the writing of the record."""

    epoch: int
    after: float


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


def train(config: RunConfig, data: Path, store: Path, epoch_begins, threads: int = 1) -> Record:
    """One run in this process; `epoch_begins` is called with each epoch's number, and before the record is written."""
    train_epoch, write_record = loop.Run.train_epoch, loop.write_record
    loop.Run.train_epoch = lambda run, done: (epoch_begins(run.epoch), train_epoch(run, done))[1]
    loop.write_record = lambda *arguments: (epoch_begins(config.epochs), write_record(*arguments))[1]
    torch.set_num_threads(threads)
    return loop.fit(config, dataset=read_prepared(data), store=store, device="cpu", progress=False, save_every=0)


def _train(config, data, store, kill, threads) -> None:
    def note(epoch):
        with log_of(store).open("a") as log:
            log.write(f"{os.getpid()} {epoch}\n")
        if kill and epoch == kill.epoch:
            Lines(kill.after).follow()

    train(config, data, store, note, threads).model()


def _count(config, data, store) -> None:
    lines, seen = Lines(), []
    lines.follow()
    train(config, data, store, lambda epoch: seen.append(lines.count))
    sys.settrace(None)
    log_of(store).write_text(json.dumps(np.diff([*seen, lines.count]).tolist()))


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
    process = PROCESSES.Process(target=_count, args=(config, data, store), daemon=True)
    process.start()
    process.join()
    return json.loads(log_of(store).read_text())
