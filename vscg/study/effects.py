"""What the pairs of `deviations` measured: the file that ships with the book, and how it is made from the runs."""
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vscg.data import load_dataset
from vscg.data.labels import BACKGROUND
from vscg.data.prepared import Dataset, read_prepared
from vscg.errors import VscgError
from vscg.machine.files import make_folder, runs_dir, write_runs
from vscg.models import Output, predict_segments
from vscg.study import deviations
from vscg.study.deviations import Deviation
from vscg.study.statistics import mean_interval, smallest_of
from vscg.training.batches import Features, outputs
from vscg.training.config import RunConfig
from vscg.training.records import Record, read_record, records_dir, run_key

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
PAPER_THRESHOLD = 0.668       # sigmoid(0.7): the text holds the relevance itself against 0.7


@dataclass(frozen=True)
class Study:
    """What the study's file holds."""
    values: dict

    def runs(self, configs: list[RunConfig]) -> list[dict]:
        """The summaries of some runs, in their order; VscgError for one that the file lacks."""
        missing = [config for config in configs if _name(config) not in self._named]
        if missing:
            raise VscgError(f"The study of deviations lacks {len(missing)} runs, the first with {_name(missing[0])}: "
                            "train them and write the file again with `python -m vscg deviations`.")
        return [self._named[_name(config)] for config in configs]

    def holds(self, deviation: Deviation) -> bool:
        """Whether the file has all runs of a pair."""
        return all(_name(config) in self._named for way in deviation.configs() for config in way)

    @cached_property
    def _named(self) -> dict[str, dict]:
        return {json.dumps(run["config"], sort_keys=True): run for run in self.values["runs"]}

    def effects(self, pairs: tuple[Deviation, ...] | None = None) -> pd.DataFrame:
        """One line for each of `pairs`, by default all of `deviations.DEVIATIONS`, in percent and percentage points.

        Columns: row, question, `first` and `second` (means over seeds, selected by validation), `difference`, `low`,
        `high` (first minus second, `statistics.mean_interval`), `smallest` (by `statistics.POWER_RULE`), seeds, and
        `first_background`, `second_background`: the share of seconds called background. So many intervals are read one
        by one: none of them calls a sign.
        """
        return pd.DataFrame([self._effect(deviation) for deviation in pairs or deviations.DEVIATIONS])

    def _effect(self, deviation: Deviation) -> dict:
        ways = [self.runs(configs) for configs in deviation.configs()]
        first, second = (per_clip(runs) for runs in ways)
        difference, low, high = mean_interval(first - second)
        smallest = smallest_of(first - second)
        called = [100 * np.mean([run["called_background"] for run in runs]) for runs in ways]
        return {"row": deviation.row, "question": deviation.question, "first": first.mean(), "second": second.mean(),
                "difference": difference, "low": low, "high": high, "smallest": smallest, "seeds": len(first),
                "first_background": called[0], "second_background": called[1]}

    def current(self) -> int:
        """How many of the runs have the key that today's code computes."""
        asked = (RunConfig(**run["config"] | {"data": deviations.DATA}).resolve() for run in self.values["runs"])
        return sum(run["key"] == run_key(config, run["fingerprint"])
                   for run, config in zip(self.values["runs"], asked, strict=True))


def per_clip(runs: list[dict]) -> np.ndarray:
    """Accuracy of each test clip in percent, (S,N) float64, of the epoch that validation picked."""
    return 10.0 * np.array([run["validation"]["right"] for run in runs])


def _name(config: RunConfig) -> str:
    return json.dumps(_changes(config), sort_keys=True)


def _changes(config: RunConfig) -> dict:
    """The fields in which a run differs from the default run, without its data: a path would not travel."""
    usual = RunConfig(setting=config.setting, system=config.system).resolve().to_json()
    changes = {name: value for name, value in config.to_json().items() if value != usual[name] and name != "data"}
    data = {} if config.data == deviations.DATA else {"data": "duplicates"}
    return {"system": config.system, "setting": config.setting, "seed": config.seed, **changes, **data}


def collect() -> dict:
    """The content of the study's file, from the records of its runs; VscgError if runs are missing."""
    store = runs_dir()
    data, doubled = load_dataset(deviations.DATA), read_prepared(deviations.duplicates_file())
    runs, records = [], []
    configs = {_name(config): config for config in deviations.deviation_configs()}
    for config in configs.values():
        dataset = data if config.data == deviations.DATA else doubled
        record = read_record(store / run_key(config, dataset.fingerprint))
        if record is None:
            raise VscgError(f"The run with {_name(config)} has not been trained: `python -m vscg deviations` does.")
        runs.append(_summary(record, config, dataset))
        records.append(record)
    test = list(data.splits["test"])
    return {"title": "What each difference between paper and program does", "data": data.name,
            "fingerprint": data.fingerprint, "finished": max(record.values["finished"] for record in records),
            "device": "; ".join(dict.fromkeys(record.values["device"] for record in records)),
            "versions": records[-1].values["versions"],
            "duplicates": [test.index(row) for row in deviations.duplicated_rows(data.category, data.splits)[0]],
            "thresholds": [_thresholds(store / run_key(config, data.fingerprint), data)
                           for config in deviations.plateau_configs()],
            "runs": runs}


def _summary(record: Record, config: RunConfig, dataset: Dataset) -> dict:
    # Not the record's own configuration: its profile has the name under which the run was first asked for.
    truth = dataset.labels[dataset.splits["test"]].argmax(-1)
    history = record.history
    values = {"config": _changes(config), "key": record.key, "fingerprint": dataset.fingerprint}
    for selection, result in record.values["results"].items():
        predicted = record.predictions(selection)
        values[selection] = {"epoch": result["epoch"], "right": (predicted == truth).sum(1).tolist()}
        if selection == "validation":
            values["called_background"] = round(float((predicted == BACKGROUND).mean()), 5)
            values |= {name: result["test"][name] for name in ("event_accuracy", "background_accuracy")}
    for split in ("val", "test"):
        values[f"{split}_history"] = [round(value, 5) for value in history[f"{split}_accuracy"]]
    return values


@torch.inference_mode()
def _thresholds(folder: Path, data: Dataset) -> dict:
    """Seconds that are right in each clip at each threshold, from the weights of a finished run."""
    model, features = read_record(folder).model(), Features(data, torch.device("cpu"))
    right = {}
    for split in ("val", "test"):
        rows = data.splits[split]
        truth = data.labels[rows].argmax(-1)
        said = list(outputs(model, features, rows))
        relevance, category = (torch.cat([getattr(output, name) for output in said])
                               for name in ("event_relevance", "event_category"))
        right[split] = {str(threshold): (predict_segments(Output(
            event_relevance=relevance, event_category=category, threshold=threshold)).numpy() == truth).sum(1).tolist()
            for threshold in sorted({*THRESHOLDS, PAPER_THRESHOLD})}
    return right


def study_file() -> Path:
    """Where the study's results lie, committed with the book."""
    return records_dir() / "deviations.json"


def write_study() -> Path:
    """Collect the study and write its file."""
    path = study_file()
    make_folder(path.parent)
    values = collect()
    write_runs(path, values, values.pop("runs"))
    return path


def load_study(path: Path | None = None) -> Study:
    """The study that `write_study` wrote."""
    return Study(json.loads((path or study_file()).read_text(encoding="utf-8")))
