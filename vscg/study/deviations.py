"""What each difference between paper and program does: pairs of runs that differ in that alone.

Rows are named as on the deviations page. The runs are short, most of them 3 or 4 epochs, and all on planted-mini: few
enough for five seeds of everything in an hour or two on two CPU cores. So their rows are still learning, by
`statistics.LEARNING_RULE`, and an effect is one on how fast.
"""
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vscg.data import load_dataset
from vscg.data.labels import BACKGROUND
from vscg.data.prepared import Dataset, made_prepared, read_fingerprint, read_prepared
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.machine.files import data_dir, make_folder, runs_dir, value_hash, write_runs
from vscg.models import Output, predict_segments
from vscg.study.statistics import mean_interval, smallest_of
from vscg.training.batches import Features, outputs
from vscg.training.config import RunConfig
from vscg.training.records import Record, read_record, records_dir, run_key

DATA = "planted-mini"
SEEDS = 5
_SHORT = {"batch": 8, "epochs": 4}
_LONG = {"batch": 8, "epochs": 20}            # for what shows only after many evaluations
_QUICK = {"batch": 8, "epochs": 3}            # for CMBS, which costs most
DUPLICATES = 16                               # of 160 test clips; AVE has 8 in 402


@dataclass(frozen=True)
class Deviation:
    """One difference: the program's way and the other, fields of `RunConfig`; the effect is first minus second."""
    row: str                                  # of the deviations page, or what is rounded to
    question: str                             # the first way, or the second?
    first: Mapping = field(default_factory=dict)
    second: Mapping = field(default_factory=dict)
    base: Mapping = field(default_factory=dict)       # below both

    def configs(self) -> tuple[list[RunConfig], list[RunConfig]]:
        """The runs of both ways, seed by seed."""
        return tuple([RunConfig(**{"data": DATA, **_SHORT, **self.base, **way, "seed": seed}).resolve()
                      for seed in range(SEEDS)] for way in (self.first, self.second))


_WEAKLY = {"setting": "weakly"}
_LEAK = {"target": "proportion"}
_AVEL, _AVSDN, _CMRA, _CMBS = ({"system": system} for system in ("avel", "avsdn", "cmra", "cmbs"))
_TWO_HEAD = {"model_options": {"head": "two_head"}}
# VSCG itself, then the systems that the paper compares it with.
OWN = (
    Deviation("V3", "Rows of the propagation weights divided by their sum a second time, or once?",
              {}, {"model_options": {"renormalise": False}}),
    Deviation("V4", "Dropout 0.1 after ISCE, or 0.2 as in the text?", {}, {"model_options": {"escm_dropout": 0.2}}),
    Deviation("V5", "Similarity: cosine after project and norm, or Eq. 16?",
              {}, {"loss": "c+t+avps16", "model_options": {"similarity": "product"}}),
    Deviation("V6", "Category loss: one for the clip, or Eq. 17?", {}, {"loss": "c17+t+avps"}),
    Deviation("V4 to V6", "The released fully supervised variant, or the paper's?", {}, {"variant": "paper"}),
    Deviation("B1", "The library's GRU, or Eq. 4 to 8 to the letter?", {}, {"model_options": {"gru": "equations"}}),
    Deviation("B1, weakly", "The same, weakly supervised?", {}, {"model_options": {"gru": "equations"}}, _WEAKLY),
    Deviation("D3", "An incomplete last batch dropped, or kept?", {"drop_last": True}, {}, {"batch": 12}),
    Deviation("D4", "Similarity targets left over from earlier batches, or fresh?", {"stale_avps": True}, {}),
    Deviation("W3", "A tag that tells the event's duration, or the event alone?", _LEAK, {}, _WEAKLY),
    Deviation("W3, background clips", "With the clips that hold no event, or without, when the tag is the event alone?",
              {}, {"background": False}, _WEAKLY),
    Deviation("W3, background clips, leak", "The same, when the tag tells the duration?",
              {}, {"background": False}, _WEAKLY | _LEAK),
    Deviation("D2", "Batches of the sorted order, or shuffled, when the tag is the event alone?",
              {"order": "first-random"}, {}, _WEAKLY),
    Deviation("D2, leak", "The same, when the tag tells the duration?",
              {"order": "first-random"}, {}, _WEAKLY | _LEAK),
    Deviation("W1", "Crossed initial states of the GRUs, or their mean?",
              {}, {"model_options": {"crossed": False}}, _WEAKLY),
    Deviation("W2", "No linear map after the GRUs, or one as in Eq. 12?",
              {}, {"model_options": {"linear": True}}, _WEAKLY),
    Deviation("W4", "Weights of seconds of at least one half, or from 0 on?",
              {}, {"model_options": {"rectified": False}}, _WEAKLY),
    Deviation("W5", "With the smooth loss of Eq. 21, or without?", {}, {"loss": "bce"}, _WEAKLY),
)
COMPARED = (
    Deviation("A1", "AVEL: a loss for logits on probabilities, or cross-entropy?", {}, {"loss": "ce"}, _AVEL),
    Deviation("A1, weakly", "AVEL, weakly: the same loss, or binary cross-entropy?",
              {}, {"loss": "bce"}, _AVEL | _WEAKLY),
    Deviation("A3", "AVEL: batches of the sorted order, or shuffled?", {"order": "stored"}, {}, _AVEL),
    Deviation("M3", "DMRN: a loss for logits on probabilities, or cross-entropy?",
              {}, {"loss": "ce"}, {"system": "dmrn"}),
    Deviation("S1", "AVSDN: attention guided by sound over the picture, or its mean?",
              {}, {"model_options": {"spatial": "mean"}}, _AVSDN),
    Deviation("S2", "AVSDN: LSTMs in both directions, or forwards alone?",
              {}, {"model_options": {"bidirectional": False}}, _AVSDN),
    Deviation("S3", "AVSDN: the port's two parts, or 29 classes for each second?",
              _TWO_HEAD | {"loss": "c+t"}, {}, _AVSDN),
    Deviation("S4", "AVSDN, weakly: the port's gates, without background clips, or the mean of 29 classes with them?",
              _TWO_HEAD | {"background": False}, {}, _AVSDN | _WEAKLY),
    Deviation("T3", "CMRA, weakly: a loss for logits on probabilities, or binary cross-entropy?",
              {}, {"loss": "bce"}, _CMRA | _WEAKLY),
    Deviation("T3, CMBS", "CMBS, weakly: the same?", {}, {"loss": "bce"}, _CMBS | _WEAKLY | _QUICK),
    Deviation("T7", "CMRA: an encoder's two layers start as copies, or each with weights of its own?",
              {}, {"model_options": {"twins": False}}, _CMRA),
    Deviation("C1", "CMBS, weakly: the rule that always says the clip's class, or the mended one?",
              {}, {"model_options": {"rule": "mended"}}, _CMBS | _WEAKLY | _QUICK),
    Deviation("C2", "CMBS: the gate in a loss for logits, or for probabilities?",
              {}, {"loss": "c+t+p-gate+av"}, _CMBS | _QUICK),
    Deviation("C3", "CMBS: each gate scales the other modality, or its own?",
              {}, {"model_options": {"crossed": False}}, _CMBS | _QUICK),
    Deviation("C3, weakly", "CMBS, weakly: each gate scales its own modality, or the other?",
              {}, {"model_options": {"crossed": True}}, _CMBS | _WEAKLY | _QUICK),
    Deviation("C5", "CMBS: queries times keys as they are, or divided by the root of their size?",
              {}, {"model_options": {"scaled": True}}, _CMBS | _QUICK),
)
DEVIATIONS = OWN + COMPARED
# No difference between paper and program, but the same kind of question: what does a speed-up do to accuracy?
ROUNDINGS = tuple(
    Deviation(title, f"Products of factors rounded to {title}, or in single precision?", {"precision": precision})
    for precision, title in (("tf32", "TF32"), ("bf16", "bf16")))


def plateau_configs() -> list[RunConfig]:
    """VSCG, fully supervised, five times as long: for questions about which epoch and which threshold is picked."""
    return [RunConfig(data=DATA, **_LONG, seed=seed).resolve() for seed in range(SEEDS)]


def duplicate_configs() -> list[RunConfig]:
    """VSCG, fully supervised, on `duplicates_file`."""
    data = str(duplicates_file())
    return [RunConfig(data=data, **_SHORT, seed=seed).resolve() for seed in range(SEEDS)]


def deviation_configs() -> list[RunConfig]:
    """All runs of the study, seed by seed, with repetitions."""
    ways = [way for deviation in DEVIATIONS + ROUNDINGS for way in deviation.configs()]
    return [config for same_seed in zip(*ways, duplicate_configs(), plateau_configs(), strict=True)
            for config in same_seed]


def duplicated_rows(category: np.ndarray, splits: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Test rows that become copies of training rows: `(test, train)`, each `DUPLICATES` long, categories all unlike."""
    test = splits["test"][::len(splits["test"]) // DUPLICATES][:DUPLICATES]
    train = []
    for row in test:
        train.append(next(one for one in splits["train"] if category[one] != category[row] and one not in train))
    return test, np.array(train)


def duplicates_file() -> Path:
    """planted-mini with some test clips that have the sound and picture of a training clip, as in AVE; made once.

    AVE has videos annotated twice, with two categories, some of them in two splits. Here such a test clip keeps
    its labels and gets the features of a training clip of another category.
    """
    data = load_dataset(DATA)
    test, train = duplicated_rows(data.category, data.splits)
    fingerprint = value_hash([data.fingerprint, "duplicates", test.tolist(), train.tolist()])
    source = np.arange(len(data))
    source[test] = train

    def make(path: Path) -> None:
        with PreparedWriter(path, len(data), f"{DATA}, {DUPLICATES} test clips duplicated", fingerprint) as writer:
            for row, of in enumerate(source):
                writer.append(data.visual[[of]], data.audio[[of]], data.labels[[row]], data.category[[row]],
                              [data.video_ids[row]])
            writer.splits(**data.splits)

    return made_prepared(data_dir() / f"{DATA}-duplicates.h5", lambda path: read_fingerprint(path) == fingerprint, make)


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
        """One line for each of `pairs`, by default all of `DEVIATIONS`, in percent and percentage points.

        Columns: row, question, `first` and `second` (means over seeds, selected by validation), `difference`, `low`,
        `high` (first minus second, `statistics.mean_interval`), `smallest` (by `statistics.POWER_RULE`), seeds, and
        `first_background`, `second_background`: the share of seconds called background. So many intervals are read one
        by one: none of them calls a sign.
        """
        return pd.DataFrame([self._effect(deviation) for deviation in pairs or DEVIATIONS])

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
        return sum(run["key"] == run_key(RunConfig(**run["config"] | {"data": DATA}).resolve(), run["fingerprint"])
                   for run in self.values["runs"])


def per_clip(runs: list[dict]) -> np.ndarray:
    """Accuracy of each test clip in percent, (S,N) float64, of the epoch that validation picked."""
    return 10.0 * np.array([run["validation"]["right"] for run in runs])


def _name(config: RunConfig) -> str:
    return json.dumps(_changes(config), sort_keys=True)


def _changes(config: RunConfig) -> dict:
    """The fields in which a run differs from the default run, without its data: a path would not travel."""
    usual = RunConfig(setting=config.setting, system=config.system).resolve().to_json()
    changes = {name: value for name, value in config.to_json().items() if value != usual[name] and name != "data"}
    data = {} if config.data == DATA else {"data": "duplicates"}
    return {"system": config.system, "setting": config.setting, "seed": config.seed, **changes, **data}


def collect() -> dict:
    """The content of the study's file, from the records of its runs; VscgError if runs are missing."""
    store = runs_dir()
    data, doubled = load_dataset(DATA), read_prepared(duplicates_file())
    runs, records = [], []
    configs = {_name(config): config for config in deviation_configs()}
    for config in configs.values():
        dataset = data if config.data == DATA else doubled
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
            "duplicates": [test.index(row) for row in duplicated_rows(data.category, data.splits)[0]],
            "thresholds": [_thresholds(store / run_key(config, data.fingerprint), data)
                           for config in plateau_configs()],
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
