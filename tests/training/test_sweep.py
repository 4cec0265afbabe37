"""Sweeps: every run once, only what is missing, none stopping the others, whatever is killed and when."""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import psutil
import pytest
import torch
import tqdm.std

from vscg.cli import main
from vscg.data.planted import generate
from vscg.errors import VscgError
from vscg.machine.cluster import Outcome, Processes
from vscg.machine.files import in_use, locked
from vscg.training import sweep as sweeping
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import find_records, read_record
from vscg.training.sweep import relative_cost, sweep, unique_runs

pytestmark = pytest.mark.usefixtures("server_of_processes")


def run(data, **changes) -> RunConfig:
    return RunConfig(**{"system": "avel", "data": str(data), "batch": 8, "epochs": 1, **changes})


def go(configs, store, **options):
    return sweep(configs, **{"store": store, "device": "cpu", "workers": 2, **options})


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


def test_equal_runs_are_one_whatever_they_and_their_data_are_called(smallest, tmp_path):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(smallest.read_bytes())
    first, other = run(smallest), run(smallest, seed=1)
    again = [run(smallest), run(smallest, profile="full"), run(smallest, loss="mlsm"), run(copy)]
    assert list(unique_runs([other, first, *again, other]).values()) == [other.resolve(), first.resolve()]
    other = generate(tmp_path / "other.h5", seed=1, train=4, val=2, test=2, background=1)
    assert len(unique_runs([first, run(other)])) == 2


def test_the_larger_model_and_the_longer_run_cost_more(smallest):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    cost = {system: relative_cost(run(smallest, system=system).resolve()) for system in ("avel", "vscg", "dmin")}
    assert 0 < cost["avel"] < cost["vscg"] < cost["dmin"]
    assert relative_cost(run(smallest, epochs=4).resolve()) == pytest.approx(4 * cost["avel"])
    assert relative_cost(run(smallest, model_options={"plug": "escm"}).resolve()) > cost["avel"]
    assert torch.equal(torch.rand(2), expected), "the caller's generator is left alone"


def test_each_run_once_and_then_only_what_is_missing(smallest, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeping, "cores", lambda: 2 * torch.get_num_threads())
    one, two, three = (run(smallest, seed=seed) for seed in range(3))
    done = go([two, one, two, run(smallest, profile="full")], tmp_path)
    assert [record.config.seed for record in done.records] == [1, 0] and not done.failures
    assert all(record.fresh and is_whole(record) for record in done.records)
    assert {path.name for path in tmp_path.iterdir()} == set(unique_runs([one, two])) and done.check() is done
    before = times(tmp_path)
    more = go([one, two, three], tmp_path)
    assert [(record.config.seed, record.fresh) for record in more.records] == [(0, False), (1, False), (2, True)]
    assert before.items() < times(tmp_path).items()
    monkeypatch.setattr(sweeping, "_pool", None)                 # nothing is left to do: no process is started
    assert [record.fresh for record in go([one, two, three], tmp_path).records] == [False] * 3
    assert go([], tmp_path) == sweeping.Sweep((), ())
    # A sweep's record is what the same run leaves when it is trained alone.
    alone = fit(one, store=tmp_path / "alone", device="cpu", progress=False)
    swept = next(record for record in more.records if record.config.seed == 0)
    assert all(alone.values[name] == swept.values[name] for name in ("key", "results", "threads"))
    assert alone.history.equals(swept.history) and (alone.predictions() == swept.predictions()).all()


def test_a_failing_run_is_noted_and_stops_no_other_and_is_tried_again(smallest, tmp_path):
    """One that diverges, and one whose data cannot be read."""
    ill, torn, store = tmp_path / "ill.h5", tmp_path / "torn.h5", tmp_path / "runs"
    for seed, path in enumerate((ill, torn), 5):
        generate(path, seed=seed, train=4, val=2, test=2, background=1)
    with h5py.File(ill, "a") as file, h5py.File(torn, "a") as other:
        sound = file["audio"][:]
        file["audio"][...] = np.full_like(sound, 3e38)              # finite, but no sum of them is
        other["audio"][0, 0, 0] = np.nan
    configs = [run(ill), run(torn), run(smallest), run(smallest, seed=1)]
    done = go(configs, store, workers=1)
    assert [record.config.data for record in done.records] == [str(smallest)] * 2
    failure, unread = done.failures
    assert "not a finite number" in unread.error and "torn.h5" in unread.error
    assert failure.config == run(ill).resolve() and failure.folder.parent == store
    assert failure.error.startswith("VscgError: The loss is not finite in epoch 1, batch 1 of 1")
    noted = json.loads((failure.folder / "failure.json").read_text())
    assert noted["error"] == failure.error and RunConfig.from_json(noted["config"]) == failure.config
    assert "Traceback" in noted["trace"] and "train_epoch" in noted["trace"] and noted["time"].startswith("20")
    with pytest.raises(VscgError) as error:
        done.check()
    assert all(part in str(error.value) for part in (
        "2 of 4 runs failed", "AVEL (", "fully supervised", str(ill), "seed 0", "not finite",
        str(failure.folder / "failure.json")))
    # The same call tries them again, and them alone. The data mended, it succeeds, and nothing is left of the failure.
    before = times(store)
    with h5py.File(ill, "a") as file:
        file["audio"][...] = sound
    again = go(configs, store)
    assert [(record.config.data == str(ill), record.fresh) for record in again.records] == \
        [(True, True), (False, False), (False, False)] and before.items() < times(store).items()
    assert all(map(is_whole, again.records)) and [left.error for left in again.failures] == [unread.error]


def test_a_killed_worker_is_noted_and_its_run_goes_on_in_the_next_sweep(smallest, tmp_path, monkeypatch):
    """As the system kills one that asks for too much memory. Ctrl-C, which a terminal sends to all, it ignores."""
    long, short, killed, ended = run(smallest, epochs=40), run(smallest), [], Processes.ended
    folder, other = (tmp_path / key for key in unique_runs([long, short]))

    def killing(pool):
        if not killed:
            until(lambda: in_use(folder))
            (_, interrupted), (_, short_one) = pool.running.values()          # the first one has the longest run
            os.kill(short_one.pid, signal.SIGINT)
            os.kill(interrupted.pid, signal.SIGKILL)
            killed.append(interrupted.pid)
            waiting.close()
        return ended(pool)

    monkeypatch.setattr(Processes, "ended", killing)
    with contextlib.ExitStack() as waiting:
        waiting.enter_context(locked(other))         # the short one is there until then, however busy the machine
        done = go([long, short], tmp_path)
    assert killed and [record.config.epochs for record in done.records] == [1]
    failure, = done.failures
    assert failure.folder == folder and "status -9" in failure.error and "memory" in failure.error
    assert json.loads((folder / "failure.json").read_text())["error"] == failure.error and read_record(folder) is None
    again = go([long, short], tmp_path).check()
    assert [record.fresh for record in again.records] == [True, False] and is_whole(again.records[0])


def test_two_sweeps_at_once_share_the_runs(smallest, tmp_path):
    """And a run that a third process trains is left to it until nothing else is left to do."""
    configs, done = [run(smallest, seed=seed, epochs=2) for seed in range(4)], {}
    both = [threading.Thread(target=lambda order=order: done.update({order: go(configs[::order], tmp_path, workers=1)}))
            for order in (1, -1)]
    with locked(tmp_path / next(iter(unique_runs(configs)))):
        for thread in both:
            thread.start()
        until(lambda: len(times(tmp_path)) == 3)
    for thread in both:
        thread.join()
    fresh = [{record.folder.name: record.fresh for record in swept.check().records} for swept in done.values()]
    assert fresh[0].keys() == fresh[1].keys() == times(tmp_path).keys() and len(fresh[0]) == 4
    assert all(fresh[0][key] != fresh[1][key] for key in fresh[0]), "each was trained by one of the two, once"
    assert all(map(is_whole, find_records(tmp_path)))


def test_a_run_that_another_sweep_took_at_the_same_moment_holds_up_no_worker(smallest, tmp_path, monkeypatch):
    """Between the choice and the lock lie seconds, in which both sweeps see the same run free."""
    configs = [run(smallest, seed=seed) for seed in range(4)]
    monkeypatch.setattr(sweeping, "in_use", lambda folder: False)
    with locked(tmp_path / next(iter(unique_runs(configs)))):
        done = threading.Thread(target=go, args=(configs, tmp_path), kwargs={"workers": 1})
        done.start()
        until(lambda: len(times(tmp_path)) == 3)
    done.join()
    assert len(times(tmp_path)) == 4 and all(map(is_whole, find_records(tmp_path)))


def of_session(leader: int) -> list[str]:
    """Processes that still run in the session that `leader` began."""
    found = []
    for process in psutil.process_iter(["status", "cmdline"]):
        with contextlib.suppress(OSError):                                  # it has ended
            if os.getsid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.info["cmdline"] or ()))
    return found


@pytest.mark.parametrize("options, number, status, to_all", [
    ([], signal.SIGTERM, 143, False), ([], signal.SIGKILL, -9, False),
    (["--scheduler", "local:1"], signal.SIGINT, 130, True)], ids=["SIGTERM", "SIGKILL", "Ctrl-C, local:1"])
def test_whatever_ends_a_sweep_ends_its_workers_and_the_next_one_goes_on(options, number, status, to_all, smallest,
                                                                         tmp_path, monkeypatch, capsys):
    """Ctrl-C in a terminal goes to every process of the command; batch systems send SIGTERM, and then SIGKILL."""
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    command, store = ["sweep", "--tables", "VI", "--data", str(smallest), "--device", "cpu"], tmp_path / "runs"
    process = subprocess.Popen([sys.executable, "-m", "vscg", *command, *options], start_new_session=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: any(map(in_use, store.glob("[0-9a-f]*"))))
        (os.killpg if to_all else os.kill)(process.pid, number)
        _, err = process.communicate(timeout=300)
        assert process.returncode == status and "Traceback" not in err
        assert "3 runs: " in err
        assert ("the same command goes on" in err) == (status > 0)
        until(lambda: not of_session(process.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = times(store)
    assert len(before) < 3 and not list(store.glob("*/failure.json")) and (status < 0 or not list(store.glob(".cl*")))
    if number == signal.SIGKILL:
        assert main(command) == 0
        assert f"3 runs are there, {3 - len(before)} of them trained now, 0 failed" in capsys.readouterr().out
        assert all(map(is_whole, find_records(store))) and before.items() < times(store).items()


@pytest.mark.parametrize("changes, options, words", [
    (dict(system="dca", setting="weakly"), {}, "setting of dca"), (dict(data="absent.h5"), {}, "absent.h5"),
    (dict(loss="c+t+a"), {}, "loss 'c\\+t\\+a'"), (dict(), dict(device="cuda"), "no GPU can be used"),
    (dict(), dict(device="tpu"), "device 'tpu' .*cpu, cuda"), (dict(), dict(workers=0), "workers is 0")])
def test_errors_come_before_anything_is_trained(smallest, tmp_path, monkeypatch, changes, options, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VscgError, match=words):
        go([run(smallest), run(**{"data": smallest, "seed": 1, **changes})], tmp_path, **options)
    assert not list(tmp_path.iterdir())


class Slow:
    """Stands for a pool: one run at a time, some seconds each, of a clock that each look sets forward by one."""

    size = 1

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.running, self.asked = clock, seconds, {}, []

    __enter__, __exit__ = (lambda pool: pool), (lambda pool, *error: None)

    def submit(self, folder, function, _, config, *arguments):
        self.asked.append(config.epochs + 10 * config.seed)
        self.running[folder] = self.clock[0] + self.seconds

    def ended(self):
        self.clock[0] += 1
        for folder in [folder for folder, end in self.running.items() if end <= self.clock[0]]:
            del self.running[folder]
            yield folder, Outcome(error="not trained")


@pytest.mark.parametrize("screen, seconds", [(True, 30), (False, 3)])
def test_the_longest_run_is_first_and_the_bar_tells_the_time_that_is_left(screen, seconds, smallest, tmp_path,
                                                                          monkeypatch, capsys):
    """On a screen it is drawn every second, though nothing has ended: that must count neither as progress nor as none.
    A log has a line for each run."""
    clock = [1000.0]
    pool = Slow(clock, seconds)
    monkeypatch.setattr(tqdm.std, "time", lambda: clock[0])
    monkeypatch.setattr("sys.stderr.isatty", lambda: screen)
    monkeypatch.setattr(sweeping, "_pool", lambda *arguments: pool)
    monkeypatch.setattr(sweeping, "relative_cost", lambda config: 100 + config.epochs)
    assert len(go([run(smallest, epochs=epochs) for epochs in range(1, 6)], tmp_path).failures) == 5
    assert pool.asked == [5, 1, 4, 3, 2], "the longest, the shortest, and so on"
    shown = re.findall(r"\r5 runs: +(\d+)%.*? (\d\d):(\d\d) so far, (\S+) left", capsys.readouterr().err)
    assert shown[-1][0] == "100" and len({each[:3] for each in shown}) == (151 if screen else 6)
    for _, *times, left in shown:
        now = 60 * int(times[0]) + int(times[1])
        if now < seconds:
            assert left == "?"
        elif now < 5 * seconds:                                    # what is under way is not known
            ended = now // seconds
            assert 60 * int(left[:2]) + int(left[3:]) == pytest.approx(now * (5 - ended) / ended, rel=0.06, abs=1)


def test_a_sweep_goes_seed_by_seed_so_that_what_is_there_can_be_compared(smallest, tmp_path, monkeypatch):
    pool = Slow([0.0], 1)
    monkeypatch.setattr(sweeping, "_pool", lambda *arguments: pool)
    monkeypatch.setattr(sweeping, "relative_cost", lambda config: config.epochs)
    go([run(smallest, epochs=epochs, seed=seed) for epochs in (1, 2, 3) for seed in (0, 1)], tmp_path)
    assert pool.asked == [3, 1, 2, 13, 12, 11], "one short run early, for the estimate of the time left"
