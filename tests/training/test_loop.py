"""fit(): batches, resuming, what stops a run, and what it leaves."""
import datetime
import gc
import os
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import tqdm.std

import vscg.training.loop as training
from tests.robustness.killing import numbers
from vscg.errors import VscgError
from vscg.models import SETTINGS
from vscg.training.batches import Features, predict
from vscg.training.checkpoint import save_run
from vscg.training.config import RunConfig, Schedule
from vscg.training.evaluation import segment_accuracy
from vscg.training.keys import run_key
from vscg.training.loop import epoch_batches, epoch_seed, fit
from vscg.training.records import find_records

CPU = torch.device("cpu")


def quick(**changes) -> RunConfig:
    return RunConfig(**{"epochs": 3, "batch": 8, "data": "tiny", **changes})


def planned(**changes) -> RunConfig:
    """A short run whose schedule is changed."""
    return RunConfig(data="tiny", schedule=Schedule(**{"epochs": 3, "batch": 8, **changes}))


def run(config, tiny, store, **options):
    return fit(config, dataset=tiny, store=store, progress=False, **{"device": "cpu", **options})


def started(tiny, config) -> training.Run:
    config = config.resolve()
    run = training.Run(config, Features(tiny, CPU, config.modality, config.precision), tiny.splits, CPU)
    run.devices = []
    return run


class TestBatches:
    rows = np.arange(100, 125)

    def order(self, config, epoch=0):
        return [batch.tolist() for batch in epoch_batches(config.resolve(), self.rows, epoch)]

    def test_clean_batches_hold_every_clip_once_in_a_new_order_each_epoch(self):
        first, second = self.order(quick()), self.order(quick(), 1)
        assert sorted(sum(first, [])) == self.rows.tolist() == sorted(sum(second, []))
        assert first != second and first == self.order(quick())
        assert [len(batch) for batch in first] == [8, 8, 8, 1]

    def test_drop_last_leaves_out_the_incomplete_batch(self):
        assert [len(batch) for batch in self.order(quick(drop_last=True))] == [8, 8, 8]

    def test_first_random_draws_the_first_batch_from_all_clips_and_repeats_the_stored_order_after_it(self):
        drawn = []
        for epoch in range(20):
            first, *rest = self.order(quick(order="first-random"), epoch)
            assert sum(rest, []) == self.rows[8:].tolist() and len(set(first)) == 8
            drawn.append(first)
        assert drawn[0] != drawn[1] and {*sum(drawn, [])} - {*self.rows[:8].tolist()}, "not only its own slots"

    def test_stored_order_is_never_shuffled(self):
        assert sum(self.order(quick(order="stored"), 5), []) == self.rows.tolist()

    def test_seeds_of_runs_and_epochs_do_not_meet(self):
        seeds = {epoch_seed(quick(seed=seed), epoch) for seed in range(20) for epoch in range(300)}
        assert len(seeds) == 20 * 300


def complete(record, data, epochs) -> None:
    """The record holds what its weights give, of the picked epoch and of the last ones."""
    history, truth = record.history, data.labels[data.splits["test"]].argmax(-1)
    assert history.epoch.tolist() == [*range(1, epochs + 1)] and np.isfinite(history.loss).all()
    assert {path.name for path in record.folder.iterdir()} == {
        ".lock", "record.json", "history.csv", "state.safetensors", "predictions.safetensors"}
    best = int(history.val_accuracy.idxmax())
    assert record.result["epoch"] == best + 1
    assert record.result["test"]["accuracy"] == pytest.approx(history.test_accuracy[best])
    assert record.values["results"]["test"]["test"]["accuracy"] == pytest.approx(history.test_accuracy.max())
    again = predict(record.model(), Features(data, CPU), data.splits["test"])
    assert (again == record.predictions()).all()
    number = data.dims.classes
    assert segment_accuracy(again, truth, number) == record.result["test"]["accuracy"]
    last = record.predictions("last")
    assert last.shape == (min(5, epochs), *truth.shape)
    assert [segment_accuracy(one, truth, number) for one in last] == pytest.approx(history.test_accuracy.tolist()[-5:])


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_learns_and_leaves_a_complete_record(setting, tiny, tmp_path):
    """On AVE's sizes; test_dims has every system, on others."""
    record = run(quick(setting=setting, epochs=6), tiny, tmp_path)
    complete(record, tiny, 6)
    assert setting == "weakly" or record.history.loss.iloc[-1] < 0.8 * record.history.loss.iloc[0]


def test_a_run_that_exists_is_loaded_by_whatever_name_its_data_and_profile_go(tiny, tmp_path):
    first = run(quick(epochs=1), tiny, tmp_path)
    second = run(quick(epochs=1, profile="full", data="other name"), tiny, tmp_path)
    assert first.fresh and not second.fresh and first.values == second.values and first.folder == second.folder
    assert "trained now" in first.describe() and "loaded" in second.describe()
    assert [record.folder for record in find_records(tmp_path)] == [first.folder]


def gradient_norms(config, tiny, monkeypatch) -> tuple[list[float], dict]:
    """Global norms of the gradients that Adam gets in one epoch, and the weights after it."""
    norms, original = [], torch.optim.Adam.step

    def step(self, *args, **options):
        norms.append(sum(p.grad.double().square().sum().item() for group in self.param_groups
                         for p in group["params"] if p.grad is not None) ** 0.5)
        return original(self, *args, **options)

    made = started(tiny, config)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", step)
        made.train_epoch(lambda steps: None)
    return norms, made.model.state_dict()


def test_clip_norm_limits_the_gradient(tiny, monkeypatch):
    free, weights = gradient_norms(quick(), tiny, monkeypatch)
    assert len(free) == 2 and min(free) > 0.2
    for limit in (0.01, 0.1):
        assert gradient_norms(planned(clip_norm=limit), tiny, monkeypatch)[0] == pytest.approx([limit] * 2, rel=1e-3)
    norms, same = gradient_norms(planned(clip_norm=1e6), tiny, monkeypatch)
    assert norms == free and all(torch.equal(value, same[name]) for name, value in weights.items())


def test_no_gradient_is_left_over_from_the_step_before(tiny):
    """At rate 0, AVEL, which has no dropout, has the same gradient in each step on the same clips."""
    made, found = started(tiny, RunConfig(system="avel", data="tiny", schedule=Schedule(batch=16, lr=0.0))), []
    for _ in range(2):
        made.train_epoch(lambda steps: None)
        found.append([parameter.grad.clone() for parameter in made.model.parameters()])
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second)


def test_the_history_shows_the_loss_that_was_chosen(tiny, tmp_path):
    history = run(quick(epochs=1, loss="c+t"), tiny, tmp_path).history
    assert list(history) == ["epoch", "lr", "loss", "event_relevance", "category", "val_accuracy", "test_accuracy"]
    assert history.loss[0] == pytest.approx(history.event_relevance[0] + history.category[0])


def test_a_finished_run_keeps_no_features_in_memory(tiny, tmp_path, monkeypatch):
    """Without waiting for Python's collector of circles, which knows nothing of a GPU's memory."""
    made = []

    class Watched(training.Features):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(weakref.ref(self))
    monkeypatch.setattr(training, "Features", Watched)
    gc.disable()
    try:
        run(quick(), tiny, tmp_path)
        assert [reference() for reference in made] == [None]
    finally:
        gc.enable()


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_batch(tiny, tmp_path, monkeypatch):
    original = Features.batch

    def poisoned(self, rows):
        audio, visual, labels = original(self, rows)
        return (audio * float("nan") if 5 in rows else audio), visual, labels

    monkeypatch.setattr(Features, "batch", poisoned)
    number = next(i for i, rows in enumerate(epoch_batches(quick().resolve(), tiny.splits["train"], 0), 1) if 5 in rows)
    assert 5 in tiny.splits["train"]
    with pytest.raises(VscgError, match=rf"not finite in epoch 1, batch {number} of 2"):
        run(quick(), tiny, tmp_path)
    assert not find_records(tmp_path)


def test_a_wall_clock_that_jumps_and_a_machine_that_starts_anew_change_nothing_but_dates(tiny, tmp_path, monkeypatch):
    """The clock that seconds are taken from begins anew when the machine does."""
    config, rng, begun = quick(system="avel"), np.random.default_rng(0), time.monotonic()
    whole, options = run(config, tiny, tmp_path / "whole"), {"dataset": tiny, "store": tmp_path, "device": "cpu"}
    for module in (time, tqdm.std):
        monkeypatch.setattr(module, "time", lambda: rng.uniform(0, 4e9))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training, "write_record", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
        fit(config, save_every=0, **options)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: time.monotonic() - 1e6))
    record = fit(config, **options)
    assert numbers(record) == numbers(whole) and 0 < record.values["seconds"] < time.monotonic() - begun


def test_records_stand_in_the_order_of_their_dates_and_no_date_decides_what_is_trained_again(tiny, tmp_path,
                                                                                             monkeypatch):
    """The clock is set back after the first run; a copy or a checkout gives files any date."""
    made = []
    for seed, year in enumerate((2035, 2005)):
        class Clock(datetime.datetime):
            now = classmethod(lambda cls, zone, year=year: cls(year, 1, 1, tzinfo=zone))
        monkeypatch.setattr(training.datetime, "datetime", Clock)
        made.append(run(quick(system="avel", epochs=1, seed=seed), tiny, tmp_path))
    assert [record.folder for record in find_records(tmp_path)] == [made[1].folder, made[0].folder]
    for date in (0, 4e9):
        for path in tmp_path.rglob("*"):
            os.utime(path, (date, date))
        assert not any(run(record.config, tiny, tmp_path).fresh for record in made)


@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_device_that_is_not_there_is_refused_before_the_data_is_made(tmp_path, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(training, "load_dataset", None)
    with pytest.raises(VscgError, match=f"device '?{device}"):
        fit(quick(), store=tmp_path, device=device)
    assert not list(tmp_path.iterdir())


def test_fit_leaves_the_callers_generator_alone(tiny, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(quick(epochs=1), tiny, tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_a_run_goes_on_with_its_own_threads_and_gives_back_the_callers(tiny, tmp_path):
    before = torch.get_num_threads()
    checkpoint = tmp_path / run_key(quick().resolve(), tiny.fingerprint) / "checkpoint.pt"
    checkpoint.parent.mkdir()
    try:
        torch.set_num_threads(1)
        training.save_run(checkpoint, started(tiny, quick()))
        torch.set_num_threads(3)
        values = run(quick(), tiny, tmp_path).values
        assert values["threads"] == 1 and torch.get_num_threads() == 3
        assert values["subnormals"] == "kept", "so it was begun"
        assert run(quick(epochs=1), tiny, tmp_path).values["subnormals"] == "zero"
        assert (torch.tensor([1e-40]) * 1).item() > 0, "nor are small numbers zero afterwards"
    finally:
        torch.set_num_threads(before)


def test_a_record_names_every_device_that_its_run_was_on(tiny, tmp_path, monkeypatch):
    names = iter(["a GPU", "CPU, 1 of 2 cores", "CPU, 1 of 2 cores"])
    monkeypatch.setattr(training, "device_name", lambda device: next(names))

    def stop(*state):
        save_run(*state)
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(training, "save_run", stop)
            run(quick(epochs=3), tiny, tmp_path, save_every=0)
    assert run(quick(epochs=3), tiny, tmp_path).values["device"] == "a GPU, then CPU, 1 of 2 cores"


def test_a_run_that_another_process_trains_is_waited_for_and_that_is_said(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "in_use", lambda folder: True)
    record = fit(quick(epochs=1), dataset=tiny, store=tmp_path, device="cpu")
    assert f"another process trains {record.folder}; waiting for it\n" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named_and_kept(tiny, tmp_path):
    checkpoint = tmp_path / run_key(quick().resolve(), tiny.fingerprint) / "checkpoint.pt"
    checkpoint.parent.mkdir()
    training.save_run(checkpoint, started(tiny, quick()))
    content = checkpoint.read_bytes()[:-1]
    checkpoint.write_bytes(content)
    with pytest.raises(VscgError, match="checkpoint.pt cannot be continued from"):
        run(quick(), tiny, tmp_path)
    assert checkpoint.read_bytes() == content


def test_the_history_has_the_rates_that_were_used(tiny, tmp_path):
    history = run(planned(decay_epochs=(1,), decay=0.5), tiny, tmp_path).history
    assert history.lr.tolist() == pytest.approx([1e-3, 5e-4, 5e-4])
