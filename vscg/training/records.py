"""Run records: what a finished run leaves behind, found again by its key; and those that ship with the book.

A run's folder holds record.json, history.csv, predictions.safetensors and state.safetensors, the weights. A shipped run
is one file, KEY.zip, with all of these but the weights. Runs that chapters look into hold observed.safetensors besides,
what `study.seen.observed` saw in their networks.
"""
import dataclasses
import errno
import hashlib
import io
import json
import lzma
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError
from vscg.machine.device import own_random
from vscg.machine.files import PASSING, make_folder, runs_dir, value_hash, write_atomically
from vscg.models import SYSTEMS, build_model
from vscg.training.config import RunConfig
from vscg.training.keys import PACKAGE, run_key

OBSERVED = "observed.safetensors"
SHIPPED = ("history.csv", "predictions.safetensors", OBSERVED)            # beside record.json


class OtherVersion(VscgError):
    """A record whose configuration has other fields than this version's."""


def records_dir() -> Path:
    """Records that are committed with the book."""
    return PACKAGE.parent / "book" / "records"


def shipped_dir() -> Path:
    """Those of them that are runs: KEY.zip each."""
    return records_dir() / "runs"


@dataclass(frozen=True)
class Record:
    """A finished run. `values` is the content of record.json; what reads another file raises VscgError for damage."""
    folder: Path                    # of a shipped run its file
    values: dict
    fresh: bool = False             # trained by this very call, not loaded

    @property
    def key(self) -> str:
        return self.values["key"]

    @property
    def shipped(self) -> bool:
        """Whether it came with the book, and was not trained here."""
        return self.folder.suffix == ".zip"

    @property
    def config(self) -> RunConfig:
        return RunConfig.from_json(self.values["config"])

    @property
    def dims(self) -> Dims:
        """Sizes of the data, and the events' names."""
        given = self.values.get("data", {}).get("dims")
        return Dims(**{**given, "categories": tuple(given["categories"])}) if given else AVE

    @property
    def result(self) -> dict:
        """The result at the epoch that the run's own selection picked: epoch, val, test (`evaluation.summarise`)."""
        return self.values["results"][self.config.selection]

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: epoch, lr, loss, its parts, val_accuracy, test_accuracy (fractions)."""
        return pd.read_csv(io.BytesIO(self.content("history.csv")))

    def predictions(self, which: str = "validation") -> np.ndarray:
        """Predicted classes of the test clips, (N,T) int64, at the epoch that "validation" or "test" accuracy picked.

        "last" gives those of the last five epochs, or of all if there are fewer: (5,N,T).
        """
        return safetensors.numpy.load(self.content("predictions.safetensors"))[which].astype(np.int64)

    def model(self) -> nn.Module:
        """The trained model, in evaluation mode on the CPU; VscgError for a shipped run."""
        if self.shipped:
            raise VscgError(f"The run {self.key} ({run_title(self.config)}) came with the book, without its weights: "
                            f"{anew(self)} trains it here.")
        with torch.random.fork_rng(devices=()):      # weights that are replaced; on the CPU alone: no GPU is opened
            model = self._built()
        try:
            model.load_state_dict(safetensors.torch.load(self.content("state.safetensors")))
        except RuntimeError as error:       # of a run whose model had another code
            raise VscgError(f"{self.folder / 'state.safetensors'} does not fit the model of today's code "
                            f"({str(error)[:500]}): run again.") from error
        return model

    def untrained(self) -> nn.Module:
        """The model with the weights that the run began with, in evaluation mode on the CPU."""
        with own_random():
            torch.manual_seed(self.config.seed)
            return self._built()

    def _built(self) -> nn.Module:
        config = self.config
        return build_model(config.system, setting=config.setting, variant=config.variant, dims=self.dims,
                           **config.model_options).eval()

    def content(self, name: str) -> bytes:
        """A file of the run, whole and as it was written; VscgError if it is not."""
        content = _read(self.folder, name)
        if self.values["sums"][name] != _sum(content):
            raise _damaged(self.folder, name)
        return content

    def describe(self) -> str:
        """One line: what ran, where, when, and whether it was trained now, loaded, or came with the book."""
        values, how = self.values, "trained now" if self.fresh else "loaded"
        versions = ""
        if self.config.data.endswith((".h5", ".hdf5")):    # a file's name stays when what is in it changes
            versions = f", data {values['data']['fingerprint'][:12]}"
        if self.shipped:
            how = "shipped record"
            versions = "".join(f", {name} {version}" for name, version in values["versions"].items())
        return (f"{run_title(self.config)}: {how} (run {self.key}, {values['finished'][:10]}, "
                f"{values['seconds']:.0f} s on {values['device']}{versions})")


def run_title(config: RunConfig) -> str:
    """What a run is, in words: system, options, where it is unlike its profile's usual run, data set, profile, seed."""
    own = config.resolve()
    usual = RunConfig(config.system, config.setting, profile=config.profile, protocol=config.protocol).resolve()
    same = {"system", "setting", "data", "seed", "profile", "schedule", "model_options"}
    options = config.model_options | {
        each.name: value for each in dataclasses.fields(RunConfig) if each.name not in same
        and (value := getattr(own, each.name)) != getattr(usual, each.name)}
    if config.protocol != "clean":
        options |= {"protocol": config.protocol}
    named = ", ".join(f"{name}={value}" for name, value in options.items())
    return (f"{SYSTEMS[config.system].title}{f' ({named})' if named else ''}, {config.setting} supervised, "
            f"{config.data}, {config.profile}, seed {config.seed}")


def anew(record: Record) -> str:
    """The call that trains a run on record here; composed clips have no name that `fit` knows."""
    given = ", dataset=vscg.features.composed.load()" if record.config.data == "composed" else ""
    return f"`vscg.fit(vscg.training.records.record_of('{record.key}').config{given})`"


@cache
def code_revision() -> str:
    """The git revision of the checkout that this code is in, with "-dirty" if the package differs; else "unknown"."""
    def git(*words: str) -> str:
        command = ["git", "-C", str(PACKAGE.parent), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    if not (PACKAGE.parent / ".git").exists():
        return "unknown"
    try:
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if git("status", "--porcelain", "vscg") else "")
    except (OSError, subprocess.CalledProcessError):       # no git here, or the checkout is another user's
        return "unknown"


def write_record(folder: Path, values: dict, history: list[dict], weights: dict, predictions: dict) -> Record:
    """Store a finished run; record.json comes last, with the SHA-256 of the other files, and makes it count."""
    contents = {"history.csv": pd.DataFrame(history).to_csv(index=False).encode(),
                "state.safetensors": safetensors.torch.save(weights),
                "predictions.safetensors": safetensors.numpy.save(predictions)}
    for name, content in contents.items():
        write_atomically(folder / name, content, follow=False)      # a folder may be a stranger's
    content = record_json({**values, "sums": {name: _sum(content) for name, content in contents.items()}})
    write_atomically(folder / "record.json", content, follow=False)
    for left in (*folder.glob(".*.partial"), folder / "failure.json"):     # of a process that was killed, or failed
        left.unlink(missing_ok=True)
    return Record(folder, json.loads(content), fresh=True)


def add_file(record: Record, name: str, content: bytes) -> Record:
    """Keep a further file in a finished run's folder; record.json, written after it, holds its sum."""
    values = {**record.values, "sums": {**record.values["sums"], name: _sum(content)}}
    write_atomically(record.folder / name, content, follow=False)
    write_atomically(record.folder / "record.json", record_json(values), follow=False)
    return dataclasses.replace(record, values=json.loads(record_json(values)))


def record_json(values: dict) -> bytes:
    """The content of record.json, with a hash over its own values."""
    values = {name: value for name, value in values.items() if name != "sum"}
    return (json.dumps({**values, "sum": value_hash(values)}, indent=1) + "\n").encode()


def read_record(folder: Path) -> Record | None:
    """The record in a run's folder or in the file of a shipped run, None if there is none or it has not finished.

    OtherVersion if it is of another version of the package, VscgError if it is damaged.
    """
    if not (folder if folder.suffix == ".zip" else folder / "record.json").is_file():
        return None
    try:
        values = json.loads(_read(folder, "record.json"))
        whole = value_hash({name: value for name, value in values.items() if name != "sum"}) == values.get("sum")
    except (ValueError, AttributeError, RecursionError) as error:
        raise _damaged(folder, "record.json") from error
    ours = RunConfig().resolve().to_json()
    if "config" in values and "sum" not in values or whole and (values["config"].keys() != ours.keys()
                                         or values["config"]["schedule"].keys() != ours["schedule"].keys()):
        raise OtherVersion(f"{folder / 'record.json'} is of another version of the package: read it with that one, or "
                           "run again.")
    if not whole:
        raise _damaged(folder, "record.json")
    record = Record(folder, values)
    try:
        record.config.resolve()
    except VscgError as error:             # a system or a choice that this version does not have
        raise OtherVersion(f"{folder / 'record.json'} is of another version of the package ({error}) Read it with that "
                           "one, or run again.") from error
    return record


def find_record(config: RunConfig, fingerprint: str, store: Path | None = None) -> Record | None:
    """A finished run by configuration and data: the one in `store` (`runs_dir()`), else the one shipped, else None."""
    key = run_key(config.resolve(), fingerprint)
    return read_record((store or runs_dir()) / key) or read_record(shipped_dir() / f"{key}.zip")


def record_of(key: str) -> Record:
    """The run of a key, the shipped one before the local one; VscgError if there is none."""
    record = read_record(shipped_dir() / f"{key}.zip") or read_record(runs_dir() / key)
    if record is None:
        raise VscgError(f"{key}: no run of this key came with the book or is finished here; `python -m vscg runs` "
                        "lists them.")
    return record


def _pass_over(error: VscgError) -> None:
    """Says nothing of a record of another version; of a damaged one its error is raised."""
    if not isinstance(error, OtherVersion):
        raise error


def find_records(store: Path, other: Callable[[VscgError], object] = _pass_over) -> list[Record]:
    """All finished runs in a folder, oldest first; for one that cannot be read `other` is called with its error."""
    records = []
    for path in (*store.glob("*/record.json"), *store.glob(f"{16 * '[0-9a-f]'}.zip")):
        try:
            if record := read_record(path if path.suffix == ".zip" else path.parent):     # gone since it was listed
                records.append(record)
        except VscgError as error:
            other(error)
    return sorted(records, key=lambda record: (record.values["finished"], record.folder))


def ship(records: Iterable[Record], folder: Path | None = None) -> list[Path]:
    """Write runs without weights to a folder (`shipped_dir()`), the same bytes each time; returns the files."""
    folder = folder or shipped_dir()
    make_folder(folder)
    paths = []
    for record in records:
        paths.append(folder / f"{record.key}.zip")
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            kept = {name: record.content(name) for name in SHIPPED if name in record.values["sums"]}
            for name, content in {"record.json": record_json(record.values), **kept}.items():
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)    # dated 1980, always
        write_atomically(paths[-1], file.getvalue())
    return paths


def _read(folder: Path, name: str) -> bytes:
    try:
        if folder.suffix == ".zip":
            with zipfile.ZipFile(folder) as archive:
                return archive.read(name)
        return (folder / name).read_bytes()
    except (OSError, KeyError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error,
            lzma.LZMAError) as error:
        # Another user's, or what cannot be read now, is perhaps whole.
        if getattr(error, "errno", None) in {errno.EACCES, errno.EPERM, *PASSING}:
            raise
        raise _damaged(folder, name) from error


def _damaged(folder: Path, name: str) -> VscgError:
    return VscgError(f"{folder / name} is damaged: delete {folder} and run again.")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
