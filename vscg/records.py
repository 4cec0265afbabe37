"""Run records: what a finished run leaves behind, found again by a key."""
import ast
import csv
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors
import safetensors.numpy
import safetensors.torch
from torch import nn

from vscg.config import RunConfig
from vscg.errors import VscgError
from vscg.files import write_atomically
from vscg.fingerprint import code_hash, value_hash
from vscg.models import SYSTEMS, build_model

PACKAGE = Path(__file__).parent


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
    return files | {PACKAGE / f"{name}.py" for name in ("objectives", "config", "training", "inference", "evaluation")}


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
    """A finished run. `values` is the content of record.json."""

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
        return pd.read_csv(self.folder / "history.csv")

    def predictions(self, selection: str = "validation") -> np.ndarray:
        """Predicted classes of the test clips, (N,10) int64, at the epoch that `selection` picked."""
        stored = safetensors.numpy.load_file(self.folder / "predictions.safetensors")
        return stored[selection].astype(np.int64)

    def model(self) -> nn.Module:
        """The trained model, in evaluation mode on the CPU."""
        return load_model(self.folder)

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
    """Store a finished run; record.json comes last and makes it count."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    write_atomically(folder / "history.csv", table.getvalue().encode())
    write_atomically(folder / "state.safetensors", safetensors.torch.save(weights))
    write_atomically(folder / "predictions.safetensors", safetensors.numpy.save(predictions))
    text = json.dumps(values, indent=1) + "\n"
    write_atomically(folder / "record.json", text.encode())
    for left in folder.glob(".*.partial"):                 # of a process that was killed while it saved
        left.unlink(missing_ok=True)
    return Record(folder, json.loads(text), fresh=True)


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder, None if the run has not finished.

    Raises:
        VscgError: the record is there but damaged.
    """
    path = folder / "record.json"
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        record = Record(folder, values)
        record.config, record.result["test"]["accuracy"], values["finished"], values["seconds"], values["device"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise VscgError(f"{path} is damaged ({error}): delete the folder {folder} and run again.") from error
    return record


def load_model(folder: Path) -> nn.Module:
    """The model of a finished run, in evaluation mode on the CPU.

    Raises:
        VscgError: no finished run there, or its weights do not fit.
    """
    record = read_record(folder)
    if record is None:
        raise VscgError(f"{folder} holds no finished run: there is no record.json.")
    config = record.config
    model = build_model(config.system, setting=config.setting, variant=config.variant, **config.model_options)
    path = folder / "state.safetensors"
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:
        raise VscgError(f"{path} does not hold this run's weights ({error}): delete {folder} and run again.") from error
    return model.eval()


def find_records(store: Path) -> list[Record]:
    """All finished runs in a folder of runs, oldest first."""
    records = [read_record(path.parent) for path in store.glob("*/record.json")]
    return sorted((record for record in records if record), key=lambda record: record.values["finished"])
