"""Sweeps: every run once, only what is missing, none stopping the others, whatever is killed and when."""
import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from vscg.cli import main
from vscg.data.planted import generate
from vscg.errors import VscgError
from vscg.machine.files import in_use
from vscg.training import sweep as sweeping
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records, read_record
from vscg.training.sweep import read_failure, relative_cost, sweep, unique_runs

TINY = {"train": 4, "val": 2, "test": 2, "background": 1}
# A sweep in a process of its own; prints which runs are there and which of them it trained itself.
PROGRAM = """
import json, sys
from pathlib import Path
from vscg.training.config import RunConfig
from vscg.training.sweep import sweep
data, store, order, epochs = sys.argv[1:]
configs = [RunConfig(system="avel", data=data, batch=8, epochs=int(epochs), seed=int(seed)) for seed in order]
done = sweep(configs, store=Path(store), workers=1, device="cpu", progress=False)
print(json.dumps({record.folder.name: record.fresh for record in done.records}))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A planted data set of 9 clips, which no test may change."""
    path = generate(tmp_path_factory.mktemp("data") / "tiny.h5", progress=False, **TINY)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


def run(data, **changes) -> RunConfig:
    return RunConfig(**{"system": "avel", "data": str(data), "batch": 8, "epochs": 1, **changes})


def go(configs, store, **options):
    return sweep(configs, **{"store": store, "device": "cpu", "workers": 2, "progress": False, **options})


def times(store) -> dict[str, int]:
    """Run key -> when its record was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("*/record.json")}


def is_whole(record) -> bool:
    """All files of a finished run are there and fit together; nothing else is."""
    left = {path.name for path in record.folder.iterdir()}
    record.model()
    return (left == {".lock", "record.json", "history.csv", "state.safetensors", "predictions.safetensors"}
            and len(record.history) == record.config.epochs and record.predictions().shape == (2, 10)
            and not in_use(record.folder))


def until(condition, seconds=300.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class TestUniqueRuns:
    def test_equal_runs_are_one_whatever_they_are_called(self, tiny):
        first, other = run(tiny), run(tiny, seed=1)
        again = [run(tiny), run(tiny, profile="standard"), run(tiny, loss="mlsm"), run(tiny, profile="full")]
        runs = unique_runs([first, other, *again, other])
        assert list(runs.values()) == [first.resolve(), other.resolve()]

    def test_a_copy_of_the_data_is_the_same_data(self, tiny, tmp_path):
        copy = tmp_path / "copy.h5"
        copy.write_bytes(tiny.read_bytes())
        assert len(unique_runs([run(tiny), run(copy)])) == 1
        other = generate(tmp_path / "other.h5", seed=1, progress=False, **TINY)
        assert len(unique_runs([run(tiny), run(other)])) == 2

    def test_the_order_is_that_of_the_first_mention(self, tiny):
        runs = unique_runs([run(tiny, seed=seed) for seed in (4, 2, 4, 0)])
        assert [config.seed for config in runs.values()] == [4, 2, 0]


class TestCost:
    def test_the_larger_model_and_the_longer_run_cost_more(self, tiny):
        cost = {system: relative_cost(run(tiny, system=system).resolve()) for system in ("avel", "vscg", "dmin")}
        assert 0 < cost["avel"] < cost["vscg"] < cost["dmin"]
        assert relative_cost(run(tiny, epochs=4).resolve()) == pytest.approx(4 * cost["avel"])
        assert relative_cost(run(tiny, model_options={"plug": "escm"}).resolve()) > cost["avel"]

    @pytest.mark.parametrize("system", ["avel", "avsdn", "dmin"])
    def test_lstms_count_with_all_their_products(self, system, monkeypatch):
        """Two operations a step for every weight of their matrices; the count without them gives the difference."""
        whole, products = sweeping._clip_cost.__wrapped__(system, "fully", "released", ()), []

        def left_out(lstm, x, state=None):
            products.append(2 * x.shape[0] * x.shape[1] * sum(p.numel() for p in lstm.parameters() if p.ndim == 2))
            size = lstm.hidden_size * (2 if lstm.bidirectional else 1)
            last = x.new_zeros(2 if lstm.bidirectional else 1, x.shape[0], lstm.hidden_size)
            return x.new_zeros(*x.shape[:2], size), (last, last)

        monkeypatch.setattr(torch.nn.LSTM, "forward", left_out)
        rest = sweeping._clip_cost.__wrapped__(system, "fully", "released", ())
        assert whole - rest == pytest.approx(sum(products) / 1e6, abs=1) and sum(products) > 10e6

    def test_it_leaves_the_callers_generator_alone(self, tiny):
        torch.manual_seed(3)
        expected = torch.rand(2)
        torch.manual_seed(3)
        relative_cost(run(tiny, system="psp", model_options={"dropout": 0.25}).resolve())
        assert torch.equal(torch.rand(2), expected)


def test_each_run_once_and_then_only_what_is_missing(tiny, tmp_path):
    one, two, three = (run(tiny, seed=seed) for seed in range(3))
    done = go([two, one, two, run(tiny, profile="standard")], tmp_path)
    assert [record.config.seed for record in done.records] == [1, 0] and not done.failures
    assert all(record.fresh and is_whole(record) for record in done.records)
    assert {path.name for path in tmp_path.iterdir()} == set(unique_runs([one, two])) and done.check() is done
    before = times(tmp_path)
    more = go([one, two, three], tmp_path)
    assert [(record.config.seed, record.fresh) for record in more.records] == [(0, False), (1, False), (2, True)]
    assert before.items() < times(tmp_path).items()
    assert [record.fresh for record in go([one, two, three], tmp_path).records] == [False] * 3
    # A sweep's record is what the same run leaves when it is trained alone.
    alone = fit(one, store=tmp_path / "alone", device="cpu", progress=False)
    swept = next(record for record in more.records if record.config.seed == 0)
    assert alone.folder.name == swept.folder.name and alone.values["results"] == swept.values["results"]
    assert alone.history.equals(swept.history) and (alone.predictions() == swept.predictions()).all()


def test_nothing_to_do_starts_no_process(tiny, tmp_path, monkeypatch):
    go([run(tiny)], tmp_path)
    monkeypatch.setattr(sweeping, "_work", None)
    monkeypatch.setattr(sweeping, "relative_cost", None)
    assert [record.fresh for record in go([run(tiny)], tmp_path).records] == [False]
    assert go([], tmp_path) == sweeping.Sweep((), ())


def test_a_failing_run_is_noted_and_stops_no_other_and_is_tried_again(tiny, tmp_path):
    ill, store = generate(tmp_path / "ill.h5", seed=5, progress=False, **TINY), tmp_path / "runs"
    with h5py.File(ill, "a") as file:
        sound = file["audio"][:]
        file["audio"][...] = np.full_like(sound, 3e38)              # finite, but no sum of them is
    configs = [run(ill), run(tiny), run(tiny, seed=1)]
    done = go(configs, store, workers=1)
    assert [record.config.data for record in done.records] == [str(tiny)] * 2
    failure, = done.failures
    assert failure.config == run(ill).resolve() and failure.folder.parent == store
    assert failure.error.startswith("VscgError: The loss is not finite in epoch 1, batch 1 of 1")
    noted = json.loads((failure.folder / "failure.json").read_text())
    assert noted["error"] == failure.error and RunConfig.from_json(noted["config"]) == failure.config
    assert "Traceback" in noted["trace"] and "train_epoch" in noted["trace"] and noted["time"].startswith("20")
    with pytest.raises(VscgError) as error:
        done.check()
    message = str(error.value)
    assert "1 of 3 runs failed" in message and "AVEL, fully supervised" in message and str(ill) in message
    assert "seed 0" in message and "not finite" in message and str(failure.folder / "failure.json") in message
    # The same call tries it again, and it alone; it fails again.
    before, first = times(store), (failure.folder / "failure.json").stat().st_mtime_ns
    again = go(configs, store)
    assert not any(record.fresh for record in again.records) and times(store) == before
    assert [found.error for found in again.failures] == [failure.error]
    assert (failure.folder / "failure.json").stat().st_mtime_ns > first
    # The data mended, the same call succeeds, and nothing is left of the failure.
    with h5py.File(ill, "a") as file:
        file["audio"][...] = sound
    mended = go(configs, store).check()
    assert [record.fresh for record in mended.records] == [True, False, False]
    assert all(is_whole(record) for record in mended.records)


def test_data_that_cannot_be_read_fails_its_own_runs_alone(tiny, tmp_path):
    ill = generate(tmp_path / "ill.h5", seed=6, progress=False, **TINY)
    with h5py.File(ill, "a") as file:
        file["audio"][0, 0, 0] = np.nan
    done = go([run(ill), run(tiny)], tmp_path / "runs")
    assert [record.config.data for record in done.records] == [str(tiny)]
    assert "not a finite number" in done.failures[0].error and "ill.h5" in done.failures[0].error


def test_a_killed_worker_is_noted_and_its_run_goes_on_in_the_next_sweep(tiny, tmp_path, monkeypatch):
    """As the system kills a process that asks for too much memory."""
    long, short = run(tiny, epochs=8), run(tiny)
    folder = tmp_path / next(iter(unique_runs([long])))
    killed, original = [], sweeping.wait

    def wait(sentinels, timeout):
        if not killed:
            until(lambda: in_use(folder))
            worker = min(multiprocessing.active_children(), key=lambda process: int(process.name.rpartition("-")[2]))
            os.kill(worker.pid, signal.SIGKILL)                    # the first one started has the longest run
            killed.append(worker.pid)
        return original(sentinels, timeout=timeout)

    monkeypatch.setattr(sweeping, "wait", wait)
    done = go([long, short], tmp_path)
    assert killed and [record.config.epochs for record in done.records] == [1]
    failure, = done.failures
    assert failure.folder == folder and "status -9" in failure.error and "memory" in failure.error
    assert read_failure(folder) == failure.error and read_record(folder) is None
    again = go([long, short], tmp_path).check()
    assert [record.fresh for record in again.records] == [True, False] and is_whole(again.records[0])


def test_ctrl_c_reaches_the_workers_too_and_is_left_to_the_sweep(tiny, tmp_path, monkeypatch):
    """A terminal sends it to all processes: a worker that took it would fail with a trace of its own."""
    folder, original, sent = tmp_path / next(iter(unique_runs([run(tiny, epochs=8)]))), sweeping.wait, []

    def wait(sentinels, timeout):
        if not sent:
            until(lambda: in_use(folder))
            worker, = multiprocessing.active_children()
            os.kill(worker.pid, signal.SIGINT)
            sent.append(worker.pid)
        return original(sentinels, timeout=timeout)

    monkeypatch.setattr(sweeping, "wait", wait)
    record, = go([run(tiny, epochs=8)], tmp_path).check().records
    assert sent and record.fresh and is_whole(record)


def test_an_interrupted_sweep_ends_its_workers_at_once(tiny, tmp_path, monkeypatch):
    """In a notebook the process lives on: nothing of the sweep may."""
    config = run(tiny, epochs=200)
    folder = tmp_path / next(iter(unique_runs([config])))

    def wait(sentinels, timeout):
        until(lambda: in_use(folder))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sweeping, "wait", wait)
        with pytest.raises(KeyboardInterrupt):
            go([config, run(tiny)], tmp_path)
    assert not multiprocessing.active_children() and not in_use(folder)
    assert read_record(folder) is None and not (folder / "failure.json").exists()


@pytest.fixture
def start(tiny, tmp_path):
    """Factory: `PROGRAM` in a process of its own, over runs with the seeds named by the letters of `order`."""
    processes = []

    def begin(order, epochs=1):
        arguments = [str(tiny), str(tmp_path / "runs"), order, str(epochs)]
        processes.append(subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE,
                                          stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_two_sweeps_at_once_share_the_runs(start, tmp_path):
    together = [start(order) for order in ("0123", "3210")]
    results = []
    for process in together:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        results.append(json.loads(out))
    keys = set(results[0])
    assert keys == set(results[1]) and len(keys) == 4, "both have all runs in the end"
    assert sorted(result[key] for key in keys for result in results) == [False] * 4 + [True] * 4
    assert all(results[0][key] != results[1][key] for key in keys), "each was trained by one of the two, once"
    records = find_records(tmp_path / "runs")
    assert {record.folder.name for record in records} == keys and all(map(is_whole, records))


def test_a_killed_sweep_is_continued(start, tiny, tmp_path):
    """No farewell at all: the sweep is gone at once, and its worker a moment later."""
    store, process = tmp_path / "runs", start("012", epochs=3)
    until(lambda: times(store))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = times(store)
    assert 1 <= len(before) < 3
    done = go([run(tiny, seed=seed, epochs=3) for seed in range(3)], store).check()
    assert len(done.records) == 3 and all(map(is_whole, done.records)) and before.items() < times(store).items()
    assert not [record for record in done.records if record.fresh and record.folder.name in before]


def of_session(leader: int) -> list[str]:
    """Processes that still run in the session that `leader` began."""
    listed = subprocess.run(["ps", "-e", "-o", "sid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [row[2] for row in rows if int(row[0]) == leader and not row[1].startswith("Z")]


@pytest.mark.parametrize("to_all", [True, False], ids=["from the terminal", "to the sweep alone"])
def test_interrupted_at_the_command_line(tiny, tmp_path, monkeypatch, capsys, to_all):
    """Ctrl-C in a terminal goes to every process of the command; `kill -INT` to one."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    command = ["sweep", "--tables", "VI", "--data", str(tiny), "--device", "cpu"]
    process = subprocess.Popen([sys.executable, "-m", "vscg", *command], start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: any(map(in_use, (tmp_path / "runs").glob("*"))))
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and "the same command goes on" in err and "Traceback" not in err
    until(lambda: not of_session(process.pid), 30)
    assert len(times(tmp_path / "runs")) < 3 and not list((tmp_path / "runs").glob("*/failure.json"))
    if to_all:
        assert main(command) == 0
        assert "3 runs are there" in (shown := capsys.readouterr().out) and "0 failed" in shown
        assert all(map(is_whole, find_records(tmp_path / "runs")))


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_worker_outlives_its_sweep(tiny, tmp_path, monkeypatch, number, status):
    """By SIGTERM batch systems end a job, politely; SIGKILL nobody can answer. The runs would take minutes."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    command = ["sweep", "--tables", "VI", "--data", str(tiny), "--profile", "full", "--device", "cpu"]
    process = subprocess.Popen([sys.executable, "-m", "vscg", *command], start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: any(map(in_use, (tmp_path / "runs").glob("*"))))
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == status and "Traceback" not in err
        assert ("the same command goes on" in err) == (number == signal.SIGTERM)
        until(lambda: not of_session(process.pid), 20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not times(tmp_path / "runs") and not list((tmp_path / "runs").glob("*/failure.json"))


def test_a_failure_is_forgotten_by_whatever_finishes_the_run(tiny, tmp_path):
    folder = tmp_path / next(iter(unique_runs([run(tiny)])))
    folder.mkdir()
    (folder / "failure.json").write_text("{}")
    assert is_whole(fit(run(tiny), store=tmp_path, device="cpu", progress=False))


@pytest.mark.parametrize("changes, options, words", [
    (dict(system="yolo"), {}, ["system 'yolo'"]), (dict(system="dca", setting="weakly"), {}, ["setting of dca"]),
    (dict(data="absent.h5"), {}, ["absent.h5"]), (dict(loss="c+t+a"), {}, ["loss 'c+t+a'"]),
    (dict(), dict(device="cuda"), ["no GPU can be used"]), (dict(), dict(device="tpu"), ["device 'tpu'", "cpu, cuda"]),
    (dict(), dict(workers=0), ["workers is 0"]), (dict(), dict(workers=-2), ["workers is -2"])])
def test_errors_come_before_anything_is_trained(tiny, tmp_path, monkeypatch, changes, options, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VscgError) as error:
        go([run(tiny), run(tiny, **{"seed": 1, **changes}) if "data" not in changes else run(**changes)], tmp_path,
           **options)
    assert all(word in str(error.value) for word in words) and not list(tmp_path.iterdir())


def test_a_damaged_record_is_named(tiny, tmp_path):
    folder = go([run(tiny)], tmp_path).records[0].folder
    (folder / "record.json").write_text("{}")
    with pytest.raises(VscgError, match="record.json is damaged"):
        go([run(tiny)], tmp_path)


def test_an_address_that_is_none_is_said_even_if_nothing_is_missing(tmp_path):
    with pytest.raises(VscgError, match="scheduler 'nonsense' is no address"):
        sweep([], store=tmp_path, scheduler="nonsense")


def test_a_run_that_was_never_tried(tmp_path):
    assert read_failure(tmp_path / "absent") == "it has not been trained"


def test_the_bar_shows_how_much_is_left(tiny, tmp_path, capsys):
    go([run(tiny, seed=seed) for seed in range(2)], tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert "2 runs" in shown and "100%" in shown and "left" in shown
    go([run(tiny, seed=seed) for seed in range(2)], tmp_path, progress=True)
    assert not capsys.readouterr().err
