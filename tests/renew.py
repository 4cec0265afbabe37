"""Renew the keys of runs on record after a change of the code that changes no number.

    python -m tests.renew BASE

trains a short run of each system and setting, and of each kind of run on record, with the code of the git revision BASE
and with the code here, and makes their planted data sets with both. If all weights, predictions, histories and data are
the same bit for bit, those records whose key is the one that BASE's code computes get the key and the fingerprint that
the code here computes: in book/records, and in the folder of local runs. Otherwise nothing is touched.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import torch

import vscg
from vscg.machine.files import runs_dir, write_atomically
from vscg.models import SYSTEMS
from vscg.study.deviations import duplicates_file
from vscg.training import records
from vscg.training.config import SCHEDULES, RunConfig

ROOT = Path(__file__).resolve().parents[1]
CLIPS = "planted-mini:train=16,val=4,test=8,background=2"
SHORT = {"epochs": 2, "batch": 8, "decay_epochs": (1,), "decay_steps": 3, "decay": 0.5}
KINDS = ("system", "setting", "variant", "protocol", "target", "order", "drop_last", "background", "stale_avps",
         "empty_as_first", "modality", "precision", "loss", "model_options")      # what a short run takes of a long one


def configuration(values: dict) -> RunConfig:
    """A resolved configuration from that of a record, or from the fields in which it differs from the default."""
    return (RunConfig.from_json(values) if "schedule" in values else RunConfig(**values)).resolve()


def short(kind: dict) -> RunConfig:
    """The short run of a kind, whose learning rate falls."""
    published = SCHEDULES[kind["system"], kind["setting"]]
    return RunConfig(**kind, schedule=replace(published, first_look=0, look_every=1, **SHORT), data=CLIPS)


def digest(arrays) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(array.tobytes())
    return found.hexdigest()


def data_of(name: str) -> tuple[str, str]:
    """Fingerprint of a planted data set, or of the one with duplicates, and a hash over its numbers."""
    found = vscg.load_dataset(str(duplicates_file()) if name == "duplicates" else name)
    return found.fingerprint, digest([found.visual, found.audio, found.labels, found.category, *found.splits.values()])


def numbers(kind: dict) -> list[str]:
    """Hashes of weights, predictions and history of the short run of a kind."""
    record = vscg.fit(short(kind), device="cpu", progress=False)
    return [digest(value.numpy() for _, value in sorted(record.model().state_dict().items())),
            digest(record.predictions(which) for which in ("validation", "test")),
            hashlib.sha256(record.history.to_csv().encode()).hexdigest()]


def probe(asked: dict) -> dict:
    """In a process whose package is that of the tree it runs in: data, keys and numbers."""
    assert Path(vscg.__file__).is_relative_to(Path.cwd()), vscg.__file__
    torch.set_num_threads(1)
    data = {name: data_of(name) for name in asked["data"]}
    runs = []
    for values, name, fingerprint in asked["runs"]:
        fingerprint = data[name][0] if name in data else fingerprint
        try:
            config = configuration(values)
            runs.append([records.run_key(config, fingerprint), fingerprint, config.to_json()])
        except (vscg.VscgError, LookupError, TypeError):       # a configuration that this tree does not know
            runs.append(None)
    kinds = [{"system": system, "setting": setting} for system in SYSTEMS
             for setting in SYSTEMS[system].settings] + asked["kinds"]
    return {"data": data, "runs": runs, "numbers": {json.dumps(kind, sort_keys=True): numbers(kind) for kind in kinds}}


def ask(trees: list[Path], folder: Path, asked: dict) -> list[dict]:
    """The answers of `probe` in some trees, at the same time."""
    (folder / "asked.json").write_text(json.dumps(asked))
    processes = []
    for number, tree in enumerate(trees):
        command = [sys.executable, "-P", __file__, "--probe", folder / "asked.json", folder / f"{number}.json"]
        own_place = {"PYTHONPATH": str(tree), "VSCG_HOME": str(folder / f"home-{number}"), "OMP_NUM_THREADS": "1"}
        processes.append(subprocess.Popen(command, cwd=tree, env={**os.environ, **own_place}))
    if any([process.wait() for process in processes]):
        raise SystemExit("one of the two codes failed")
    return [json.loads((folder / f"{number}.json").read_text()) for number in range(len(trees))]


def on_record(folder: Path, store: Path) -> list[dict]:
    """Every run on record: its file, its key, its data's name and fingerprint, its configuration."""
    found = []
    for path in sorted(folder.glob("deviations*.json")):
        for run in json.loads(path.read_text(encoding="utf-8"))["runs"]:
            config = {name: value for name, value in run["config"].items() if name != "data"}
            found.append({"path": path, "key": run["key"], "data": run["config"].get("data", "planted-mini"),
                          "fingerprint": run["fingerprint"], "config": config})
    for path in (*folder.glob("runs/*.zip"), *store.glob("*/record.json")):
        content = zipfile.ZipFile(path).read("record.json") if path.suffix == ".zip" else path.read_bytes()
        values = json.loads(content)
        found.append({"path": path, "key": values["key"], "data": values["config"]["data"],
                      "fingerprint": values["data"]["fingerprint"], "config": values["config"], "values": values})
    return found


def renew(run: dict, key: str, fingerprint: str, config: dict) -> None:
    """Write a run's new key, fingerprint and configuration where it is on record."""
    path = run["path"]
    if "values" not in run:
        text = path.read_text(encoding="utf-8").replace(f'"{run["key"]}"', f'"{key}"')
        write_atomically(path, text.replace(f'"{run["fingerprint"]}"', f'"{fingerprint}"').encode())
        return
    data = {**run["values"]["data"], "fingerprint": fingerprint}
    values = {**run["values"], "key": key, "config": config, "data": data}
    if path.suffix == ".zip":
        written, = records.ship([records.Record(path, values)], path.parent)
        if written != path:
            path.unlink()
    else:
        write_atomically(path, records.record_json(values))
        path.parent.rename(path.parent.with_name(key))


def main(base: str) -> None:
    runs = on_record(records.records_dir(), runs_dir())
    kinds = {json.dumps({name: run["config"][name] for name in KINDS if name in run["config"]}, sort_keys=True)
             for run in runs}
    asked = {"data": sorted({run["data"] for run in runs if run["data"].startswith(("planted", "duplicates"))}),
             "runs": [[run["config"], run["data"], run["fingerprint"]] for run in runs],
             "kinds": [json.loads(kind) for kind in sorted(kinds)]}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        tree.mkdir()
        try:
            archive = subprocess.run(["git", "-C", ROOT, "archive", base], check=True, capture_output=True).stdout
        except subprocess.CalledProcessError:
            raise SystemExit(f"{base}: no git revision of this repository; name one, such as HEAD~1") from None
        subprocess.run(["tar", "x", "-C", tree], input=archive, check=True)
        old, new = ask([tree, ROOT], Path(folder), asked)
    shared = old["numbers"].keys() & new["numbers"].keys()
    other = sorted(kind for kind in shared if old["numbers"][kind] != new["numbers"][kind])
    other += [name for name in asked["data"] if old["data"][name][1] != new["data"][name][1]]
    print(f"{len(shared)} short runs and {len(asked['data'])} data sets: {len(other)} have other numbers than {base}")
    if other:
        raise SystemExit("\n  ".join(["nothing is renewed:", *other]))
    current = [(run, now) for run, then, now in zip(runs, old["runs"], new["runs"], strict=True)
               if then and then[0] == run["key"] and now]
    for run, now in current:
        renew(run, *now)
    for name in ("finished", "rounding"):                   # they name runs that ship by their keys
        path = records.records_dir() / f"{name}.json"
        text = path.read_text(encoding="utf-8")
        for run, (key, *_) in current:
            text = text.replace(f'"{run["key"]}"', f'"{key}"')
        write_atomically(path, text.encode())
    print(f"{len(current)} of {len(runs)} runs on record were current at {base} and are so now")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        Path(sys.argv[3]).write_text(json.dumps(probe(json.loads(Path(sys.argv[2]).read_text()))))
    elif len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        raise SystemExit(__doc__)
