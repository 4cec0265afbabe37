"""What chapters look at in a network: the model's own values, computed once, the same from a run that shipped."""
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.test_loop import quick, run
from vscg.data.labels import BACKGROUND
from vscg.data.prepared import Dataset
from vscg.errors import VscgError
from vscg.models import build_model, predict_segments
from vscg.study import failures, seen
from vscg.study.failures import class_probability
from vscg.study.localisation import attention_of, other_clip
from vscg.study.seen import observe, observed, seen_clips
from vscg.training.records import OBSERVED, Record, find_record, read_record, ship


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    return run(quick(system="vscg", epochs=2), tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def gated(tiny, tmp_path_factory):
    return run(quick(system="cmbs", setting="weakly", epochs=2), tiny, tmp_path_factory.mktemp("runs"))


def stored(record) -> Record:
    """The run as the next process finds it."""
    return read_record(record.folder)


def test_maps_and_probabilities_are_the_models(trained, tiny):
    found, model, test = observed(stored(trained), tiny), trained.model(), tiny.splits["test"]
    assert set(found) == {"attention", "foreign", "untrained", "probability"}
    torch.manual_seed(trained.config.seed)
    untrained = build_model("vscg", setting="fully").eval()
    sounds = test[other_clip(tiny.category[test], trained.config.seed)]
    expected = {"attention": attention_of(model, tiny, test), "foreign": attention_of(model, tiny, test, sounds),
                "untrained": attention_of(untrained, tiny, test)}
    with torch.no_grad():
        output = model(torch.from_numpy(tiny.audio[test]), torch.from_numpy(tiny.visual[test]).float())
    expected["probability"] = class_probability(output).numpy()
    for name, values in expected.items():
        assert np.abs(found[name] - values).max() < 2 / seen.STEPS, name
        assert np.allclose(found[name].sum(seen._axes(values)), 1)
    assert np.abs(expected["attention"] - expected["foreign"]).max() > 20 / seen.STEPS
    assert np.abs(expected["attention"] - expected["untrained"]).max() > 20 / seen.STEPS


def test_they_are_computed_once_and_ship_with_the_run(trained, tiny, tmp_path, monkeypatch):
    record = observe(stored(trained), tiny)
    here = observed(record, tiny)
    monkeypatch.setattr(Record, "model", lambda self: pytest.fail("the network is asked again"))
    assert stored(trained).values == record.values and observe(record, tiny) is record
    file, = ship([stored(trained)], tmp_path)
    there = observed(read_record(file), tiny)
    assert there.keys() == here.keys() and all((there[name] == here[name]).all() for name in here)
    assert find_record(quick(system="vscg", epochs=2), tiny.fingerprint, trained.folder.parent).values == record.values


def test_the_gate_held_against_one_half_is_the_mended_rule(gated, tiny):
    """Chapter 10 needs no weights for it: the published rule gives every second the clip's class."""
    found, test = observed(stored(gated), tiny), tiny.splits["test"]
    assert set(found) == {"attention", "gate"}
    mended = build_model("cmbs", setting="weakly", rule="mended").eval()
    mended.load_state_dict(gated.model().state_dict())
    with torch.inference_mode():
        output = mended(torch.from_numpy(tiny.audio[test]), torch.from_numpy(tiny.visual[test]).float())
    gate, said = output.extras["gate"].numpy(), predict_segments(output).numpy()
    assert np.allclose(found["gate"], gate, atol=1e-6)
    assert (np.where(found["gate"] > 0.5, gated.predictions(), BACKGROUND) == said).all()
    output.threshold = float(np.sort(gate, axis=None)[gate.size // 2 - 1:][:2].mean())    # between two: both answers
    said = predict_segments(output).numpy()
    assert (np.where(gate > output.threshold, gated.predictions(), BACKGROUND) == said).all()
    assert (said != gated.predictions()).any() and (said != BACKGROUND).any()


@pytest.mark.parametrize("size, number", [(4, 4), (128, 128), (129, 128), (402, 128)])
def test_maps_are_kept_of_clips_all_over_the_split(size, number):
    data = type("Data", (), {"splits": {"test": np.arange(size)}})
    clips = seen_clips(data)
    steps = np.diff(clips)
    assert len(clips) == number and clips[0] == 0 and clips[-1] == size - 1
    assert steps.min() >= 1 and steps.max() - steps.min() <= 1


def test_only_what_is_asked_for_is_kept_and_sizes_are_the_datas(tmp_path):
    g, rows = np.random.default_rng(0), np.arange(12)
    labels = np.eye(4, dtype=np.float32)[np.where(np.arange(10) < 5, (rows % 3)[:, None], 3)]
    data = Dataset("own", "own", tmp_path, g.random((12, 10, 7, 7, 6), np.float32), g.random((12, 10, 5), np.float32),
                   labels, rows % 3, {"train": rows[:6], "val": rows[6:9], "test": rows[9:], "background": rows[:0]},
                   tuple(map(str, rows)), categories=("a", "b", "c"))
    record = run(quick(system="psp", epochs=1), data, tmp_path / "runs")
    torch.manual_seed(record.config.seed)
    untrained = build_model("psp", setting="fully", dims=data.dims).eval()
    found = observed(observe(record, data, ("foreign", "untrained")), data)
    assert set(found) == {"foreign", "untrained"}
    assert np.abs(found["untrained"] - attention_of(untrained, data, rows[9:])).max() < 2 / seen.STEPS


def test_a_file_that_is_not_what_was_kept_is_named(gated, tiny):
    record = observe(stored(gated), tiny)
    path = record.folder / OBSERVED
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    with pytest.raises(VscgError, match=f"{OBSERVED} is damaged"):
        observed(stored(gated), tiny)
    path.write_bytes(content)


def test_what_is_kept_of_a_run_is_what_it_says_to_its_own_modality(heard_alone, tiny):
    found, test = seen.observed(heard_alone, tiny), tiny.splits["test"]
    with torch.no_grad():
        output = heard_alone.model()(torch.from_numpy(tiny.audio[test]), torch.zeros(len(test), 10, 7, 7, 512))
    assert np.abs(found["probability"] - failures.class_probability(output).numpy()).max() < 2 / seen.STEPS


def test_of_a_large_split_the_kept_maps_are_those_of_the_named_clips(plain, tiny, monkeypatch):
    monkeypatch.setattr(seen, "MAPS", 2)
    maps = seen._look(plain, tiny, ("attention",))["attention"].astype(float)
    expected = attention_of(plain.model(), tiny, tiny.splits["test"][[0, 3]])
    assert np.abs(maps / maps.sum((2, 3), keepdims=True) - expected).max() < 2 / seen.STEPS


def test_the_foreign_sound_is_drawn_by_the_runs_seed(plain, tiny):
    test = tiny.splits["test"]
    drawn = {seed: other_clip(tiny.category[test], seed) for seed in range(20)}
    seed = next(seed for seed in drawn if (drawn[seed] != drawn[0]).any())
    other = replace(plain, values={**plain.values, "config": {**plain.values["config"], "seed": seed}})
    maps = seen._look(other, tiny, ("foreign",))["foreign"].astype(float)
    expected = attention_of(plain.model(), tiny, test, test[drawn[seed]])
    assert np.abs(maps / maps.sum((2, 3), keepdims=True) - expected).max() < 2 / seen.STEPS
