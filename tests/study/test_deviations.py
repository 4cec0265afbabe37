"""The study of deviations: which runs are compared, duplicated clips, and the file with its effects."""
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.study import deviations
from vscg.study.deviations import Deviation, duplicate_configs, duplicated_rows, duplicates_file, plateau_configs
from vscg.study.statistics import mean_interval
from vscg.training.evaluation import clip_accuracy
from vscg.training.loop import fit
from vscg.training.sweep import unique_runs

ALL = deviations.DEVIATIONS + deviations.ROUNDINGS
ROOT = Path(__file__).resolve().parents[2]
LISTED = re.findall(r"^\| ([A-Z]\d+) \|", (ROOT / "book" / "deviations.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="class")
def small(tiny, tmp_path_factory):
    """The study made small: two differences and a rounding, two seeds, one epoch, 26 clips; in a home of its own."""
    pairs = (Deviation("V4", "?", {}, {"model_options": {"escm_dropout": 0.2}}),
             Deviation("W3", "?", {"target": "proportion"}, {}, {"setting": "weakly"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSCG_HOME", str(tmp_path_factory.mktemp("home")))
        for name, value in (("DATA", str(tiny.path)), ("SEEDS", 2), ("DUPLICATES", 2), ("DEVIATIONS", pairs),
                            ("ROUNDINGS", (Deviation("TF32", "?", {"precision": "tf32"}),)),
                            ("_SHORT", {"batch": 8, "epochs": 1}), ("_LONG", {"batch": 8, "epochs": 2})):
            patch.setattr(deviations, name, value)
        records = tmp_path_factory.mktemp("records")
        patch.setattr(deviations, "records_dir", lambda: records)
        yield tiny


@pytest.fixture(scope="class")
def trained(small):
    """All runs of the small study, in the store, and its file."""
    data = {str(small.path): small, str(duplicates_file()): read_prepared(duplicates_file())}
    with pytest.raises(VscgError, match="python -m vscg deviations"):
        deviations.collect()
    records = [fit(config, dataset=data[config.data], device="cpu", progress=False)
               for config in unique_runs(deviations.deviation_configs()).values()]
    assert deviations.write_study() == deviations.study_file()
    return records


def test_the_study_lies_with_the_committed_records_wherever_home_is(tmp_path, monkeypatch):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    assert deviations.study_file() == ROOT / "book" / "records" / "deviations.json"


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


class TestSmallStudy:
    def test_the_duplicates_keep_their_labels_and_take_the_features_of_training_clips(self, small):
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

    def test_effects_are_those_of_the_records(self, small, trained):
        study = deviations.load_study()
        truth = small.labels[small.splits["test"]].argmax(-1)
        effects = study.effects().set_index("row")
        stored = {(r.config.setting, r.config.target, bool(r.config.model_options), r.config.epochs, r.config.data,
                   r.config.seed): 100 * clip_accuracy(r.predictions(), truth)
                  for r in trained if r.config.precision == "fp32"}
        for row, kinds in {"V4": (("fully", "presence", False), ("fully", "presence", True)),
                           "W3": (("weakly", "proportion", False), ("weakly", "presence", False))}.items():
            first, second = (np.array([stored[*kind, 1, str(small.path), seed] for seed in range(2)]) for kind in kinds)
            assert effects.loc[row, "difference"] == pytest.approx((first - second).mean())
            assert effects.loc[row, ["low", "high"]].tolist() == pytest.approx(mean_interval(first - second)[1:])
            assert effects.loc[row, "seeds"] == 2
        assert all(map(study.holds, deviations.DEVIATIONS)) and not study.holds(deviations.Deviation(
            "V3", "?", {}, {"model_options": {"renormalise": False}}))
        rounding = study.effects(deviations.ROUNDINGS)
        assert rounding["row"].tolist() == ["TF32"] and rounding["second"][0] == effects.loc["V4", "first"]
        assert study.current() == len(study.values["runs"]) == len({record.folder for record in trained})
        text = deviations.study_file().read_text()
        assert str(small.path) not in text, "no path of a machine in a file that travels"

    def test_thresholds_are_those_of_the_models(self, small, trained):
        study = deviations.load_study()
        plateau = [record for record in trained if record.config.epochs == 2]
        runs = study.runs(plateau_configs())
        for record, seed, run in zip(plateau, study.values["thresholds"], runs, strict=True):
            assert seed["test"]["0.7"] == run["validation"]["right"], "0.7 is the threshold that the run used"
            assert set(seed) == {"val", "test"} and "0.668" in seed["val"] and len(seed["val"]["0.5"]) == 4
            assert run["test_history"] == pytest.approx(record.history["test_accuracy"].tolist(), abs=1e-5)
        assert len(study.runs(duplicate_configs())) == 2

    def test_a_changed_code_shows(self, trained, tmp_path):
        values = json.loads(deviations.study_file().read_text())
        values["runs"][0]["key"] = "0" * 16
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(values))
        assert deviations.load_study(path).current() == len(values["runs"]) - 1


def test_a_study_that_lacks_a_run_names_the_command(tmp_path):
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"thresholds": [], "duplicates": [], "runs": []}))
    with pytest.raises(VscgError, match="lacks [0-9]+ runs, the first with.*python -m vscg deviations"):
        deviations.load_study(path).effects()


def test_right_seconds_at_each_threshold_are_those_of_each_split(plain, tiny):
    found, model = deviations._thresholds(plain.folder, tiny), plain.model()
    for split in ("val", "test"):
        rows = tiny.splits[split]
        with torch.no_grad():
            output = model(torch.from_numpy(tiny.audio[rows]), torch.from_numpy(tiny.visual[rows]).float())
        relevance = output.event_relevance.sigmoid().numpy()
        event, truth = output.event_category.argmax(-1).numpy()[:, None], tiny.labels[rows].argmax(-1)
        for threshold in (*deviations.THRESHOLDS, deviations.PAPER_THRESHOLD):
            said = np.where(relevance > np.float32(threshold), event, 28)
            assert found[split][str(threshold)] == (said == truth).sum(1).tolist()
    assert found["val"] != found["test"] and len({str(right) for right in found["val"].values()}) > 1


def test_the_share_called_background_is_that_of_the_predictions(plain, tiny):
    predicted, truth = plain.predictions(), tiny.labels[tiny.splits["test"]].argmax(-1)
    found = deviations._summary(plain, plain.config, tiny)["called_background"]
    assert found == pytest.approx((predicted == 28).mean(), abs=1e-5) != pytest.approx((truth == 28).mean(), abs=1e-3)


def test_the_shares_called_background_stand_under_their_ways():
    deviation = deviations.Deviation("X1", "?", {"loss": "c+t"}, {})
    found = [{"config": deviations._changes(config), "validation": {"right": [5, 6 + way]},
              "called_background": (0.1, 0.4)[way]}
             for way, configs in enumerate(deviation.configs()) for config in configs]
    line = deviations.Study({"runs": found}).effects((deviation,)).iloc[0]
    assert (line["first"], line["second"]) == (55, 60)
    assert (line["first_background"], line["second_background"]) == pytest.approx((10, 40))


def test_the_first_way_is_the_default_but_where_the_program_has_a_fault():
    """An effect is first minus second: two ways swapped turn its sign."""
    named = {deviation.row: deviation.first for deviation in deviations.DEVIATIONS if deviation.first}
    assert {row: first for row, first in named.items() if row[0] != "S"} == {
        "D3": {"drop_last": True}, "D4": {"stale_avps": True}, "W3": {"target": "proportion"},
        "D2": {"order": "first-random"}, "D2, leak": {"order": "first-random"}, "A3": {"order": "stored"}}
    assert set(named) - {"D3", "D4", "W3", "D2", "D2, leak", "A3"} == {"S3", "S4"}
    assert all(deviation.first or deviation.second for deviation in deviations.DEVIATIONS)
