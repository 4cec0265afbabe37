"""Every choice of a run reaches its training: rates, targets, selections, batches; and the record says so."""
import platform

import numpy as np
import pytest
import torch

import vscg.training.loop as training
from tests.training.test_loop import planned, quick, run, started
from vscg.machine.device import processor
from vscg.training.config import Schedule
from vscg.training.records import code_revision


@pytest.mark.parametrize("changes, expected", [
    ({"decay_epochs": (1,), "decay": 0.5}, [1e-3, 1e-3, 5e-4, 5e-4]),
    ({"decay_steps": 3, "decay": 0.1}, [1e-3] * 3 + [1e-4]),
    ({"warm_up_steps": 3}, [1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3])])
def test_adam_steps_with_the_rate_of_the_schedule(changes, expected, tiny, monkeypatch):
    rates, original = [], torch.optim.Adam.step

    def step(self, *args, **options):
        rates.append({float(group["lr"]) for group in self.param_groups})
        return original(self, *args, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    made = started(tiny, planned(**changes))
    for made.epoch in range(2):
        made.train_epoch(lambda steps: None)
    assert [rate for rates_of_step in rates for rate in rates_of_step] == pytest.approx(expected)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Where runs that several tests compare with are trained once."""
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("base, change", [
    ({"setting": "weakly"}, {"target": "proportion"}), ({}, {"stale_avps": True}),
    ({"background": True}, {"empty_as_first": True}), ({"loss": "c+t"}, {"variant": "paper"}), ({}, {"loss": "c+t"}),
    ({}, {"modality": "audio"}), ({}, {"modality": "visual"}), ({}, {"model_options": {"escm": False}}),
    ({}, {"order": "stored"}), ({}, {"precision": "bf16"}), ({}, {"seed": 1}),
    ({}, {"schedule": Schedule(epochs=1, batch=8, lr=1e-2)}), ({}, {"batch": 4})], ids=str)
def test_every_choice_of_a_run_reaches_its_training(base, change, tiny, store):
    plain, changed = (run(quick(epochs=1, **base, **more), tiny, store) for more in ({}, change))
    assert plain.folder != changed.folder
    assert plain.history.loss.tolist() != changed.history.loss.tolist()


def test_the_seed_draws_the_first_weights(tiny):
    first, same, other = (list(started(tiny, quick(seed=seed)).model.parameters()) for seed in (0, 0, 1))
    assert all(map(torch.equal, first, same)) and not any(torch.equal(a, b) for a, b in zip(first, other, strict=True)
                                                          if len(a.unique()) > 1)


@pytest.fixture
def scores(monkeypatch):
    """The accuracies of validation and test clips, epoch by epoch, whatever the network says."""
    def give(val, test):
        told = iter(np.stack([val, test], 1).ravel().tolist())
        monkeypatch.setattr(training, "segment_accuracy", lambda predicted, true, number: next(told))
    return give


@pytest.mark.parametrize("selection, epoch", [("validation", 1), ("test", 3)])
def test_the_weights_that_are_kept_are_those_that_the_selection_picks(selection, epoch, tiny, tmp_path, scores):
    scores([0.9, 0.1, 0.9], [0.1, 0.2, 0.9])              # the first of equals
    record = run(quick(selection=selection), tiny, tmp_path)
    assert record.result["epoch"] == epoch
    until = started(tiny, quick(selection=selection))
    for until.epoch in range(epoch):
        until.train_epoch(lambda steps: None)
    for name, value in record.model().state_dict().items():
        assert torch.equal(value, until.model.state_dict()[name]), name


def test_only_epochs_that_the_program_looks_at_are_picked(tiny, tmp_path, scores):
    scores([0.9, 0.5, 0.8, 0.3], [0.9, 0.5, 0.8, 0.3])
    assert run(planned(epochs=4, first_look=1, look_every=2), tiny, tmp_path).result["epoch"] == 2


def test_the_record_says_what_it_ran_on(tiny, tmp_path):
    values = run(quick(system="avel", epochs=1), tiny, tmp_path).values
    assert values["bytes_read"] == tiny.visual.nbytes + tiny.audio.nbytes and values["peak_memory_bytes"] > 50e6
    assert values["versions"] == {"vscg": code_revision(), "python": platform.python_version(),
                                  "torch": torch.__version__, "numpy": np.__version__}
    assert values["threads"] == torch.get_num_threads() and values["processor"] == processor()[0]
    assert values["data"] == {"name": tiny.name, "fingerprint": tiny.fingerprint}


def test_background_clips_are_those_of_their_split(tiny):
    rows = [started(tiny, quick(**changes)).rows.tolist()
            for changes in ({"setting": "weakly"}, {"setting": "weakly", "background": False}, {})]
    assert rows == [[*tiny.splits["train"], *tiny.splits["background"]]] + [tiny.splits["train"].tolist()] * 2
