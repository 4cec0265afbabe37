"""The plan of the experiment is older than its runs, and of the dials and rules of today."""
import datetime
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from vscg.data.planted import SIZES
from vscg.machine.files import value_hash
from vscg.study.paper import PRIMARY, TABLES
from vscg.study.planned import PLANNED, STUDY
from vscg.study.runs import STEPS, book_configs, progress
from vscg.training.config import PROFILES, RunConfig
from vscg.training.records import find_records, shipped_dir
from vscg.training.sweep import unique_runs

PLAN = (Path(__file__).resolve().parents[2] / "book" / "plan.md").read_text()


def registered(plan: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(re.search(r"Registered ([^\s,]+)", plan)[1])


def too_early(plan: str, records) -> list[str]:
    return [record.key for record in records if record.config.data.partition(":")[0] == STUDY
            and datetime.datetime.fromisoformat(record.values["finished"])
            - datetime.timedelta(seconds=record.values["seconds"]) <= registered(plan)]


def test_the_dials_are_the_registered_ones():
    assert f"dials {value_hash(asdict(SIZES['study']))}" in PLAN


def test_every_run_of_the_study_that_ships_is_younger_than_the_plan():
    records = find_records(shipped_dir())
    assert not too_early(PLAN, records)
    some = records[0]                           # the check itself: a run of the study that is older is found
    values = some.values | {"config": some.values["config"] | {"data": f"{STUDY}:seed=3"}}
    day = datetime.datetime.fromisoformat(values["finished"]) + datetime.timedelta(days=1)
    later = re.sub(r"Registered \S+", f"Registered {day.isoformat()}", PLAN)
    assert too_early(later, [replace(some, values=values)]) == [some.key]


def commands() -> list[dict[str, str]]:
    """The options of the plan's commands as amended: three in the place of the third, one in that of the fifth."""
    first, amended = (re.findall(r"vscg sweep (.*)", part) for part in PLAN.split("## Amendments"))
    assert len(first) == len(amended) == 5
    return [options(line) for line in (*first[:2], *amended[:3], first[3], amended[4])]


def options(line: str) -> dict[str, str]:
    return dict(zip((word.removeprefix("--") for word in line.split()[::2]), line.split()[1::2], strict=True))


def configs(options: dict[str, str]) -> list[RunConfig]:
    return book_configs(options["tables"], data=options.get("data", "planted-mini"),
                        profile=options.get("profile", "quick"), systems=options.get("systems", "all"),
                        seeds=int(options["seeds"]) if "seeds" in options else None)


def test_the_amendment_of_the_order_trains_what_another_command_trains():
    order = options(re.findall(r"vscg sweep (.*)", PLAN.split("## Amendments")[1])[3])
    early, later = unique_runs(configs(order)), unique_runs(configs(commands()[2]))
    assert early.items() <= later.items() and {config.seed for config in early.values()} == {0}
    assert len({config.system for config in early.values()}) == 9


def test_the_plan_has_as_many_runs_as_it_says():
    assert re.findall(r"plan has (\d+) runs", " ".join(PLAN.split())) == [
        str(len(unique_runs(config for options in commands() for config in configs(options))))]


def test_the_commands_of_the_plan_train_what_it_says():
    assert len(commands()) == 7
    found = set()
    for options in commands():
        trained = configs(options)
        assert {config.profile for config in trained} == {"standard"}
        assert {config.data.partition(":")[0] for config in trained} == {STUDY}
        found |= {(config.system, config.seed) for config in trained}
    assert {seed for system, seed in found if system == "vscg"} == set(range(10))
    assert {seed for system, seed in found if system == "dmin"} == set(range(3))
    assert {seed for system, seed in found if system == "csa"} == set(range(5))
    assert {seed for system, seed in found if system == "avt"} == {0}


def test_the_steps_are_the_commands_and_a_run_counts_once(tmp_path, monkeypatch):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    assert [(options["tables"], options.get("systems", "all"), int(options["seeds"]) if "seeds" in options else None)
            for options in commands()] == [step[1:] for step in STEPS]
    before, runs = progress(), set()
    for _, tables, systems, seeds in STEPS:
        runs |= set(unique_runs(book_configs(tables, data=STUDY, profile="standard", systems=systems, seeds=seeds)))
    shipped = {path.stem for path in shipped_dir().glob("*.zip")} & runs
    assert before.to_numpy().sum() == len(runs) and before["finished"].sum() == len(shipped)
    mine = min(runs - shipped)
    (tmp_path / "runs" / mine).mkdir(parents=True)
    (tmp_path / "runs" / mine / "record.json").touch()
    assert progress()["finished"].sum() == len(shipped) + 1


def test_the_primary_rows_are_those_that_the_family_compares():
    named = {(TABLES[table].rows[[row.name for row in TABLES[table].rows].index(name)].run["system"], setting, name)
             for table, *names, setting in PRIMARY.values() for name in names}
    assert {(row.run["system"], setting, row.name) for row in PLANNED["primary"].rows for setting in row.paper} == named
    ten = unique_runs(book_configs("primary", data=STUDY, profile="standard"))
    assert len(ten) == 120
    assert ten.keys() <= unique_runs(book_configs("III,IV,V", data=STUDY, profile="standard", seeds=10)).keys()


@pytest.mark.parametrize("name, runs", [("sentinels", 12), ("dynamics", 20), ("letters", 40), ("primary", 140)])
def test_studies_of_the_plan(name, runs):
    trained = book_configs(name, data="planted-mini", profile="quick")
    assert len(trained) == runs and name in PLANNED
    for config in trained:
        schedule = config.resolve().schedule
        length = (schedule.epochs, schedule.decay_epochs, schedule.batch)
        assert length == (80, (56, 72), 8) or name == "sentinels" and length == (40, (28, 36), 8)
        assert config.data.endswith(f"seed={config.seed}") or not config.seed
    assert PROFILES["standard"].seeds == 5
