"""Which runs the book needs: those of the paper's tables, and those of the plan's further questions."""
import json
import math
import textwrap
from collections.abc import Iterable

import pandas as pd

from vscg.data.sets import dials_of
from vscg.errors import VscgError, choose
from vscg.machine.files import runs_dir
from vscg.models import SYSTEMS
from vscg.study.paper import TABLES, Row
from vscg.study.planned import PLANNED, STUDY
from vscg.study.statistics import PLANNED as PLANNED_SEEDS
from vscg.training.config import PROFILES, PROTOCOLS, RunConfig
from vscg.training.records import Record, read_record, record_of, records_dir, shipped_dir
from vscg.training.sweep import sweep, unique_runs

MOST_SEEDS = 1000
EVERY = TABLES | PLANNED


def table_configs(table: str, *, data: str, profile: str, seeds: int | None = None,
                  protocol: str = "clean") -> list[RunConfig]:
    """The runs of a table of `EVERY`: every row, in those of its settings that its system has, with seeds 0, 1, ...

    `data` is the data set's name or the path of a prepared file; `seeds` is for a table without a number of its own,
    None takes the profile's.
    """
    choose("table", table, EVERY)
    seeds = seed_count(profile, EVERY[table].seeds or seeds)
    return [config for row in EVERY[table].rows for setting in row.paper
            for config in cell_configs(row, setting, data, profile, seeds, protocol)]


def seed_count(profile: str, seeds: int | None) -> int:
    """The number of seeds, None for the profile's; VscgError for an unknown profile or a number out of range."""
    choose("profile", profile, PROFILES)
    seeds = PROFILES[profile].seeds if seeds is None else seeds
    if not 1 <= seeds <= MOST_SEEDS:
        raise VscgError(f"seeds is {seeds}: give a number from 1 to {MOST_SEEDS}.")
    return seeds


def cell_configs(row: Row, setting: str, data: str, profile: str, seeds: int, protocol: str) -> list[RunConfig]:
    """The runs of one row in one setting, by seed; none if its system has no such setting."""
    if setting not in SYSTEMS[row.run["system"]].settings:
        return []
    return [RunConfig(**{**row.run, "data": drawn(row.run.get("data", data), seed)}, setting=setting, profile=profile,
                      protocol=protocol, seed=seed) for seed in range(seeds)]


def drawn(data: str, seed: int) -> str:
    """The data set of a table's run: of "planted-study" run k has draw k, unless a draw is named; others stay."""
    name, colon, _ = data.partition(":")
    if name != STUDY or not seed or colon and "seed" in dials_of(data):
        return data
    return f"{data}{',' if colon else ':'}seed={seed}"


def book_configs(tables: str = "all", *, data: str, profile: str, seeds: int | None = None,
                 protocol: str = "clean", systems: str = "all") -> list[RunConfig]:
    """The runs of some of `TABLES` and `PLANNED`, in order and with repetitions: tables share many.

    Args:
        tables, systems: "all" (of `TABLES`), or names separated by commas: "I,III,dynamics".
        data, protocol, profile: of the tables; the others have the plan's.
        seeds: of every run but those of a table with a number of its own; None takes the profile's.
    Raises VscgError: unknown name, system, profile or protocol, or a number of seeds out of range; an unknown data
        set is found by `unique_runs`.
    """
    names = TABLES if tables == "all" else [name.strip() for name in tables.split(",")]
    choose("protocol", protocol, PROTOCOLS)
    configs = []
    for name in names:
        if name in PLANNED:
            configs += table_configs(name, data=STUDY, profile="standard", seeds=seeds)
        else:
            configs += table_configs(name, data=data, profile=profile, seeds=seeds, protocol=protocol)
    wanted = tuple(SYSTEMS) if systems == "all" else [name.strip() for name in systems.split(",")]
    for name in wanted:
        choose("system", name, SYSTEMS)
    return [config for config in configs if config.system in wanted]


def chapter_configs(*, data: str, profile: str) -> list[RunConfig]:
    """What chapters 3 and 9 show, with seed 0, beside the runs that they train: two more seeds, and the other tag."""
    return [*(RunConfig(data=data, profile=profile, seed=seed) for seed in (1, 2)),
            RunConfig(setting="weakly", target="proportion", data=data, profile=profile)]


def to_train(configs: Iterable[RunConfig], fresh: bool = False) -> list[RunConfig]:
    """Some configurations, each once, without those whose runs came with the book; `fresh`: with them."""
    return [config for key, config in unique_runs(configs).items()
            if fresh or not (shipped_dir() / f"{key}.zip").is_file()]


def finished(configs: Iterable[RunConfig]) -> tuple[Record, ...]:
    """The finished runs of some configurations, each once: those that are here, and those that came with the book.

    What is missing is trained now, several at a time. VscgError: a value out of range, or runs that failed, by name.
    """
    runs = unique_runs(configs)
    came = {key: record for key in runs if not (runs_dir() / key / "record.json").is_file()
            and (record := read_record(shipped_dir() / f"{key}.zip"))}
    here = {record.key: record for record in
            sweep([config for key, config in runs.items() if key not in came]).check().records}
    return tuple(came.get(key) or here[key] for key in runs)


def book_runs(tables: str = "all", **options) -> tuple[Record, ...]:
    """The `finished` runs of `book_configs`, which takes the same arguments."""
    return finished(book_configs(tables, **options))


# The commands of book/plan.md, as amended, in its order: what they train, tables, systems, seeds.
STEPS = (
    ("sentinels", "sentinels", "all", None),
    ("Tables III, IV, V: VSCG, PSP-Net, AVEL", "III,IV,V", "vscg,psp,avel", 5),
    ("Tables I, IV: nine more systems", "I,IV", "avel,avsdn,cman,dam,avrb,avin,csa,cmra,psp,dca,cssnet,vscg", 5),
    ("Tables I, IV: CMBS, DMIN", "I,IV", "cmbs,dmin", 3),
    ("Table I: AVT", "I", "avt", 1),
    ("dynamics; text against program", "dynamics,letters", "all", None),
    ("seeds five to nine of the primary family", "primary", "all", None),
)


def progress() -> pd.DataFrame:
    """How far the plan has come: for each of its `STEPS` the runs that are finished, and those to come.

    A run that several steps ask for is of the first. Finished is what is here or came with the book.
    """
    seen, lines = set(), []
    for step, tables, systems, seeds in STEPS:
        runs = unique_runs(book_configs(tables, data=STUDY, profile="standard", seeds=seeds, systems=systems))
        new = [key for key in runs if key not in seen]
        there = sum((shipped_dir() / f"{key}.zip").is_file() or (runs_dir() / key / "record.json").is_file()
                    for key in new)
        lines.append({"step": step, "finished": there, "to come": len(new) - there})
        seen |= set(new)
    return pd.DataFrame(lines).set_index("step")


def networks(table: str) -> pd.DataFrame:
    """What `python book/finished.py` found in networks of the plan: the fully supervised runs of a table of `EVERY`.

    One line for each run: row, seed, and what its record has, "own sound, pointing" and so on, each a share in 0..1.
    """
    kept = {run["key"]: run for run in json.loads((records_dir() / "finished.json").read_text("utf-8"))["runs"]}
    lines = []
    for row in EVERY[table].rows:
        for key, config in unique_runs(cell_configs(row, "fully", STUDY, "standard", PLANNED_SEEDS, "clean")).items():
            if "fully" in row.paper and key in kept:
                lines.append({**kept[key], "row": row.name, "seed": config.seed})
    return pd.json_normalize(lines, sep=", ")


def computed_twice() -> dict[str, tuple[Record, pd.DataFrame]]:
    """What was computed with other "instructions" or "threads" -> a run of the plan, and how far the same run then is.

    The frame is that of `training.loop.verify`, one row for each epoch; book/records/rounding.json.
    """
    kept = json.loads((records_dir() / "rounding.json").read_text("utf-8"))
    return {what: (record_of(one["key"]), pd.DataFrame(one["epochs"], columns=one["columns"]))
            for what, one in kept.items()}


def provenance(records: Iterable[Record]) -> str:
    """Where runs come from, a paragraph for each kind: how many, device, dates, versions."""
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kind = "trained now" if record.fresh else "came with the book" if record.shipped else "trained here before"
        kinds.setdefault(kind, []).append(record)
    return "\n".join(textwrap.fill(f"{len(some)} {kind}: {_made(some)}", 88, subsequent_indent="    ",
                                   break_on_hyphens=False) for kind, some in kinds.items())


def _made(records: list[Record]) -> str:
    days = sorted({record.values["finished"][:10] for record in records})
    versions = [record.values["versions"] for record in records]
    return "; ".join([", ".join(dict.fromkeys(record.values["device"] for record in records)),
                      " to ".join(dict.fromkeys((days[0], days[-1]))),
                      *(f"{name} {', '.join(dict.fromkeys(one[name] for one in versions))}" for name in versions[0])])


def printed_difference(table: str, first: str, second: str, setting: str) -> float:
    """First minus second row in the paper, in points; NaN where it does not print both."""
    figures = {row.name: row.paper.get(setting) or math.nan for row in EVERY[table].rows}
    return round(figures[first] - figures[second], 1)       # it prints tenths, and 79.7 - 77.9 in binary is not 1.8
