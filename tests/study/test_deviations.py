"""The study of deviations: which runs are compared, and duplicated clips."""
import re
from pathlib import Path

import numpy as np

from vscg.data.prepared import read_prepared
from vscg.study import deviations
from vscg.study.deviations import duplicated_rows, duplicates_file

ALL = deviations.DEVIATIONS + deviations.ROUNDINGS
ROOT = Path(__file__).resolve().parents[2]
LISTED = re.findall(r"^\| ([A-Z]\d+) \|", (ROOT / "book" / "deviations.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_runs_come_seed_by_seed_and_the_duplicates_are_looked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(deviations, "duplicates_file", lambda: asked.append(1) or Path("doubled.h5"))
    configs = deviations.deviation_configs()
    assert asked == [1] and [config.seed for config in configs] == sorted(config.seed for config in configs)
    every = [config for deviation in ALL for way in deviation.configs() for config in way]
    assert len(configs) == len(every) + 2 * deviations.SEEDS
    assert [config for config in configs if config.seed == 3 and config in every] == [
        config for config in every if config.seed == 3]


def test_each_pair_differs_in_what_it_names_and_in_nothing_else():
    for deviation in ALL:
        for a, b in zip(*deviation.configs(), strict=True):
            first, second = a.to_json(), b.to_json()
            named = {*deviation.first, *deviation.second}
            # The paper's variant brings its own loss.
            allowed = named | ({"loss"} if "variant" in named else set())
            changed = {name for name in first if first[name] != second[name]}
            assert changed and changed <= allowed and a.seed == b.seed, deviation.row
    rows = [deviation.row for deviation in ALL]
    assert len(set(rows)) == len(rows)


def names(text: str) -> set[str]:
    """Rows of the page that a text names, such as "V1, N1 to N3" or "O" for all that begin so."""
    found = set(re.findall(r"\b[A-Z]\d+\b", text))
    for kind, first, last in re.findall(r"\b([A-Z])(\d+) to \1(\d+)\b", text):
        found |= {f"{kind}{number}" for number in range(int(first), int(last) + 1)}
    return found | {row for row in LISTED if row[0] in re.findall(r"\b[A-Z]\b", text)}


def test_every_row_of_the_deviations_page_is_measured_or_chapter_20_says_why_not():
    measured = set().union(*(names(deviation.row) for deviation in deviations.DEVIATIONS))
    chapter = (ROOT / "notebooks" / "20_deviations.py").read_text(encoding="utf-8")
    table = chapter.split("## What was not measured, and why")[1].split("# ##")[0]
    excused = set().union(*(names(row) for row in re.findall(r"^# \| ([A-Z][^|]*) \|", table, re.MULTILINE)))
    assert len(set(LISTED)) == len(LISTED) and measured | excused == set(LISTED) and not measured & excused


def test_duplicated_clips_have_other_categories_and_no_two_the_same_source():
    category = np.random.default_rng(0).integers(3, size=80)
    splits = {"train": np.arange(48), "test": np.arange(48, 80)}
    test, train = duplicated_rows(category, splits)
    assert len(set(test)) == len(set(train)) == deviations.DUPLICATES
    assert set(test) <= set(splits["test"]) and set(train) <= set(splits["train"])
    assert (category[test] != category[train]).all()


def test_the_duplicates_keep_their_labels_and_take_the_features_of_training_clips(small):
    path = duplicates_file()
    doubled, first = read_prepared(path), path.stat().st_mtime_ns
    test, train = duplicated_rows(small.category, small.splits)
    assert len(set(train)) == 2
    assert set(train) <= set(small.splits["train"]) and set(test) <= set(small.splits["test"])
    assert np.array_equal(doubled.visual[test], small.visual[train])
    assert np.array_equal(doubled.audio[test], small.audio[train])
    others = np.setdiff1d(np.arange(len(small)), test)
    assert np.array_equal(doubled.visual[others], small.visual[others])
    assert np.array_equal(doubled.labels, small.labels) and doubled.fingerprint != small.fingerprint
    assert duplicates_file().stat().st_mtime_ns == first, "made once"


def test_the_first_way_is_the_default_but_where_the_program_has_a_fault():
    """An effect is first minus second: two ways swapped turn its sign."""
    named = {deviation.row: deviation.first for deviation in deviations.DEVIATIONS if deviation.first}
    assert {row: first for row, first in named.items() if row[0] != "S"} == {
        "D3": {"drop_last": True}, "D4": {"stale_avps": True}, "W3": {"target": "proportion"},
        "D2": {"order": "first-random"}, "D2, leak": {"order": "first-random"}, "A3": {"order": "stored"}}
    assert set(named) - {"D3", "D4", "W3", "D2", "D2, leak", "A3"} == {"S3", "S4"}
    assert all(deviation.first or deviation.second for deviation in deviations.DEVIATIONS)


def test_the_page_names_the_switch_of_each_pair():
    """A field of the run, an option of the model or a loss; AVSDN's rows, of two ways, name what one of them has."""
    page = dict(re.findall(r"^\| ([A-Z]\d+) \|(.*)$", (ROOT / "book" / "deviations.md").read_text(), re.MULTILINE))
    pairs = [deviation for deviation in deviations.DEVIATIONS if deviation.row in page and deviation.row[0] != "S"]
    assert len(pairs) > 15
    for deviation in pairs:
        for name, value in {**deviation.first, **deviation.second}.items():
            switches = ([f'`"{option}"`' for option in value] if name == "model_options"
                        else [f"`{value}`"] if name == "loss" else [f"`{name}`"])
            assert all(switch in page[deviation.row] for switch in switches), deviation.row
