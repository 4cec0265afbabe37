"""The record of what finished networks look at, and the command that writes it."""
import json

import numpy as np
import pytest

from tests.book.test_build import ROOT, load
from vscg import fit
from vscg.data import BACKGROUND, planted
from vscg.data.prepared import read_prepared
from vscg.study import localisation
from vscg.study.runs import networks
from vscg.training.config import RunConfig
from vscg.training.records import read_record, shipped_dir

finished = load(ROOT / "book" / "finished.py")


def test_contrast_by_hand():
    """One event second against two of background: above one of them, equal to the other. A clip of one kind is out."""
    similarity = np.array([[0.4, 0.1, 0.4], [0.9, 0.1, 0.2]])
    event = np.array([[True, False, False], [True, True, True]])
    assert finished.contrast(similarity, event) == 0.75
    assert finished.contrast(-similarity, event) == 0.25


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "study.h5"
    return read_prepared(planted.generate(path, size="study", train=16, val=4, test=60, background=4))


def test_a_second_is_weak_where_both_modalities_show_less_than_at_best(study):
    test = study.splits["test"]
    shown = np.stack([study.truth[name][test] for name in ("audio_evidence", "visual_evidence")])
    event = study.labels[test].argmax(-1) != BACKGROUND
    # In this data set what a second shows at best is 1, or the dial `clarity` in a faint clip; else a tenth of it.
    weak = event & (shown < 0.11 * np.where(shown.max((0, 2), keepdims=True) == 1, 1, 0.3)).all(0)
    assert 0.05 < weak[event].mean() < 0.4
    for name, where in (("strong", event & ~weak), ("weak", weak), ("background", ~event)):
        right = np.broadcast_to(where, (5, *where.shape))
        assert finished.in_seconds(right, study) == {
            other: float(other == name) for other in ("strong", "weak", "background")}


def test_what_is_kept_of_a_run(study, tmp_path, monkeypatch):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    record = fit(RunConfig(data=str(study.path), batch=8, epochs=1))
    line = finished.look(record, study)
    test = study.splits["test"]
    mask, silent = (study.truth[name][test].astype(bool) for name in ("source_mask", "silent_mask"))
    scored = localisation.scored_seconds(study.labels[test], mask)
    maps = localisation.attention_of(record.model(), study, test)
    assert line["own sound"]["pointing"] == pytest.approx(
        localisation.scores(maps, mask, scored)["pointing"].mean(), abs=1e-5)
    both = scored & silent.any((2, 3))
    assert 0 < both.sum() < scored.sum()
    assert line["the silent object"]["roc_auc"] == pytest.approx(
        localisation.scores(maps, silent, both)["roc_auc"].mean(), abs=1e-5)
    assert line["before training"] != line["own sound"] != line["other sound"]
    assert 0 < line["contrast"] < 1


def test_the_record_is_of_runs_that_ship():
    runs = json.loads(finished.FILE.read_text())["runs"]
    assert len({run["key"] for run in runs}) == len(runs) >= 12
    background = planted.true_classes("study") == BACKGROUND
    for run in runs:
        record = read_record(shipped_dir() / f"{run['key']}.zip")
        assert [record.config.data, record.config.epochs, record.config.seed] == [
            run["data"], run["epochs"], run["seed"]]
        right = (record.predictions("last")[:, background] == BACKGROUND).mean()
        assert run["right"]["background"] == pytest.approx(right, abs=1e-5)


def test_a_table_has_the_networks_of_its_rows():
    found = networks("sentinels")
    seeds = found.groupby("row")["seed"].apply(sorted).map(list).to_dict()
    # The rows of 80 epochs are rows of Table III too, and get its further seeds as they come in.
    assert {row: of_row[:3] for row, of_row in seeds.items()} == {
        f"{name}, {epochs} epochs": [0, 1, 2] for name in ("VSCG", "w/o ESCM") for epochs in (40, 80)}
    assert all(len(of_row) == 3 for row, of_row in seeds.items() if "40" in row)
    assert set(found["epochs"]) == {40, 80} and found["own sound, pointing"].between(0, 1).all()
