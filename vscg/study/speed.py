"""Records of `python -m benchmarks`: reading them, ratios between arms, the floor of a step, bytes of a run."""
import json
from pathlib import Path

import pandas as pd

from vscg.training.config import RunConfig, looks
from vscg.training.records import records_dir

FOLDER = records_dir()
BASE, OURS = "published", "vscg"


def read_speed(folder: Path = FOLDER) -> dict[str, dict]:
    """Records of `speed_NAME.json` by name: kind of benchmark to what was measured."""
    return {path.stem.removeprefix("speed_"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("speed_*.json"))}


def describe(record: dict) -> str:
    """One line: where, when and under which load a benchmark ran."""
    load = record["load"]["before"][0]
    return (f"{record['device']}, {record['processor']} ({record['instructions']}), {record['threads']} thread(s) a "
            f"process, {record['date'][:10]}, load before {load:g} on {record['cores']} cores, "
            f"torch {record['versions']['torch']}")


def ratios(rows: list[dict], base: str = BASE, what: str = "seconds") -> pd.DataFrame:
    """How many times less of `what` each other arm needed than `base` in a round: `median`, quartiles `low`, `high`."""
    table = pd.DataFrame(rows).pivot(index="round", columns="arm", values=what)
    faster = table.rdiv(table[base], axis=0).drop(columns=base)
    return faster.quantile([0.5, 0.25, 0.75]).T.set_axis(["median", "low", "high"], axis=1)


def step_ratios(record: dict, what: str = "seconds") -> pd.DataFrame:
    """`ratios` of all arms of a `step` record; each group of arms has a published one of its own."""
    parts = [ratios(rows, what=what) for rows in record["groups"].values()]
    return pd.concat(parts).drop(index="machine")


def roofline(record: dict) -> dict[str, float]:
    """The floor of a step from a `step` record: its `flops`, `lstm_flops` among them, and `bytes`.

    Also `product` and `copy`, the machine's best FLOP/s in AGVA's product and bytes/s; for each loop, `published` and
    `vscg`, its median FLOP/s, and as `_share` that of the product's speed in the same round.
    """
    cost = {name: value * record["batch"] for name, value in record["cost"].items()}
    rows = pd.DataFrame(record["groups"]["main"])
    seconds = rows.pivot(index="round", columns="arm", values="seconds")
    machine = rows[rows["arm"] == "machine"].set_index("round")
    flops = cost["counted_flops"] + cost["recurrent_flops"]
    found = {"flops": flops, "lstm_flops": cost["recurrent_flops"], "bytes": cost["bytes"],
             "product": machine["product_flops"].max(), "copy": machine["copy_bytes"].max()}
    for arm in (BASE, OURS):
        found[arm] = flops / seconds[arm].median()
        found[f"{arm}_share"] = (flops / seconds[arm] / machine["product_flops"]).median()
    return found


def profile_table(record: dict) -> pd.DataFrame:
    """Seconds of a step by group of operators (rows) and loop (columns), medians, from a `profile` record."""
    rows = pd.DataFrame(record["rows"])
    parts = pd.DataFrame(rows["parts"].tolist()).div(record["steps"])
    return parts.groupby(rows["arm"], sort=False).median().T


def published_loads(setting: str) -> int:
    """How often the published program of VSCG reads all feature files in a run: for training and every evaluation.

    It evaluates validation clips after every fifth epoch, and test clips whenever a checkpoint may be picked.
    """
    config = RunConfig(setting=setting, profile="full", protocol="released").resolve()
    validations = sum(epoch >= 5 and epoch % 5 == 0 for epoch in range(config.epochs))
    return 1 + validations + sum(looks(config.schedule, epoch) for epoch in range(config.epochs))
