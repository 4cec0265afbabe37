"""Sets the difficulty of the composed clips and trains the runs of chapter 24: book/records/composed.json and runs.

    python book/photographs.py levels      what the closed-form rule makes of each level, in some minutes
    python book/photographs.py runs        the trainings that are missing, an hour or so on one core

`runs` ships each finished run as it comes, so that it can be stopped and started again.
"""
import datetime
import json
import sys
from dataclasses import asdict

import numpy as np
import torch

from vscg.features import composed
from vscg.machine.device import device_name
from vscg.machine.files import write_atomically
from vscg.study import photographs, references
from vscg.training.records import code_revision, records_dir, ship

FILE = records_dir() / "composed.json"


def levels() -> None:
    """Measures the rule, level by level until one is difficult enough, and writes the record."""
    found = []
    for dials in photographs.LEVELS:
        data = composed.load(dials)
        truth = data.labels[data.splits["test"]].argmax(-1)
        event, level = truth != data.dims.background, {"dials": asdict(dials), "fingerprint": data.fingerprint}
        for name, regions in (("", photographs.REGIONS), ("stronger_", references.REGIONS)):
            right = references.floor(data, regions) == truth
            level |= {f"{name}accuracy": right.mean(), f"{name}event": right[event].mean(),
                      f"{name}background": right[~event].mean()}
        found.append(level)
        print(found[-1], flush=True)
        if found[-1]["accuracy"] <= photographs.MOST:
            break
    values = {"title": "The closed-form rule on composed clips", "levels": found, "most": photographs.MOST,
              "device": device_name(torch.device("cpu")),
              "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
              "versions": {"vscg": code_revision(), "torch": torch.__version__, "numpy": np.__version__}}
    write_atomically(FILE, (json.dumps(values, indent=1) + "\n").encode())


def runs() -> None:
    """Trains what is missing, and ships every run."""
    for record in photographs.runs():
        if not record.shipped:
            ship([record])
        print(record.describe(), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] not in (["levels"], ["runs"]):
        raise SystemExit(__doc__)
    {"levels": levels, "runs": runs}[sys.argv[1]]()
