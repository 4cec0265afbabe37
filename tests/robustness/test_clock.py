"""A wall clock that jumps, by a new time zone, a synchronisation or a flat battery, changes nothing but dates."""
import datetime
import os
import time
import types

import numpy as np
import pytest
import tqdm.std

from tests.robustness.killing import numbers
from vscg.data import prepared_file
from vscg.data.prepared import read_prepared
from vscg.training import loop
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records

YEAR = 365 * 86_400.0


@pytest.fixture
def run(smallest):
    """Factory: a run, saved after every epoch."""
    def train(store, progress=False, **changes):
        config = RunConfig(**{"system": "avel", "data": str(smallest), "batch": 2, "epochs": 3, **changes})
        return fit(config, dataset=read_prepared(smallest), store=store, device="cpu", progress=progress, save_every=0)
    return train


@pytest.fixture
def clock(monkeypatch):
    """The wall clock of all that this process asks for the time: `set(next)`, a function that gives the next time."""
    def set_clock(following):
        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return cls.fromtimestamp(following(), tz)

        monkeypatch.setattr(time, "time", following)
        monkeypatch.setattr(tqdm.std, "time", following)
        monkeypatch.setattr(loop, "datetime", types.SimpleNamespace(datetime=Clock, UTC=datetime.UTC))
    return set_clock


def test_neither_jumps_nor_a_restart_change_a_runs_numbers_or_seconds(run, tmp_path, clock, monkeypatch, capsys):
    """The clock that seconds are taken from begins anew when the machine does."""
    whole, begun, now = run(tmp_path / "whole"), time.monotonic(), time.time()
    rng, original = np.random.default_rng(0), loop.Run.train_epoch

    def interrupted(self, step_done):
        if self.epoch == 2:
            raise KeyboardInterrupt
        return original(self, step_done)

    clock(lambda: now + rng.uniform(-20, 20) * YEAR)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(loop.Run, "train_epoch", interrupted)
        run(tmp_path / "jumping", progress=True)
    monotonic = time.monotonic
    monkeypatch.setattr(loop.time, "monotonic", lambda: monotonic() - 1e6)
    record = run(tmp_path / "jumping", progress=True)
    assert numbers(record) == numbers(whole)
    assert 0 < record.values["seconds"] <= monotonic() - begun and "Traceback" not in capsys.readouterr().err


def test_order_and_reuse_do_not_hang_on_the_clock(run, tmp_path, clock):
    """The second run is dated before the first; both are loaded, whatever their date and that of today."""
    now, records = time.time(), []
    for seed, at in enumerate((now, now - 5 * YEAR)):
        clock(lambda at=at: at)
        records.append(run(tmp_path, seed=seed, epochs=1))
    assert [record.folder for record in find_records(tmp_path)] == [records[1].folder, records[0].folder]
    for at in (now - 30 * YEAR, now + 30 * YEAR):
        clock(lambda at=at: at)
        assert not any(run(tmp_path, seed=seed, epochs=1).fresh for seed in range(2))


@pytest.mark.parametrize("date", [0, time.time() + 30 * YEAR], ids=["1970", "in thirty years"])
def test_the_dates_of_files_do_not_count(run, tmp_path, monkeypatch, date):
    """After a copy, a checkout or an unpacked archive they are anything."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    name = "planted-mini:train=4,val=2,test=2,background=1"
    first, record = prepared_file(name).read_bytes(), run(tmp_path / "runs")
    for path in tmp_path.rglob("*"):
        os.utime(path, (date, date))
    monkeypatch.setattr("vscg.data.planted.generate", None)
    assert prepared_file(name).read_bytes() == first
    again = run(tmp_path / "runs")
    assert not again.fresh and numbers(again) == numbers(record)
