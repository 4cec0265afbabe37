"""The three references of a planted table (`study.references`), one draw of the data set after the other.

    python -m tests.references                              "planted-study", data seeds 0 to 9: ten minutes on one core
    python -m tests.references planted-mini --seeds 1       without a ceiling, which knows the prototypes of twins alone
    python -m tests.references planted --seeds 1            AVE's numbers of clips

write book/records/references_study.json, references_mini.json and references_full.json, which every planted table shows
and tests/study/test_references checks against the dials and the plain network's schedule of today. A seed that is on
record is not measured again.
"""
import argparse
import datetime
import json
import platform
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from vscg.data import BACKGROUND
from vscg.data.planted import SIZES, fingerprint, generate
from vscg.data.prepared import read_prepared
from vscg.data.sets import PLANTED
from vscg.machine.device import device_name
from vscg.machine.files import write_atomically
from vscg.study import references
from vscg.training.records import records_dir


def parts(said: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Share of right seconds, of all, of those with an event and of background, of (N,10) or the mean of (5,N,10)."""
    right, event = said == truth, truth != BACKGROUND
    return {"all": round(float(right.mean()), 5), "event": round(float(right[..., event].mean()), 5),
            "background": round(float(right[..., ~event].mean()), 5)}


def measure(size: str, seed: int) -> dict:
    """The references on one draw of a data set."""
    with tempfile.TemporaryDirectory() as folder:
        data = read_prepared(generate(Path(folder) / "x.h5", size=size, seed=seed))
        truth = data.labels[data.splits["test"]].argmax(-1)
        said = {"floor": references.floor(data), **({} if size == "mini" else {"ceiling": references.ceiling(data)}),
                **{f"plain, {modality}": references.plain_network(data, seed, modality)
                   for modality in ("both", "audio", "visual")}}
    return {"seed": seed, "fingerprint": data.fingerprint, **{name: parts(each, truth) for name, each in said.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.references", description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", default="planted-study", choices=PLANTED)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    size = PLANTED[args.data]
    path = records_dir() / f"references_{size}.json"
    old = json.loads(path.read_text()) if path.is_file() else {"schedule": {}}
    schedule = json.loads(json.dumps(references.PLAN))             # as it is read: lists for tuples
    known = {draw["fingerprint"]: draw for draw in old["draws"]} if old["schedule"] == schedule else {}
    draws = []
    for seed in range(args.seeds):
        draws.append(known.get(fingerprint(size, seed)) or measure(size, seed))
        print(f"{args.data}, data seed {seed}: " + ", ".join(
            f"{name} {100 * value['all']:.1f}" for name, value in draws[-1].items() if isinstance(value, dict)))
        values = {"title": f"Three references on {args.data}", "data": args.data, "dials": asdict(SIZES[size]),
                  "schedule": schedule, "device": device_name(torch.device("cpu")),
                  "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                  "versions": {"python": platform.python_version(), "torch": torch.__version__,
                               "numpy": np.__version__},
                  "draws": draws + [draw for draw in known.values() if draw["seed"] > seed]}
        write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
