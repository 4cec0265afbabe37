"""Which runs the book asks for, and how many of them are one and the same."""
from dataclasses import replace

import numpy as np
import pytest

from vscg.errors import VscgError
from vscg.models import SYSTEMS
from vscg.study.paper import TABLES
from vscg.study.planned import PLANNED, STUDY
from vscg.study.runs import (
    book_configs,
    chapter_configs,
    computed_twice,
    drawn,
    finished,
    provenance,
    table_configs,
    to_train,
)
from vscg.training.config import PROFILES
from vscg.training.records import OBSERVED, Record, find_records, run_key, run_title, shipped_dir
from vscg.training.sweep import Sweep, unique_runs

QUICK = {"data": "planted-mini", "profile": "quick"}


def keys(configs) -> set[str]:
    """Run keys, with the data set's name in place of its fingerprint."""
    return {run_key(config.resolve(), config.data) for config in configs}


def test_all_is_every_table_in_order():
    assert tuple(TABLES) == ("I", "III", "IV", "V", "VI")
    expected = [config for name in TABLES for config in table_configs(name, **QUICK)]
    assert book_configs(**QUICK) == book_configs("all", **QUICK) == expected


@pytest.mark.parametrize("names", ["I", "III,VI", " III, VI ", "VI,III", "dynamics", "V,dynamics,I"])
def test_names_separated_by_commas(names):
    parts = [book_configs(name, **QUICK) for name in names.split(",")]
    assert book_configs(names, **QUICK) == sum(parts, []) and all(parts)


def test_tables_share_runs():
    """VSCG as it is stands in four of the five: it is asked for in each and is one run."""
    whole, single = keys(book_configs(**QUICK)), {name: keys(book_configs(name, **QUICK)) for name in TABLES}
    assert whole == set().union(*single.values()) and len(whole) < sum(map(len, single.values()))
    assert len(set.intersection(*(single[name] for name in ("I", "III", "V", "VI")))) == 1
    assert single["VI"] < single["I"], "the costs are read off the runs of the first table"
    assert {name: len(found) for name, found in single.items()} == {
        "I": 30, "III": 12, "IV": 14, "V": 10, "VI": 3}


@pytest.mark.parametrize("profile", PROFILES)
def test_seeds_are_the_profiles_own_unless_asked_for(profile):
    for name in TABLES:
        usual = book_configs(name, data="planted-mini", profile=profile)
        assert {config.seed for config in usual} == set(range(PROFILES[profile].seeds))
        assert {config.profile for config in usual} == {profile}
        assert {config.seed for config in book_configs(name, data="planted-mini", profile=profile, seeds=2)} == {0, 1}


def test_only_the_tables_follow_the_data():
    configs = book_configs("VI,dynamics", data="file.h5", profile="quick")
    assert [config.data for config in configs[:3]] == ["file.h5"] * 3
    assert {config.data.partition(":")[0] for config in configs[3:]} == {"planted-study"}
    assert {config.profile for config in configs[3:]} == {"standard"}


@pytest.mark.parametrize("arguments, words", [
    (dict(tables="II"), ["table 'II'", "I, III, IV, V, VI, sentinels"]),
    (dict(tables="I,IIII"), ["table 'IIII'"]), (dict(tables=""), ["table ''"]), (dict(tables="I,"), ["table ''"]),
    (dict(profile="fast"), ["profile 'fast'", "quick, standard, full"]),
    (dict(seeds=0), ["seeds is 0"]), (dict(seeds=-1), ["seeds is -1"]),
    (dict(seeds=10_000_000), ["seeds is 10000000: give a number from 1 to 1000"]),
    (dict(tables="dynamics", seeds=0), ["seeds is 0"])])
def test_errors(arguments, words):
    with pytest.raises(VscgError) as error:
        book_configs(**{**QUICK, **arguments})
    assert all(word in str(error.value) for word in words) and "\n" not in str(error.value)


def test_every_built_row_in_every_setting_with_every_seed():
    configs = table_configs("I", data="planted", profile="quick", seeds=3)
    # CSS-Net has two rows, one with VSCG's attention and one with its own.
    rows = [name for name in SYSTEMS if name != "dmrn" for _ in range(2 if name == "cssnet" else 1)]
    expected = [(name, setting, seed) for name in rows for setting in SYSTEMS[name].settings for seed in range(3)]
    assert [(config.system, config.setting, config.seed) for config in configs] == expected
    assert {(config.data, config.profile) for config in configs} == {("planted", "quick")}


def test_losses_and_options_of_a_row_reach_its_runs():
    config = table_configs("V", data="planted", profile="quick")[1]
    assert (config.loss, config.model_options) == ("ce+avps", {"head": "segment"})


def test_the_quick_book_has_all_its_runs_and_trains_none(tmp_path, monkeypatch):
    """`make book` takes what came with the book: every run that its tables and chapters ask for is there, by key."""
    configs, records = book_configs("all", **QUICK), {record.key: record for record in find_records(shipped_dir())}
    prints = {record.config.data: record.values["data"]["fingerprint"] for record in records.values()}
    monkeypatch.setattr("vscg.training.sweep.dataset_fingerprint", lambda data: prints.get(data, data))
    runs = unique_runs(configs)
    assert len(runs) > 50 and [run_title(config) for key, config in runs.items() if key not in records] == []
    looked_into = [*book_configs("I", **QUICK), *chapter_configs(**QUICK)]
    assert [key for key in unique_runs(looked_into) if OBSERVED not in records[key].values["sums"]] == []
    monkeypatch.setattr("vscg.study.runs.runs_dir", lambda: tmp_path)
    monkeypatch.setattr("vscg.study.runs.sweep", lambda configs: Sweep(tuple(configs), ()))
    found = finished(configs)
    assert [record.key for record in found] == list(runs) and all(record.shipped for record in found)


def test_what_came_with_the_book_is_trained_only_if_it_is_asked_for(tmp_path, monkeypatch):
    configs = book_configs("III", **QUICK)
    keys = list(unique_runs(configs))
    monkeypatch.setattr("vscg.study.runs.shipped_dir", lambda: tmp_path)
    assert to_train(configs) == to_train(configs, fresh=True) == list(unique_runs(configs).values())
    (tmp_path / f"{keys[1]}.zip").touch()
    assert list(unique_runs(to_train(configs))) == [keys[0], *keys[2:]]
    assert len(to_train(configs, fresh=True)) == len(keys)


def test_provenance_tells_trained_from_shipped_with_device_days_and_versions(tmp_path):
    def record(name, day, device="CPU, 1 of 2 cores", fresh=False):
        return Record(tmp_path / name, {"device": device, "finished": f"{day}T00:00:00+00:00",
                                        "versions": {"vscg": name[0], "torch": "2.13"}}, fresh)

    lines = provenance([record("a.zip", "2026-11-29"), record("b.zip", "2026-11-27"), record("c", "2026-11-30"),
                        record("d.zip", "2026-11-27"), record("e", "2026-12-01", "GPU", fresh=True)]).splitlines()
    assert lines == [
        "3 came with the book: CPU, 1 of 2 cores; 2026-11-27 to 2026-11-29; vscg a, b, d; torch", "    2.13",
        "1 trained here before: CPU, 1 of 2 cores; 2026-11-30; vscg c; torch 2.13",
        "1 trained now: GPU; 2026-12-01; vscg e; torch 2.13"]
    long = provenance([record(f"{letter}.zip", "2026-11-29") for letter in "abcdefghijklmnopqrstuvw"]).splitlines()
    assert len(long) == 2 and max(map(len, long)) <= 88, "a line of a page"


def test_the_runs_that_were_computed_twice_are_the_shipped_ones():
    twice = computed_twice()
    assert list(twice) == ["instructions", "threads"] and twice["threads"][0].values["threads"] == 2
    for record, both in twice.values():
        assert record.shipped and both["epoch"].tolist() == record.history["epoch"].tolist()
        for name in ("loss", "val_accuracy", "test_accuracy"):
            np.testing.assert_allclose(both[name], record.history[name], atol=1e-6)
            assert both[f"{name}_now_more"].any()


def test_a_named_draw_is_no_other_one():
    for data, of_run_two in {"planted-study": "planted-study:seed=2", "planted-study:seed=3": "planted-study:seed=3",
                             "planted-study:dynamics=1": "planted-study:dynamics=1,seed=2", "ave": "ave",
                             "/data/10:00/own.h5": "/data/10:00/own.h5"}.items():
        assert drawn(data, 2) == of_run_two


def test_the_runs_of_the_plans_rows_are_what_their_names_say():
    gru = {"gru": "equations"}
    assert {row.name: {key: value for key, value in row.run.items() if key != "system"}
            for row in PLANNED["letters"].rows} == {
        "the program": {}, "V6": {"loss": "c17+t+avps"}, "B1": {"model_options": gru},
        "V5 with B1": {"loss": "c+t+avps16", "model_options": {"similarity": "product", **gru}},
        "to the letter": {"variant": "paper", "model_options": gru}, "W1": {"model_options": {"crossed": False}},
        "W2": {"model_options": {"linear": True}}}
    assert {row.name: (row.run.get("data"), row.run["model_options"].get("escm", True))
            for row in PLANNED["dynamics"].rows} == {
        "VSCG, no dynamics": (None, True), "w/o ESCM, no dynamics": (None, False),
        "VSCG, dynamics": (f"{STUDY}:dynamics=1", True), "w/o ESCM, dynamics": (f"{STUDY}:dynamics=1", False)}


def test_a_run_that_was_trained_here_comes_before_the_one_that_shipped(tmp_path, monkeypatch):
    came = find_records(shipped_dir())[0]
    (tmp_path / came.key).mkdir()
    (tmp_path / came.key / "record.json").touch()
    monkeypatch.setattr("vscg.study.runs.unique_runs", lambda configs: {came.key: came.config})
    monkeypatch.setattr("vscg.study.runs.runs_dir", lambda: tmp_path)
    monkeypatch.setattr("vscg.study.runs.sweep", lambda configs: Sweep(
        tuple(replace(came, folder=tmp_path / came.key) for _ in configs), ()))
    here, = finished([came.config])
    assert not here.shipped
