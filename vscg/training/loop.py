"""fit(): trains any system on any data set, and leaves a run record. It knows no model by name."""
import datetime
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from vscg.data import load_dataset
from vscg.data.labels import SEGMENTS
from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.machine import graphs
from vscg.machine.device import device_name, forget_peak_memory, peak_memory, usable_device
from vscg.machine.files import in_use, locked, runs_dir
from vscg.models import build_model
from vscg.training.batches import Features, arithmetic, forward, predict
from vscg.training.checkpoint import check_state, read_state, write_state
from vscg.training.config import RunConfig
from vscg.training.evaluation import segment_accuracy, summarise
from vscg.training.objectives import build_objective
from vscg.training.records import Record, read_record, run_key, write_record


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
                                 **config.model_options).to(device)
        self.objective = build_objective(config.system, setting=config.setting, variant=config.variant,
                                         loss=config.loss, target=config.target, stale_avps=config.stale_avps,
                                         empty_as_first=config.empty_as_first).to(device)
        # The one term that can keep something from batch to batch takes new memory for it.
        replayed = graphs.wanted(device) and not (config.stale_avps and len(self.objective.stateful))
        # One kernel for all parameters, where launching kernels costs; on a CPU it gains nothing.
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.lr, fused=device.type == "cuda",
                                          capturable=replayed)
        if replayed:
            for group in self.optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], device=device)      # where a recorded step reads it
        self.step = graphs.Replayed(self._step, self._changing) if replayed else self._step
        self.rows = splits["train"]
        if config.background:
            self.rows = np.concatenate([self.rows, splits["background"]])
        self.epoch, self.seconds, self.history = 0, 0.0, []
        self.best: dict[str, dict[str, Tensor]] = {}       # selection -> weights and predictions at its best epoch

    def train_epoch(self, step_done) -> dict:
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
            rate = config.learning_rate(self.epoch, self.epoch * len(batches) + number)
            for group in self.optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
            losses.append(self.step(*self.features.batch(rows)))
            step_done(1)
        # Read once an epoch, so that a GPU need not wait for the host at every step.
        table, names = torch.stack(losses).cpu(), ["loss", *self.objective.terms]
        for number in (~table.isfinite().all(1)).nonzero().flatten().tolist()[:1]:
            named = zip(names, table[number].tolist(), strict=True)
            values = ", ".join(f"{name} {value:.3g}" for name, value in named)
            raise VscgError(
                f"The loss is not finite in epoch {self.epoch + 1}, batch {number + 1} of {len(batches)} ({values}; "
                f"rows {batches[number][:8].tolist()} ... of the data set): lower the learning rate "
                f"({config.lr:g}) or look at these clips with `python -m vscg data check`.")
        return {"lr": rate, **dict(zip(names, table.mean(0).tolist(), strict=True))}

    def _step(self, audio: Tensor, visual: Tensor, labels: Tensor) -> Tensor:
        """One optimiser step; the loss and its parts, as they were before it."""
        total, parts = self.objective(forward(self.model, audio, visual, self.config.precision), labels)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
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
        scores = {split: segment_accuracy(predictions[split], truth[self.splits[split]]) for split in predictions}
        for selection, split in (("validation", "val"), ("test", "test")):
            seen = [row[f"{split}_accuracy"] for row in self.history if self.config.looks(row["epoch"] - 1)]
            if self.config.looks(self.epoch) and scores[split] > max(seen, default=-1.0):
                weights = {f"weights/{name}": value.detach().cpu().clone()
                           for name, value in self.model.state_dict().items()}
                classes = {f"predictions/{name}": torch.from_numpy(value.astype(np.int8))
                           for name, value in predictions.items()}
                self.best[selection] = {**weights, **classes, "epoch": torch.tensor(self.epoch + 1)}
        return {"val_accuracy": scores["val"], "test_accuracy": scores["test"]}

    def save(self, path: Path, key: str) -> None:
        """Write everything that the next epoch needs, in one atomic step."""
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{name}": value for name, value in state.items()}
        tensors |= {f"objective/{name}": value for name, value in self.objective.named_buffers()}
        for selection, best in self.best.items():
            tensors |= {f"best/{selection}/{name}": value for name, value in best.items()}
        write_state(path, tensors, {"key": key, "epoch": self.epoch, "seconds": self.seconds, "history": self.history})

    def load(self, path: Path, key: str) -> None:
        """Continue from what `save` wrote; VscgError if the file is damaged, or of another run."""
        try:
            state, tensors = read_state(path)
            if state["key"] != key:
                raise ValueError("it belongs to another run")
            self.model.load_state_dict(_below(tensors, "model/"))
            adam = self.optimizer.state_dict()
            adam["state"] = {int(index): _below(tensors, f"adam/{index}/")
                             for index in {name.split("/")[1] for name in tensors if name.startswith("adam/")}}
            self.optimizer.load_state_dict(adam)
            buffers = dict(self.objective.named_buffers())
            for name, value in _below(tensors, "objective/").items():
                if name not in buffers:
                    raise ValueError(f"the loss has no tensor {name!r}")
                owner, _, leaf = name.rpartition(".")       # not copied into the old one: its shape may be another
                setattr(self.objective.get_submodule(owner), leaf, value.to(self.features.device))
            self.best = {selection: best for selection in ("validation", "test")
                         if (best := _below(tensors, f"best/{selection}/"))}
            self.epoch, self.seconds, self.history = int(state["epoch"]), float(state["seconds"]), state["history"]
            check_state(self.history, self.epoch, self.optimizer, self.best, _picked(self.model, self.splits))
        except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise VscgError(f"{path} cannot be continued from ({error}): delete it to start this run anew.") from error


def _picked(model: nn.Module, splits: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Shapes of what is kept of a selection's best epoch."""
    return {"epoch": (), **{f"predictions/{split}": (len(splits[split]), SEGMENTS) for split in ("val", "test")},
            **{f"weights/{name}": tuple(value.shape) for name, value in model.state_dict().items()}}


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries under a prefix, without it."""
    return {name[len(prefix):]: value for name, value in tensors.items() if name.startswith(prefix)}


def fit(config: RunConfig, *, dataset: Dataset | None = None, store: Path | None = None, device: str | None = None,
        progress: bool = True, save_every: float = 10.0) -> Record:
    """Train a run, or load it if it has been trained before.

    Interrupted at any moment, the same call continues from the last saved epoch and ends with the same numbers.

    Args:
        config: the run; its gaps are filled by `RunConfig.resolve`.
        dataset: the data, if it is loaded already; else `load_dataset(config.data)`.
        store: folder of runs, default `files.runs_dir()`.
        device: "cpu" or "cuda"; default the GPU where there is one.
        progress: show a bar with loss, validation accuracy and time left.
        save_every: seconds between saved states; 0 saves after every epoch.

    Returns:
        The run's record.

    Raises:
        VscgError: bad configuration, device or data, a damaged record, or a loss that is not finite.
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
        if progress and in_use(folder):
            print(f"another process trains {folder}; waiting for it", file=sys.stderr)
        with locked(folder):
            record = read_record(folder) or _train(config, dataset, folder, on, progress, save_every)
    return record


def _train(config: RunConfig, dataset: Dataset, folder: Path, device: torch.device, progress: bool,
           save_every: float) -> Record:
    key, checkpoint = folder.name, folder / "checkpoint.safetensors"
    truth = dataset.labels.argmax(-1)
    forget_peak_memory(device)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), arithmetic(device, config.precision):
        run = Run(config, Features(dataset, device, config.modality, config.precision), dataset.splits, device)
        if checkpoint.is_file():
            run.load(checkpoint, key)
        steps = len(epoch_batches(config, run.rows, 0))
        saved = clock = time.monotonic()
        with tqdm(total=config.epochs * steps, initial=run.epoch * steps, unit="step", disable=not progress,
                  desc=f"{config.system} {config.setting}") as bar:
            while run.epoch < config.epochs:
                row = {"epoch": run.epoch + 1, **run.train_epoch(bar.update)}
                row |= run.evaluate(truth)
                run.history.append(row)
                run.epoch += 1
                bar.set_postfix(epoch=run.epoch, loss=f"{row['loss']:.3f}", val=f"{100 * row['val_accuracy']:.1f}%")
                now = time.monotonic()
                run.seconds, clock = run.seconds + now - clock, now
                if now - saved >= save_every:
                    run.save(checkpoint, key)
                    saved = now
        run.step = None        # it refers to the run: without this circle the features' memory is free at once
    test = dataset.splits["test"]
    values = {
        "key": key, "config": config.to_json(), "data": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "results": {selection: {"epoch": int(best["epoch"]),
                                **{split: summarise(best[f"predictions/{split}"].numpy().astype(int),
                                                    truth[dataset.splits[split]]) for split in ("val", "test")}}
                    for selection, best in run.best.items()},
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "seconds": run.seconds,
        "device": device_name(device), "threads": torch.get_num_threads(), "peak_memory_bytes": peak_memory(device),
        "bytes_read": dataset.visual.nbytes + dataset.audio.nbytes,
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    record = write_record(folder, values, run.history, _below(run.best[config.selection], "weights/"),
                          {"rows": test, **{selection: best["predictions/test"].numpy()
                                            for selection, best in run.best.items()}})
    checkpoint.unlink(missing_ok=True)
    return record

