"""fit(): trains any system on any data set, and leaves a run record. It knows no model by name."""
import datetime
import math
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from vscg.data import load_dataset
from vscg.data.labels import AVE
from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.machine import graphs
from vscg.machine.device import (
    device_name,
    forget_peak_memory,
    own_random,
    own_threads,
    peak_memory,
    processor,
    subnormals,
    subnormals_are_zero,
    usable_device,
)
from vscg.machine.files import in_use, locked, runs_dir
from vscg.models import build_model
from vscg.training.batches import Features, arithmetic, forward, predict
from vscg.training.checkpoint import load_run, save_run
from vscg.training.config import RunConfig, learning_rate, looks
from vscg.training.evaluation import segment_accuracy, summarise
from vscg.training.keys import run_key
from vscg.training.objectives import build_objective
from vscg.training.records import Record, code_revision, read_record, write_record

LAST = 5      # epochs at the end of a run whose test predictions are kept


def epoch_batches(config: RunConfig, rows: np.ndarray, epoch: int) -> list[Tensor]:
    """The epoch's batches of row numbers, drawn from the run's seed and the epoch alone."""
    rows = torch.from_numpy(rows)
    shuffled = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(epoch_seed(config, epoch)))]
    if config.order == "shuffled":
        rows = shuffled
    elif config.order == "first-random":
        rows = torch.cat([shuffled[:config.batch], rows[config.batch:]])
    batches = list(rows.split(config.batch))
    return batches[:-1] if config.drop_last and len(batches) > 1 and len(batches[-1]) < config.batch else batches


def epoch_seed(config: RunConfig, epoch: int) -> int:
    """Every epoch has a seed of its own, so that a resumed run draws what an uninterrupted one would have drawn."""
    return config.seed * 1_000_003 + epoch + 1


class Run:
    """The state of a run between two epochs, and the steps of one."""

    def __init__(self, config: RunConfig, features: Features, splits: dict[str, np.ndarray], device: torch.device):
        self.config, self.features, self.splits = config, features, splits
        torch.manual_seed(config.seed)
        self.model = build_model(config.system, setting=config.setting, variant=config.variant,
                                 dims=features.dims, **config.model_options).to(device)
        self.objective = build_objective(config.system, setting=config.setting, variant=config.variant,
                                         loss=config.loss, target=config.target, stale_avps=config.stale_avps,
                                         empty_as_first=config.empty_as_first).to(device)
        # The one term that can keep something from batch to batch takes new memory for it; eigenvalues need the host.
        replayed = graphs.wanted(device) and not (config.stale_avps and len(self.objective.stateful)
                                                  or "eigenvalue" in self.objective.terms)
        # One kernel for all parameters, where launching kernels costs. On a CPU it would save a tenth of a step of 8
        # clips and round otherwise; the plan's runs are without it.
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.schedule.lr, fused=device.type == "cuda",
                                          capturable=replayed)
        if replayed:
            for group in self.optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=device)      # where a recorded step reads it
        self.step = graphs.Replayed(self._step, self._changing) if replayed else self._step
        self.rows = splits["train"]
        if config.background:
            self.rows = np.concatenate([self.rows, splits["background"]])
        self.epoch, self.seconds, self.history = 0, 0.0, []
        self.best: dict[str, dict] = {}       # selection -> its best epoch (from 1), the weights and predictions there
        self.last: list[Tensor] = []          # classes of the test clips in each of the last epochs

    def next_epoch(self, truth: np.ndarray, step_done: Callable[[int], object]) -> dict:
        """Train and evaluate for one epoch; returns its row of the history. `truth` (N,T) holds all clips' classes."""
        row = {"epoch": self.epoch + 1, **self.train_epoch(step_done), **self.evaluate(truth)}
        self.history.append(row)
        self.epoch += 1
        return row

    def train_epoch(self, step_done: Callable[[int], object]) -> dict:
        """One pass over the training clips; returns the means of the loss and its parts."""
        config = self.config
        torch.manual_seed(epoch_seed(config, self.epoch))
        self.model.train()
        batches = epoch_batches(config, self.rows, self.epoch)
        losses = []
        # All row numbers go to the device at once: from here to the end of the epoch nothing waits for the host.
        numbers = torch.cat(batches)
        if self.features.device.type == "cuda":
            numbers = numbers.pin_memory()
        on_device = numbers.to(self.features.home, non_blocking=True).split([len(rows) for rows in batches])
        for number, rows in enumerate(on_device):
            rate = learning_rate(config.schedule, self.epoch, self.epoch * len(batches) + number)
            for group in self.optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
            losses.append(self.step(*self.features.batch(rows)))
            step_done(1)
        # Read once an epoch, so that a GPU need not wait for the host at every step.
        table, names = torch.stack(losses).cpu(), ["loss", *self.objective.terms]
        if not table.isfinite().all():
            raise _not_finite(self, table, names, batches)
        return {"lr": rate, **dict(zip(names, table.mean(0).tolist(), strict=True))}

    def _step(self, audio: Tensor, visual: Tensor, labels: Tensor) -> Tensor:
        """One optimiser step; the loss and its parts, as they were before it."""
        total, parts = self.objective(forward(self.model, audio, visual, self.config.precision), labels)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.config.schedule.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.schedule.clip_norm)
        self.optimizer.step()
        return torch.stack([total, *parts.values()]).detach()

    def _changing(self) -> Iterator[Tensor]:
        """All tensors that a step changes."""
        yield from self.model.state_dict().values()
        for state in self.optimizer.state.values():
            yield from state.values()

    def evaluate(self, truth: np.ndarray) -> dict:
        """Validation and test accuracy now; keeps the weights where an allowed selection sees its best."""
        predictions = {split: predict(self.model, self.features, self.splits[split], self.config.precision)
                       for split in ("val", "test")}
        number = self.features.dims.classes
        scores = {split: segment_accuracy(found, truth[self.splits[split]], number)
                  for split, found in predictions.items()}
        kind = np.int8 if number < 128 else np.int16
        classes = {split: torch.from_numpy(value.astype(kind)) for split, value in predictions.items()}
        self.last, schedule = [*self.last, classes["test"]][-LAST:], self.config.schedule
        for selection, split in (("validation", "val"), ("test", "test")):
            seen = [row[f"{split}_accuracy"] for row in self.history if looks(schedule, row["epoch"] - 1)]
            if looks(schedule, self.epoch) and scores[split] > max(seen, default=-1.0):
                weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()}
                self.best[selection] = {"epoch": self.epoch + 1, "weights": weights, "predictions": classes}
        return {"val_accuracy": scores["val"], "test_accuracy": scores["test"]}

    def results(self, truth: np.ndarray) -> dict:
        """Selection -> the epoch that it picked, and `summarise` of validation and test clips there."""
        number = self.features.dims.classes
        return {selection: {"epoch": best["epoch"],
                            **{split: summarise(classes.numpy().astype(int), truth[self.splits[split]], number)
                               for split, classes in best["predictions"].items()}}
                for selection, best in self.best.items()}


def _not_finite(run: Run, table: Tensor, names: list[str], batches: list[Tensor]) -> VscgError:
    """The error for losses (steps, names) of which one is not finite: which batch, and what to do."""
    number = int((~table.isfinite().all(1)).nonzero()[0])
    values = ", ".join(f"{name} {value:.3g}" for name, value in zip(names, table[number].tolist(), strict=True))
    return VscgError(
        f"The loss is not finite in epoch {run.epoch + 1}, batch {number + 1} of {len(batches)} ({values}; "
        f"rows {batches[number][:8].tolist()} ... of the data set): lower the learning rate "
        f"({run.config.schedule.lr:g}) or look at these clips with `python -m vscg data check`.")


def fit(config: RunConfig, *, dataset: Dataset | None = None, store: Path | None = None, device: str | None = None,
        progress: bool = True, save_every: float = 10.0, wait: bool = True) -> Record:
    """Train a run, or load it if it has been trained before.

    Interrupted at any moment, the same call continues from the last saved epoch and ends with the same numbers.

    Args:
        dataset: the data, if it is loaded already; else `load_dataset(config.data)`.
        store: folder of runs, default `files.runs_dir()`.
        device: "cpu" or "cuda"; default the GPU where there is one.
        progress: show a bar on stderr, and say there if another process trains the run.
        save_every: seconds between saved states; 0 saves after every epoch.
        wait: for another process that trains this run; without it that raises `filelock.Timeout`.
    Returns: The run's `Record`; its `fresh` says whether this call trained it.
    Raises VscgError: bad configuration, device or data, sizes that the system's structure does not allow, a damaged
        record, or a loss that is not finite.
    """
    config, on = config.resolve(), usable_device(device)
    dataset = load_dataset(config.data) if dataset is None else dataset
    for split in ("train", "val", "test"):
        if not len(dataset.splits[split]):
            raise VscgError(f"{dataset.path} has no clips in its {split} split: a run needs all three.")
    key = run_key(config, dataset.fingerprint)
    folder = (store or runs_dir()) / key
    record = read_record(folder)          # needs no lock: a store that may only be read will do
    if record is None:
        if progress and wait and in_use(folder):
            print(f"another process trains {folder}; waiting for it", file=sys.stderr)
        with locked(folder, wait):
            record = read_record(folder) or _train(config, dataset, folder, on, progress, save_every)
    return record


def _train(config: RunConfig, dataset: Dataset, folder: Path, device: torch.device, progress: bool,
           save_every: float, zero: bool = True) -> Record:
    checkpoint = folder / "checkpoint.pt"
    truth = dataset.labels.argmax(-1)
    forget_peak_memory(device)
    with own_random(), arithmetic(device, config.precision), own_threads(), subnormals(zero):
        run = Run(config, Features(dataset, device, config.modality, config.precision), dataset.splits, device)
        run.devices = []
        if checkpoint.is_file():
            load_run(checkpoint, run)
        run.devices = list(dict.fromkeys([*run.devices, device_name(device)]))
        steps = len(epoch_batches(config, run.rows, 0))
        saved = clock = time.monotonic()
        with tqdm(total=config.epochs * steps, initial=run.epoch * steps, unit="step", disable=not progress,
                  mininterval=0.1 if sys.stderr.isatty() or "ipykernel" in sys.modules else 30,     # a log is no screen
                  desc=f"{config.system} {config.setting}") as bar:
            while run.epoch < config.epochs:
                row = run.next_epoch(truth, bar.update)
                bar.set_postfix(refresh=False, epoch=run.epoch, loss=f"{row['loss']:.3f}",
                                val=f"{100 * row['val_accuracy']:.1f}%")
                now = time.monotonic()
                run.seconds, clock = run.seconds + now - clock, now
                if now - saved >= save_every:
                    save_run(checkpoint, run)
                    saved = clock = time.monotonic()       # writing the state is no training
        how = ", recorded steps" * isinstance(run.step, graphs.Replayed)
        run.step = None        # it refers to the run: without this circle the features' memory is free at once
        made = {"device": ", then ".join(run.devices) + how, "processor": processor()[0],
                "threads": torch.get_num_threads(), "maps": run.features.home.type,
                "subnormals": "zero" if device.type == "cpu" and subnormals_are_zero() else "kept"}
    values = {
        "key": folder.name, "config": config.to_json(),
        "data": {"name": dataset.name, "fingerprint": dataset.fingerprint,
                 **({} if dataset.dims == AVE else {"dims": asdict(dataset.dims)})}, "results": run.results(truth),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "seconds": run.seconds,
        **made, "peak_memory_bytes": peak_memory(device), "bytes_read": dataset.visual.nbytes + dataset.audio.nbytes,
        "versions": {"vscg": code_revision(), "python": platform.python_version(), "torch": torch.__version__,
                     "numpy": np.__version__},
    }
    classes = {selection: best["predictions"]["test"].numpy() for selection, best in run.best.items()}
    record = write_record(folder, values, run.history, run.best[config.selection]["weights"],
                          {**classes, "last": torch.stack(run.last).numpy()})
    checkpoint.unlink(missing_ok=True)
    return record


def verify(record: Record, *, dataset: Dataset | None = None, device: str | None = None) -> tuple[pd.DataFrame, bool]:
    """Train a finished run, local or shipped, anew as it was trained, and hold its numbers against the record's.

    On as many threads, and with numbers below 1.2e-38 kept or counted as zero; runs from before that was recorded kept
    them, but for two that book/plan.md names.

    Returns: one row per epoch, the record's loss, val_accuracy and test_accuracy, and how much more each is now; and
        whether the picked weights are the same bit for bit. VscgError: as `fit`, or other data than the record's.
    """
    dataset = load_dataset(record.config.data) if dataset is None else dataset
    if dataset.fingerprint != record.values["data"]["fingerprint"]:
        raise VscgError(f"{dataset.path} is not the data set that the run {record.key} was trained on.")
    with own_threads(record.values["threads"]), tempfile.TemporaryDirectory() as store:
        again = _train(record.config.resolve(), dataset, Path(store), usable_device(device), True,
                       math.inf, record.values.get("subnormals") == "zero")
        then, now = record.history, again.history
    columns = ["loss", "val_accuracy", "test_accuracy"]
    table = then[["epoch", *columns]].join((now[columns] - then[columns]).add_suffix("_now_more"))
    sums = [each.values["sums"]["state.safetensors"] for each in (record, again)]
    return table, sums[0] == sums[1]
