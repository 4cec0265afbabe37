"""fit(): batches, resuming, records, and what stops a run."""
import gc
import json
import weakref

import numpy as np
import pandas as pd
import pytest
import torch

import vscg.training.loop as training
from tests.conftest import TINY
from tests.robustness.killing import numbers
from vscg.errors import VscgError
from vscg.models import BUILT, SYSTEMS
from vscg.training.batches import Features, predict
from vscg.training.config import RunConfig
from vscg.training.evaluation import segment_accuracy
from vscg.training.loop import epoch_batches, epoch_seed, fit
from vscg.training.records import OtherVersion, find_records, read_record, run_key, shaping_files


def quick(**changes) -> RunConfig:
    return RunConfig(**{"epochs": 3, "batch": 8, "data": "tiny", **changes})


def run(config, tiny, store, **options):
    return fit(config, dataset=tiny, store=store, progress=False, **{"device": "cpu", **options})


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

    def test_first_random_repeats_the_stored_order_from_the_second_batch_on(self):
        for epoch in range(3):
            batches = self.order(quick(order="first-random"), epoch)
            assert sum(batches[1:], []) == self.rows[8:].tolist()
        assert self.order(quick(order="first-random"), 0)[0] != self.order(quick(order="first-random"), 1)[0]

    def test_stored_order_is_never_shuffled(self):
        assert sum(self.order(quick(order="stored"), 5), []) == self.rows.tolist()

    def test_seeds_of_runs_and_epochs_do_not_meet(self):
        seeds = {epoch_seed(quick(seed=seed), epoch) for seed in range(20) for epoch in range(300)}
        assert len(seeds) == 20 * 300


@pytest.mark.parametrize("system, setting", [(system, setting) for system in BUILT
                                             for setting in SYSTEMS[system].settings])
def test_every_system_trains_and_leaves_a_complete_record(system, setting, tiny, tmp_path):
    epochs = {"cmra": 2, "cmbs": 2, "dmin": 2, "avt": 1}.get(system, 3)             # the large ones take their time
    record = run(quick(system=system, setting=setting, epochs=epochs), tiny, tmp_path)
    history = record.history
    assert history.epoch.tolist() == [1, 2, 3][:epochs] and np.isfinite(history.loss).all()
    assert {path.name for path in record.folder.iterdir()} == {
        ".lock", "record.json", "history.csv", "state.safetensors", "predictions.safetensors"}
    best = int(history.val_accuracy.idxmax())
    assert record.result["epoch"] == best + 1
    assert record.result["test"]["accuracy"] == pytest.approx(history.test_accuracy[best])
    assert record.values["results"]["test"]["test"]["accuracy"] == pytest.approx(history.test_accuracy.max())
    # The stored weights and predictions are those of the picked epoch.
    again = predict(record.model(), Features(tiny, torch.device("cpu")), tiny.splits["test"])
    assert (again == record.predictions()).all()
    assert segment_accuracy(again, tiny.labels[tiny.splits["test"]].argmax(-1)) == record.result["test"]["accuracy"]


def test_the_loss_falls(tiny, tmp_path):
    losses = run(quick(epochs=6), tiny, tmp_path).history.loss
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


def test_weakly_supervised_training_adds_the_background_clips(tiny):
    device = torch.device("cpu")
    features = Features(tiny, device)
    rows = {case: training.Run(quick(**case_options).resolve(), features, tiny.splits, device).rows
            for case, case_options in {"fully": {}, "weakly": {"setting": "weakly"},
                                       "without": {"setting": "weakly", "background": False}}.items()}
    assert len(rows["fully"]) == len(rows["without"]) == TINY["train"]
    assert len(rows["weakly"]) == TINY["train"] + TINY["background"]


def test_a_run_that_exists_is_loaded(tiny, tmp_path):
    first = run(quick(epochs=1), tiny, tmp_path)
    second = run(quick(epochs=1), tiny, tmp_path)
    assert first.fresh and not second.fresh and first.values == second.values
    assert "trained now" in first.describe() and "loaded" in second.describe()
    assert [record.folder for record in find_records(tmp_path)] == [first.folder]


def test_key_depends_on_configuration_data_and_nothing_else(tiny):
    config = quick().resolve()
    key = run_key(config, tiny.fingerprint)
    assert key == run_key(quick().resolve(), tiny.fingerprint)
    assert key != run_key(quick(seed=1).resolve(), tiny.fingerprint)
    assert key != run_key(quick(loss="c+t").resolve(), tiny.fingerprint)
    assert key != run_key(quick(clip_norm=0.5).resolve(), tiny.fingerprint)
    assert key != run_key(quick(model_options={"escm": False}).resolve(), tiny.fingerprint)
    assert key != run_key(config, "0" * 64)


def test_key_ignores_what_data_set_and_profile_are_called(tiny):
    """They have become the fingerprint and numbers: equal numbers on equal data are one run."""
    key = run_key(quick().resolve(), tiny.fingerprint)
    assert key == run_key(quick(data="elsewhere/tiny.h5").resolve(), tiny.fingerprint)
    assert key == run_key(quick(profile="standard").resolve(), tiny.fingerprint)
    full = {"profile": "full", "batch": 8, "epochs": 3}
    assert key == run_key(quick(**full).resolve(), tiny.fingerprint)
    # A default that is spelt out is no other run either.
    assert key == run_key(quick(loss="c+t+avps", clip_norm=0.0, target="presence").resolve(), tiny.fingerprint)


def test_a_run_of_another_profile_with_the_same_numbers_is_loaded(tiny, tmp_path):
    first = run(quick(epochs=1), tiny, tmp_path)
    second = run(quick(epochs=1, profile="standard", data="other name"), tiny, tmp_path)
    assert first.fresh and not second.fresh and second.folder == first.folder


def test_key_depends_on_the_code_that_shapes_the_run_alone(tiny):
    """Another system's model is not among the files; what the model is built from is."""
    names = {system: {path.name for path in shaping_files(system)} for system in BUILT}
    for own in names.values():
        assert {"objectives.py", "config.py", "loop.py", "batches.py", "evaluation.py", "output.py"} <= own
        assert not {"sweep.py", "planted.py", "records.py", "style.py", "runs.py"} & own
    assert {"vscg.py", "escm.py", "psp.py", "heads.py", "encoder.py", "attention.py"} <= names["vscg"]
    assert "transformer.py" not in names["vscg"] and "dmin.py" not in names["cmra"] and "cmra.py" not in names["dmin"]
    assert {"plug.py", "escm.py", "psp.py"} <= names["avel"] & names["psp"] & names["cmbs"]
    assert "plug.py" not in names["dmrn"] | names["cmra"]


def test_the_key_counts_all_code_that_shapes_the_numbers(monkeypatch):
    needed = {"objectives.py", "config.py", "loop.py", "graphs.py", "batches.py", "rounding.py", "evaluation.py"}
    assert all(needed <= {path.name for path in shaping_files(system)} for system in BUILT)
    config = RunConfig().resolve()
    key = run_key(config, "0")
    monkeypatch.setattr("vscg.training.records._shaping_code", lambda system: "other code")
    assert run_key(config, "0") != key


def gradient_norms(config, tiny, monkeypatch) -> tuple[list[float], dict]:
    """Global norms of the gradients that Adam gets in one epoch, and the weights after it."""
    norms, original = [], torch.optim.Adam.step

    def step(self, *args, **options):
        norms.append(sum(p.grad.double().square().sum().item() for group in self.param_groups
                         for p in group["params"] if p.grad is not None) ** 0.5)
        return original(self, *args, **options)

    device = torch.device("cpu")
    started = training.Run(config.resolve(), Features(tiny, device), tiny.splits, device)
    monkeypatch.setattr(torch.optim.Adam, "step", step)
    started.train_epoch(lambda steps: None)
    monkeypatch.setattr(torch.optim.Adam, "step", original)
    return norms, started.model.state_dict()


def test_clip_norm_limits_the_gradient(tiny, monkeypatch):
    free, weights = gradient_norms(quick(), tiny, monkeypatch)
    assert len(free) == 2 and min(free) > 0.2
    for limit in (0.01, 0.1):
        clipped, _ = gradient_norms(quick(clip_norm=limit), tiny, monkeypatch)
        assert clipped == pytest.approx([limit] * 2, rel=1e-3)
    # A limit above every norm, and none at all, leave it as it is.
    for changes in ({"clip_norm": 1e6}, {"clip_norm": 0.0}):
        norms, same = gradient_norms(quick(**changes), tiny, monkeypatch)
        assert norms == free and all(torch.equal(value, same[name]) for name, value in weights.items())


@pytest.mark.parametrize("changes, missing", [
    ({"loss": "ce+avps"}, "segment_logits"), ({"system": "psp", "loss": "c+t"}, "event_relevance")])
def test_a_loss_without_its_head_stops_the_run_with_one_error(changes, missing, tiny, tmp_path):
    with pytest.raises(VscgError, match=missing):
        run(quick(**changes), tiny, tmp_path)
    assert not find_records(tmp_path)


def test_another_loss_is_what_the_history_shows(tiny, tmp_path):
    record = run(quick(epochs=1, loss="c+t"), tiny, tmp_path)
    assert list(record.history)[2:5] == ["loss", "event_relevance", "category"]
    assert record.history.loss[0] == pytest.approx(record.history.event_relevance[0] + record.history.category[0])
    assert record.config.loss == "c+t" and "avps" not in record.history


class Stop(Exception):
    pass


@pytest.mark.parametrize("changes", [{}, {"setting": "weakly"}, {"protocol": "released", "epochs": 4}])
def test_interrupted_in_every_epoch_a_run_ends_with_the_same_numbers(changes, tiny, tmp_path, monkeypatch):
    config = quick(**changes)
    whole = numbers(run(config, tiny, tmp_path / "whole"))
    original = training.Run.train_epoch
    for stop_at in range(config.epochs):
        def interrupted(self, step_done, stop_at=stop_at):
            if self.epoch == stop_at:
                original(self, step_done)          # the epoch's steps are lost, as when killed before the save
                raise Stop
            return original(self, step_done)
        monkeypatch.setattr(training.Run, "train_epoch", interrupted)
        with pytest.raises(Stop):
            run(config, tiny, tmp_path / "broken", save_every=0)
    monkeypatch.setattr(training.Run, "train_epoch", original)
    record = run(config, tiny, tmp_path / "broken", save_every=0)
    assert record.fresh and numbers(record) == whole
    assert not (record.folder / "checkpoint.safetensors").exists()


def test_two_runs_with_the_same_seed_agree_and_with_another_differ(tiny, tmp_path):
    a, b, c = (run(quick(seed=seed), tiny, tmp_path / name) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert numbers(a) == numbers(b)
    assert a.history.loss.tolist() != c.history.loss.tolist()


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


def test_fit_leaves_the_callers_generator_alone(tiny, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(quick(epochs=1), tiny, tmp_path)
    assert torch.equal(torch.rand(3), expected)


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


def test_damaged_files_are_named(tiny, tmp_path):
    record = run(quick(epochs=1), tiny, tmp_path)
    (record.folder / "state.safetensors").write_bytes(b"no weights")
    with pytest.raises(VscgError, match="state.safetensors"):
        record.model()
    (record.folder / "record.json").write_text(json.dumps({"key": 1}))
    with pytest.raises(VscgError, match="record.json is damaged"):
        read_record(record.folder)


@pytest.mark.parametrize("change", [lambda config: config.pop("seed"), lambda config: config.update(momentum=0.9)])
def test_a_record_of_another_version_is_called_that_and_the_others_are_found(tiny, tmp_path, change):
    older, record = (run(quick(epochs=1, seed=seed), tiny, tmp_path) for seed in (0, 1))
    values = json.loads((older.folder / "record.json").read_text())
    change(values["config"])
    (older.folder / "record.json").write_text(json.dumps(values))
    others = []
    assert [found.folder for found in find_records(tmp_path, others.append)] == [record.folder]
    assert [str(error).partition(":")[0] for error in others] == [
        f"{older.folder / 'record.json'} is of another version of the package (fields that only one of them has"]
    with pytest.raises(OtherVersion):
        read_record(older.folder)


@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_device_that_is_not_there_is_refused_before_the_data_is_made(tmp_path, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(training, "load_dataset", None)
    with pytest.raises(VscgError, match=f"device '?{device}"):
        fit(quick(), store=tmp_path, device=device)
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_process_trains_is_waited_for_and_that_is_said(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "in_use", lambda folder: True)
    record = fit(quick(epochs=1), dataset=tiny, store=tmp_path, device="cpu")
    assert f"another process trains {record.folder}; waiting for it\n" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named_and_kept(tiny, tmp_path):
    folder = tmp_path / run_key(quick().resolve(), tiny.fingerprint)
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(VscgError, match="checkpoint.safetensors cannot be continued from"):
        run(quick(), tiny, tmp_path)
    assert (folder / "checkpoint.safetensors").read_bytes() == b"\0" * 100


def test_history_is_a_plain_table(tiny, tmp_path):
    record = run(quick(epochs=2), tiny, tmp_path)
    table = pd.read_csv(record.folder / "history.csv")
    assert list(table) == ["epoch", "lr", "loss", "event_relevance", "category", "avps", "val_accuracy",
                           "test_accuracy"]
