"""What a worker does in a turn: a step, an epoch, a whole run, or a measurement of the machine itself."""
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.arms import Arm
from benchmarks.profiling import seconds_by_group
from benchmarks.published import PublishedLoop
from benchmarks.roofline import copy_speed, product_speed
from vscg.data.prepared import read_prepared
from vscg.training.batches import Features
from vscg.training.config import SCHEDULES, RunConfig
from vscg.training.loop import Run, fit


class PackageLoop:
    """The package's training, `vscg.training.loop.Run`, behind the methods of `PublishedLoop`."""

    def __init__(self, folder: Path, config: RunConfig, device: torch.device):
        data = read_prepared(folder / "prepared.h5")
        self.inner = Run(config, Features(data, device, config.modality, config.precision), data.splits, device)
        self.truth, self.train_epoch = data.labels.argmax(-1), self.inner.train_epoch

    def evaluate(self) -> dict:
        return self.inner.evaluate(self.truth)

    def next_epoch(self, row: dict) -> None:
        self.inner.history.append({"epoch": self.inner.epoch + 1, **row})
        self.inner.epoch += 1


def configuration(job: dict, arm: Arm) -> RunConfig:
    config = {"first_look": 0, **job["config"]}
    schedule = replace(SCHEDULES[RunConfig.system, config["setting"]], epochs=config["epochs"], look_every=1,
                       first_look=config.pop("first_look"))
    return RunConfig(data=str(Path(job["folder"]) / "prepared.h5"), drop_last=True, precision=arm.precision,
                     schedule=schedule, **config).resolve()


def loop(job: dict, arm: Arm, device: torch.device) -> PublishedLoop | PackageLoop:
    config = configuration(job, arm)
    if arm.loop == "vscg":
        return PackageLoop(Path(job["folder"]), config, device)
    return PublishedLoop(Path(job["folder"]), config, device, arm)


def steps(job: dict, arm: Arm, device: torch.device, turn) -> None:
    """A turn is one optimiser step, its batch included."""
    training = loop(job, arm, device)
    turn.wait()
    while True:
        training.next_epoch(training.train_epoch(lambda count: turn.done()))


def epochs(job: dict, arm: Arm, device: torch.device, turn) -> None:
    """A turn is a pass over the training clips, then an evaluation of validation and test clips."""
    training = loop(job, arm, device)
    turn.wait()
    while True:
        start = time.perf_counter()
        row = training.train_epoch(lambda count: None)
        turn.synchronise()
        middle = time.perf_counter()
        row |= training.evaluate()
        training.next_epoch(row)
        turn.done(train_seconds=middle - start, evaluate_seconds=time.perf_counter() - middle)


def runs(job: dict, arm: Arm, device: torch.device, turn) -> None:
    """A turn is a whole run, the reading of its data included; the process is good for one."""
    config = configuration(job, arm)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)])      # imports much of torch, which is no data read
    turn.wait()
    if arm.loop == "vscg":
        with tempfile.TemporaryDirectory() as store:
            record = fit(config, store=Path(store), device=device.type, progress=False)
            history = record.history.to_dict("records")
    else:
        history = PublishedLoop(Path(job["folder"]), config, device, arm).run()
    turn.done(losses=[row["loss"] for row in history],
              accuracies=[history[-1]["val_accuracy"], history[-1]["test_accuracy"]])


def profiles(job: dict, arm: Arm, device: torch.device, turn) -> None:
    """A turn is an epoch under the profiler."""
    training = loop(job, arm, device)
    turn.wait()
    while True:
        parts, row = seconds_by_group(lambda: training.train_epoch(lambda count: None), job["config"]["batch"], device)
        training.next_epoch(row)
        turn.done(parts=parts)


def machine(job: dict, arm: Arm, device: torch.device, turn) -> None:
    """A turn is the machine's own speed: the product at the heart of AGVA, and a copy."""
    turn.wait()
    while True:
        turn.done(product_flops=product_speed(job["config"]["batch"], device), copy_bytes=copy_speed(device))


WORK = {"steps": steps, "epochs": epochs, "runs": runs, "profiles": profiles, "machine": machine}
