"""The file of the study of deviations: its effects are those of the runs."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.study import deviations, effects
from vscg.study.deviations import Deviation, duplicate_configs, duplicates_file, plateau_configs
from vscg.study.statistics import mean_interval
from vscg.training.evaluation import clip_accuracy
from vscg.training.loop import fit
from vscg.training.sweep import unique_runs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="class")
def trained(small):
    """All runs of the small study, in the store, and its file."""
    data = {str(small.path): small, str(duplicates_file()): read_prepared(duplicates_file())}
    with pytest.raises(VscgError, match="python -m vscg deviations"):
        effects.collect()
    records = [fit(config, dataset=data[config.data], device="cpu", progress=False)
               for config in unique_runs(deviations.deviation_configs()).values()]
    assert effects.write_study() == effects.study_file()
    return records


def test_the_study_lies_with_the_committed_records_wherever_home_is(tmp_path, monkeypatch):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    assert effects.study_file() == ROOT / "book" / "records" / "deviations.json"


class TestSmallStudy:
    def test_effects_are_those_of_the_records(self, small, trained):
        study = effects.load_study()
        truth = small.labels[small.splits["test"]].argmax(-1)
        frame = study.effects().set_index("row")
        stored = {(r.config.setting, r.config.target, bool(r.config.model_options), r.config.epochs, r.config.data,
                   r.config.seed): 100 * clip_accuracy(r.predictions(), truth)
                  for r in trained if r.config.precision == "fp32"}
        for row, kinds in {"V4": (("fully", "presence", False), ("fully", "presence", True)),
                           "W3": (("weakly", "proportion", False), ("weakly", "presence", False))}.items():
            first, second = (np.array([stored[*kind, 1, str(small.path), seed] for seed in range(2)]) for kind in kinds)
            assert frame.loc[row, "difference"] == pytest.approx((first - second).mean())
            assert frame.loc[row, ["low", "high"]].tolist() == pytest.approx(mean_interval(first - second)[1:])
            assert frame.loc[row, "seeds"] == 2
        assert all(map(study.holds, deviations.DEVIATIONS)) and not study.holds(Deviation(
            "V3", "?", {}, {"model_options": {"renormalise": False}}))
        rounding = study.effects(deviations.ROUNDINGS)
        assert rounding["row"].tolist() == ["TF32"] and rounding["second"][0] == frame.loc["V4", "first"]
        assert study.current() == len(study.values["runs"]) == len({record.folder for record in trained})
        text = effects.study_file().read_text()
        assert str(small.path) not in text, "no path of a machine in a file that travels"

    def test_thresholds_are_those_of_the_models(self, small, trained):
        study = effects.load_study()
        plateau = [record for record in trained if record.config.epochs == 2]
        runs = study.runs(plateau_configs())
        for record, seed, run in zip(plateau, study.values["thresholds"], runs, strict=True):
            assert seed["test"]["0.7"] == run["validation"]["right"], "0.7 is the threshold that the run used"
            assert set(seed) == {"val", "test"} and "0.668" in seed["val"] and len(seed["val"]["0.5"]) == 4
            assert run["test_history"] == pytest.approx(record.history["test_accuracy"].tolist(), abs=1e-5)
        assert len(study.runs(duplicate_configs())) == 2

    def test_a_changed_code_shows(self, trained, tmp_path):
        values = json.loads(effects.study_file().read_text())
        values["runs"][0]["key"] = "0" * 16
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(values))
        assert effects.load_study(path).current() == len(values["runs"]) - 1


def test_a_study_that_lacks_a_run_names_the_command(tmp_path):
    path = tmp_path / "study.json"
    path.write_text(json.dumps({"thresholds": [], "duplicates": [], "runs": []}))
    with pytest.raises(VscgError, match="lacks [0-9]+ runs, the first with.*python -m vscg deviations"):
        effects.load_study(path).effects()


def test_right_seconds_at_each_threshold_are_those_of_each_split(plain, tiny):
    found, model = effects._thresholds(plain.folder, tiny), plain.model()
    for split in ("val", "test"):
        rows = tiny.splits[split]
        with torch.no_grad():
            output = model(torch.from_numpy(tiny.audio[rows]), torch.from_numpy(tiny.visual[rows]).float())
        relevance = output.event_relevance.sigmoid().numpy()
        event, truth = output.event_category.argmax(-1).numpy()[:, None], tiny.labels[rows].argmax(-1)
        for threshold in (*effects.THRESHOLDS, effects.PAPER_THRESHOLD):
            said = np.where(relevance > np.float32(threshold), event, 28)
            assert found[split][str(threshold)] == (said == truth).sum(1).tolist()
    assert found["val"] != found["test"] and len({str(right) for right in found["val"].values()}) > 1


def test_the_share_called_background_is_that_of_the_predictions(plain, tiny):
    predicted, truth = plain.predictions(), tiny.labels[tiny.splits["test"]].argmax(-1)
    found = effects._summary(plain, plain.config, tiny)["called_background"]
    assert found == pytest.approx((predicted == 28).mean(), abs=1e-5) != pytest.approx((truth == 28).mean(), abs=1e-3)


def test_the_shares_called_background_stand_under_their_ways():
    deviation = Deviation("X1", "?", {"loss": "c+t"}, {})
    found = [{"config": effects._changes(config), "validation": {"right": [5, 6 + way]},
              "called_background": (0.1, 0.4)[way]}
             for way, configs in enumerate(deviation.configs()) for config in configs]
    line = effects.Study({"runs": found}).effects((deviation,)).iloc[0]
    assert (line["first"], line["second"]) == (55, 60)
    assert (line["first_background"], line["second_background"]) == pytest.approx((10, 40))
