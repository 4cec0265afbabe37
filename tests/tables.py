"""A store of finished runs with known accuracies, for the tests of tables."""
import datetime
import re
from pathlib import Path

import numpy as np

from vscg.data.prepared import Dataset
from vscg.models import SYSTEMS
from vscg.study.runs import table_configs
from vscg.study.tables import table
from vscg.training.records import run_key, write_record

CLIPS = 12
TRUTH = np.random.default_rng(0).integers(0, 28, (20, 1)).repeat(10, axis=1)
# How far the number of right segments in each test clip lies from its mean.
SPREAD = np.tile([-1, 0, 1], 4)


def dataset(name="planted-mini"):
    rows = np.arange(20)
    return Dataset(name=name, fingerprint=f"fingerprint of {name}", path=Path("none.h5"), visual=np.zeros(0),
                   audio=np.zeros(0), labels=np.eye(29, dtype=np.float32)[TRUTH], category=TRUTH[:, 0],
                   splits={"train": rows[:4], "val": rows[4:8], "test": rows[8:], "background": rows[:0]},
                   video_ids=(), truth={})


def predictions(right):
    """Classes of the test clips with the given number of right segments in each clip."""
    truth = TRUTH[8:]
    return np.where(np.arange(10) < np.asarray(right)[:, None], truth, (truth + 1) % 28).astype(np.int8)


LEARNING, CONVERGED = (0.52, 0.7, 0.77), (0.8,) * 9       # accuracies on the validation clips, epoch by epoch


def store_run(store, data, config, right, right_by_test=None, device="CPU, 2 of 2 cores", curve=LEARNING):
    """A finished run with the given right segments (0 to 10) of each of the 12 test clips."""
    config = config.resolve()
    folder = store / run_key(config, data.fingerprint)
    folder.mkdir(parents=True, exist_ok=True)
    picked = {"validation": right, "test": right if right_by_test is None else right_by_test}
    shares = {name: float(np.mean(part)) / 10 for name, part in picked.items()}
    values = {"key": folder.name, "config": config.to_json(), "seconds": 1.0, "device": device,
              "data": {"name": data.name, "fingerprint": data.fingerprint}, "versions": {"python": "3.11"},
              "finished": datetime.datetime.now(datetime.UTC).isoformat(),
              "results": {name: {"epoch": 1, "test": {"accuracy": share, "accuracy_interval": [share, share]}}
                          for name, share in shares.items()}}
    history = [{"epoch": epoch, "loss": 3 / epoch, "val_accuracy": accuracy} for epoch, accuracy in enumerate(curve, 1)]
    return write_record(folder, values, history, {},
                        {name: predictions(part) for name, part in picked.items()})


def level(config):
    """Right segments of ten, rising in the registry's order from 1 for AVEL to 8 for VSCG; neighbours may be equal."""
    return 1 + 7 * list(SYSTEMS).index(config.system) // (len(SYSTEMS) - 1)


def fill(store, data, name, profile="quick", seeds=1, level=level, curve=LEARNING, protocol="clean"):
    """The runs of a table, and the table."""
    for config in table_configs(name, data=data.name, profile=profile, seeds=seeds, protocol=protocol):
        store_run(store, data, config, level(config) + SPREAD, level(config) + 1 + SPREAD, curve=curve)
    return table(name, dataset=data, profile=profile, seeds=seeds, store=store, protocol=protocol)


MINI = dataset()


def table_one(store):
    """Table I, one seed, accuracies by `level`."""
    return fill(store, MINI, "I")


def table_four(store):
    """Table IV with two seeds: AVEL 3 right segments of ten, PSP-Net 5, CMBS 5, each plug one more."""
    def level(config):
        plug = config.model_options.get("plug")
        return {"avel": 3, "psp": 5, "cmbs": 5}[config.system] + (plug is not None) + config.seed
    return fill(store, MINI, "IV", seeds=2, level=level)


def table_cells(html):
    """Texts of a table's cells, row by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html.replace("\u00a0", " "), flags=re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]
