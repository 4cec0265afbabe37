"""The study on composed clips: its rule on data whose answer is known, its record, and the runs that came with it."""
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vscg.data.labels import Dims
from vscg.data.prepared import Dataset
from vscg.features import composed
from vscg.study import photographs, references
from vscg.study.seen import observed
from vscg.training.records import find_record


def made(clarity: float) -> Dataset:
    """60 clips of three instances whose sound and picture show their class by `clarity`, from second 3 to 7."""
    g, dims = np.random.default_rng(0), Dims(8, 12, 7, 10, ("a", "b", "c"))
    category = np.arange(60) % 3
    event = (np.arange(10) >= 3) & (np.arange(10) < 7)
    looks, sounds = g.standard_normal((3, 12)), g.standard_normal((3, 8))
    visual = 0.1 * g.standard_normal((60, 10, 7, 7, 12))
    visual[:, 3:7, 2, 4:7] += clarity * looks[category][:, None, None]
    audio = 0.1 * g.standard_normal((60, 10, 8))
    audio[:, 3:7] += clarity * sounds[category][:, None]
    labels = np.eye(4, dtype=np.float32)[np.where(event, category[:, None], 3)]
    rows = np.arange(60)
    return Dataset("made", "f", Path("f"), visual.astype(np.float16), audio.astype(np.float32), labels, category,
                   {"train": rows[:36], "val": rows[36:48], "test": rows[48:], "background": rows[:0]},
                   tuple(map(str, rows)), categories=dims.categories)


def test_the_rule_names_what_is_clear_and_not_what_is_noise():
    for clarity, low, high in ((2.0, 0.99, 1.0), (0.0, 0.0, 0.75)):
        data = made(clarity)
        said = references.floor(data)
        right = (said == data.labels[data.splits["test"]].argmax(-1)).mean()
        assert said.shape == (12, 10) and low <= right <= high, right


def test_the_truth_is_that_of_the_test_clips():
    truth = photographs.truth()
    layout = composed.plan(composed.Dials(), 0)
    rows = np.flatnonzero(layout["split"] == "test")
    assert len(truth.clips) == 84 and (truth.labels == composed.labels_of(layout)[rows]).all()
    heard, seen = (np.stack([getattr(clip, what) for clip in truth.clips]) for what in ("heard", "seen"))
    assert ((truth.labels[..., 28] == 0) == (heard & seen)).all()
    assert (truth.source.any((2, 3)) == seen).all() and truth.silent.shape == (84, 10, 2, 7, 7)
    assert (truth.silent[5] == truth.clips[5].regions()[:, 1:]).all()


def test_the_dials_are_those_that_the_rule_chose():
    record = photographs.levels()
    measured = [level["accuracy"] for level in record["levels"]]
    assert [level["dials"] for level in record["levels"]] == [
        asdict(dials) for dials in photographs.LEVELS[:len(measured)]]
    assert min([1.0, *measured[:-1]]) > record["most"] == photographs.MOST >= measured[-1]
    assert record["levels"][-1]["dials"] == asdict(composed.Dials())
    assert record["levels"][-1]["fingerprint"] == composed.fingerprint()


def test_every_run_came_with_the_book_and_needs_no_network(monkeypatch):
    monkeypatch.setattr(composed, "load", lambda *given, **options: pytest.fail("features were asked for"))
    monkeypatch.setattr(photographs, "find_record", lambda config, wanted: find_record(config, wanted, Path("nowhere")))
    records = list(photographs.runs(progress=False))
    assert len(records) == len(photographs.configs()) == sum(photographs.SEEDS.values())
    for record in records:
        assert record.shipped and record.predictions().shape == (84, 10) and record.dims == composed.DIMS
        found = observed(record, None)
        assert set(found) == set(photographs.KEPT)
        for values in found.values():
            assert values.shape == (84, 10, 7, 7) and np.allclose(values.sum((2, 3)), 1)


def test_what_is_missing_is_trained_on_the_composed_set_once_it_is_loaded(monkeypatch):
    asked = []

    def looked(record, data, kept):
        asked.append((record[1], data, kept))
        return record

    monkeypatch.setattr(photographs, "find_record", lambda config, wanted: None)
    monkeypatch.setattr(composed, "load", lambda progress: asked.append("load") or "data")
    monkeypatch.setattr(photographs, "fit", lambda config, dataset, progress: (config, dataset))
    monkeypatch.setattr(photographs, "observe", looked)
    assert [config for config, _ in photographs.runs()] == photographs.configs()
    assert asked == ["load", *[("data", "data", photographs.KEPT)] * len(photographs.configs())]
    # One that `fit` made and that nobody has looked at yet is looked at.
    bare = SimpleNamespace(values={"sums": {}})
    monkeypatch.setattr(photographs, "find_record", lambda config, wanted: bare)
    monkeypatch.setattr(photographs, "observe", lambda record, data, kept: (record, data, kept))
    assert all(found == (bare, "data", photographs.KEPT) for found in photographs.runs())
