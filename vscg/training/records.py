"""Run records: what a finished run leaves behind, found again by a key."""
import ast
import csv
import datetime
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors
import safetensors.numpy
import safetensors.torch
from torch import nn

from vscg.data.labels import CLASSES, SEGMENTS
from vscg.errors import VscgError
from vscg.machine.files import code_hash, value_hash, write_atomically
from vscg.models import SYSTEMS, build_model
from vscg.training.config import SELECTIONS, RunConfig

PACKAGE = Path(__file__).parent.parent


class OtherVersion(VscgError):
    """A record that is whole, but whose configuration has other fields than this version's."""


def _imported(file: Path) -> set[Path]:
    """Files of this package from which `file` imports names."""
    modules = {node.module for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
               if isinstance(node, ast.ImportFrom) and node.module}
    paths = {PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py") for module in modules}
    return {path for path in paths if path.is_relative_to(PACKAGE) and path.is_file()}


def shaping_files(system: str) -> set[Path]:
    """Source files that shape a run's numbers: its model and what that imports, losses, training, metrics."""
    model = PACKAGE / "models" / f"{SYSTEMS[system].build.__module__.rpartition('.')[2]}.py"
    files, open_files = set(), {model}
    while open_files:
        files |= open_files
        open_files = set().union(*map(_imported, open_files)) - files
    shared = ("training/objectives", "training/config", "training/loop", "training/batches", "training/evaluation",
              "machine/graphs", "machine/rounding")
    return files | {PACKAGE / f"{name}.py" for name in shared}


def run_key(config: RunConfig, fingerprint: str) -> str:
    """16 hex digits over a resolved configuration, the data's fingerprint and the code that shapes the numbers.

    The data set's name and the profile's do not count: they have become the fingerprint and the other fields.
    """
    shaping = {name: value for name, value in config.to_json().items() if name not in ("data", "profile")}
    return value_hash([shaping, fingerprint, _shaping_code(config.system)])[:16]


@cache
def _shaping_code(system: str) -> str:
    """Hash of the code that shapes a system's numbers: as it is when first asked, like the modules in memory."""
    return code_hash(shaping_files(system))


@dataclass(frozen=True)
class Record:
    """A finished run. `values` is the content of record.json; what reads another file raises VscgError for damage."""

    folder: Path
    values: dict
    fresh: bool = False             # trained by this very call, not loaded

    @property
    def config(self) -> RunConfig:
        return RunConfig.from_json(self.values["config"])

    @property
    def result(self) -> dict:
        """The result at the epoch that the run's own selection picked: epoch, val, test (`evaluation.summarise`)."""
        return self.values["results"][self.config.selection]

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: epoch, lr, loss, its parts, val_accuracy, test_accuracy (fractions)."""
        try:
            table = pd.read_csv(io.BytesIO(self._content("history.csv")))
            if table["epoch"].tolist() != list(range(1, len(table) + 1)) or \
                    {dtype.kind for dtype in table.dtypes} - set("if"):
                raise ValueError("not a table of numbers with one row per epoch")
        except (ValueError, KeyError, RecursionError) as error:
            raise self._damaged("history.csv", error) from error
        return table

    def predictions(self, selection: str = "validation") -> np.ndarray:
        """Predicted classes of the test clips, (N,10) int64, at the epoch that `selection` picked."""
        name = "predictions.safetensors"
        try:
            classes = safetensors.numpy.load(self._content(name))[selection]
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(name, error) from error
        sound = classes.dtype.kind == "i" and classes.shape[1:] == (SEGMENTS,)
        if not sound or ((classes < 0) | (classes >= CLASSES)).any():
            raise self._damaged(name, f"{selection} are no classes of clips of {SEGMENTS} segments")
        return classes.astype(np.int64)

    def _content(self, name: str) -> bytes:
        """A file of the run, whole and as it was written."""
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise self._damaged(name, error.strerror) from error
        if self.values.get("sums", {}).get(name, _sum(content)) != _sum(content):
            raise self._damaged(name, "its content is not what the run wrote")
        return content

    def _damaged(self, name: str, why: object) -> VscgError:
        return VscgError(f"{self.folder / name} is damaged ({str(why)[:200]}): delete the folder {self.folder} and run "
                         "again.")

    def model(self) -> nn.Module:
        """The trained model, in evaluation mode on the CPU."""
        config, content = self.config, self._content("state.safetensors")
        model = build_model(config.system, setting=config.setting, variant=config.variant, **config.model_options)
        try:
            model.load_state_dict(safetensors.torch.load(content))
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, safetensors.SafetensorError) as error:
            raise VscgError(f"{self.folder / 'state.safetensors'} does not hold this run's weights "
                            f"({str(error)[:500]}): delete {self.folder} and run again.") from error
        return model.eval()

    def describe(self) -> str:
        """One line: what ran, where, when, and whether it was trained now or loaded."""
        values, how = self.values, "trained now" if self.fresh else "loaded"
        return (f"{run_title(self.config)}: {how} "
                f"(run {self.folder.name}, {values['finished'][:10]}, {values['seconds']:.0f} s on {values['device']})")


def run_title(config: RunConfig) -> str:
    """What a run is, in words: system, options, setting, data set, seed."""
    options = ", ".join(f"{name}={value}" for name, value in config.model_options.items())
    return (f"{SYSTEMS[config.system].title}{f' ({options})' if options else ''}, {config.setting} supervised, "
            f"{config.data}, seed {config.seed}")


def write_record(folder: Path, values: dict, history: list[dict], weights: dict, predictions: dict) -> Record:
    """Store a finished run; record.json comes last, with the SHA-256 of the other files, and makes it count."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    contents = {"history.csv": table.getvalue().encode(), "state.safetensors": safetensors.torch.save(weights),
                "predictions.safetensors": safetensors.numpy.save(predictions)}
    for name, content in contents.items():
        write_atomically(folder / name, content)
    sums = {name: _sum(content) for name, content in contents.items()}
    text = json.dumps({**values, "sums": sums}, indent=1) + "\n"
    write_atomically(folder / "record.json", text.encode())
    for left in (*folder.glob(".*.partial"), folder / "failure.json"):     # of a process that was killed, or failed
        left.unlink(missing_ok=True)
    return Record(folder, json.loads(text), fresh=True)


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder, None if the run has not finished.

    Raises:
        OtherVersion: the record is of another version of the package.
        VscgError: it is damaged.
    """
    path = folder / "record.json"
    if not path.is_file():
        return None
    try:
        record = Record(folder, json.loads(path.read_bytes()))
        odd = {field.name for field in fields(RunConfig)} ^ set(record.values["config"].keys())
        if not odd:
            _check(record)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError, VscgError) as error:
        raise VscgError(f"{path} is damaged ({str(error)[:200]}): delete the folder {folder} and run again.") from error
    if odd:
        raise OtherVersion(f"{path} is of another version of the package (fields that only one of them has: "
                           f"{', '.join(sorted(odd))[:200]}): read it with that one, or run again.")
    return record


def _check(record: Record) -> None:
    """ValueError, or what else a wrong value raises, unless a record has all that the package reads in it."""
    values, config = record.values, record.config
    if config != config.resolve():
        raise ValueError("its configuration has gaps")
    texts = [values["device"], values["finished"], values["data"]["name"], values["data"]["fingerprint"]]
    datetime.datetime.fromisoformat(values["finished"])
    sums = values.get("sums", {})
    if not all(isinstance(text, str) for text in [*texts, *sums.values()]):
        raise ValueError("its texts are none")
    shares = []
    for selection in SELECTIONS:
        result = values["results"][selection]
        if type(result["epoch"]) is not int or not 1 <= result["epoch"] <= config.epochs:
            raise ValueError(f"epoch {result['epoch']!r} is none of the run")
        low, high = result["test"]["accuracy_interval"]
        shares += [low, result["test"]["accuracy"], high]
    if not all(isinstance(number, (int, float)) for number in [*shares, values["seconds"]]) \
            or not all(0 <= share <= 1 for share in shares) or not 0 <= values["seconds"] < float("inf"):
        raise ValueError("its accuracies or seconds are no such numbers")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def find_records(store: Path, other: Callable[[OtherVersion], object] = lambda error: None) -> list[Record]:
    """All finished runs in a folder of runs, oldest first by the clocks of the machines that trained them.

    Those of another version of the package are left out; `other` is called with what `read_record` says of each.
    """
    records = []
    for path in store.glob("*/record.json"):
        try:
            records.append(read_record(path.parent))
        except OtherVersion as error:
            other(error)
    return sorted(filter(None, records), key=lambda record: (record.values["finished"], record.folder))
