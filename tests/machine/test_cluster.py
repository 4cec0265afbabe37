"""Tasks in processes of this machine and on Dask workers: the same outcomes, whatever dies, and nothing twice."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import types
from pathlib import Path

import dask
import h5py
import numpy as np
import psutil
import pytest
import torch
from distributed import LocalCluster

from tests.features.test_extract import Heard, Seen
from tests.machine.tasks import die, fail, note
from tests.media import write_clip
from tests.robustness.killing import numbers
from tests.training.test_sweep import is_whole, run, times, until
from vscg.errors import VscgError
from vscg.features import extract as extracting
from vscg.features.extract import extract
from vscg.features.networks import Networks
from vscg.machine import cluster
from vscg.machine.cluster import Cluster, Outcome, Processes, work
from vscg.machine.files import WriteError, in_use
from vscg.training import sweep as sweeping
from vscg.training.records import read_record
from vscg.training.sweep import sweep, unique_runs


def noted(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def pids(found) -> set[int]:
    return {nanny.pid for nanny in found.workers.values()}


@pytest.fixture(scope="module", autouse=True)
def forked(server_of_processes):
    """Dask's workers are such processes too."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@pytest.fixture(scope="module")
def processes():
    """A running cluster of two worker processes, on which a task may lose one worker."""
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=None, dashboard_address=":0",
                      silence_logs="CRITICAL", scheduler_kwargs={"allowed_failures": 1}) as found:
        yield found


@pytest.fixture
def threads():
    """Factory: a running cluster in this process, which costs little but shares what the test changes."""
    with contextlib.ExitStack() as opened:
        yield lambda workers=1, threads=1: opened.enter_context(LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=False, protocol="tcp://", memory_limit=None,
            dashboard_address=":0", silence_logs="CRITICAL"))


@pytest.fixture(params=["here", "dask"])
def pool(request, tmp_path):
    """Both kinds of pool, two tasks at a time."""
    if request.param == "here":
        return Processes(2, 1, [])
    return Cluster(request.getfixturevalue("processes").scheduler_address, tmp_path, [])


def done(pool, tasks) -> dict[str, Outcome]:
    with pool:
        return {path.name: outcome for path, outcome in work(pool, tasks, lambda: None)}


def test_a_pool_does_each_task_once_and_takes_no_more_than_it_has_workers(pool, tmp_path):
    asked, under_way, ticks, log = [], [], [], tmp_path / "log"
    tasks = ((asked.append(name), (Path(name), note, log, name, 0.1))[1] for name in "abcdef")
    with pool:
        outcomes = {}
        for path, outcome in work(pool, tasks, lambda: ticks.append(1)):
            under_way.append(len(asked) - len(outcomes))
            outcomes[path.name] = outcome
    assert outcomes == {name: Outcome(name.upper()) for name in "abcdef"} and ticks
    assert max(under_way) == 2 and len(noted(log)) == 12 and {pid for *_, pid in noted(log)} != {str(os.getpid())}
    assert not list(tmp_path.glob(".cluster*"))


def test_a_task_that_kills_its_workers_is_given_up_and_takes_no_other_with_it(pool, tmp_path):
    log = tmp_path / "log"
    outcomes = done(pool, [(Path("/x/deadly"), die, log), *((Path(name), note, log, name) for name in "abc")])
    assert outcomes.pop("deadly").error.startswith("/x/deadly: ") and outcomes == {n: Outcome(n.upper()) for n in "abc"}
    assert sum(line[:2] == ["deadly", "begin"] for line in noted(log)) == (1 if isinstance(pool, Processes) else 2)


def test_a_process_that_ends_with_its_parent_does(tmp_path):
    """As those of a `concurrent.futures` pool do not: they wait for work for ever."""
    script = tmp_path / "pool.py"
    script.write_text("""
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from vscg.machine.cluster import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), end_with_parent) as pool:
        Path(sys.argv[1]).write_text(str(pool.submit(os.getpid).result()))
        time.sleep(60)
""")
    parent = subprocess.Popen([sys.executable, script, tmp_path / "pid"])
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_an_error_of_a_task_is_raised_here_and_ends_the_others(pool, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(WriteError, match="^there: cannot be written$"):
        done(pool, [(tmp_path, note, log, "long", 600.0), (tmp_path, fail, "there", log)])
    running = {int(pid) for *_, pid in noted(log)}
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running), 50)
    assert [line[1] for line in noted(log)] == ["begin"] and not list(tmp_path.glob(".cluster*"))


class TestSweep:
    def test_a_sweep_on_a_cluster_leaves_what_one_here_leaves_though_its_workers_are_killed(
            self, smallest, tmp_path, monkeypatch):
        """Byte for byte, and failures too; the killed run goes on in a new worker, and no run is written twice."""
        ill = tmp_path / "ill.h5"
        ill.write_bytes(smallest.read_bytes())
        with h5py.File(ill, "a") as file:
            file["audio"][...] = np.full_like(file["audio"][:], 3e38)
            file.attrs["fingerprint"] = np.bytes_("0" * 64)
        long, here, there = run(smallest, epochs=40), tmp_path / "here", tmp_path / "there"
        configs = [run(ill), long, run(smallest, system="vscg", seed=1), run(smallest, seed=2)]
        folder, first_seen, before, ended = there / next(iter(unique_runs([long]))), {}, set(), Cluster.ended
        done = set()            # a run whose record stood when its worker died is found by the next one

        def killing(pool):
            first_seen.update({key: when for key, when in times(there).items() if key not in first_seen})
            if not before and in_use(folder):
                before.update(pids(pool.client.cluster))
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                assert read_record(folder) is None, "the run was too short to be killed"
                done.update(times(there))
            return ended(pool)

        monkeypatch.setattr(Cluster, "ended", killing)
        monkeypatch.setattr(sweeping, "cores", lambda: 2)          # two runs here, on a thread each, as a worker has
        swept = sweep(configs, store=there, device="cpu", scheduler="local:2")
        assert len(before) == 2 and times(there).items() >= first_seen.items(), "each record was written once"
        local = sweep(configs, store=here, device="cpu", workers=2)
        assert len(swept.records) == 3 and all(map(is_whole, swept.records))
        assert all(record.fresh or record.key in done for record in swept.records) and folder.name not in done
        for one, other in zip(swept.records, local.records, strict=True):
            assert one.config == other.config and numbers(one) == numbers(other)
        failure, same = *swept.failures, *local.failures
        assert failure.error == same.error and "The loss is not finite" in failure.error
        assert "Traceback" in json.loads((failure.folder / "failure.json").read_text())["trace"]
        assert {path.name for path in there.iterdir()} == {path.name for path in here.iterdir()}
        again = sweep(configs[1:], store=there, scheduler="tcp://nowhere:1")   # nothing is left to do
        assert not any(record.fresh for record in again.records)

    def test_what_is_asked_wrongly(self, smallest, tmp_path):
        with pytest.raises(VscgError, match="workers belong to a sweep on this machine"):
            sweep([run(smallest)], store=tmp_path, workers=2, scheduler="local:2")
        with pytest.raises(VscgError, match="scheduler 'local' is no address"):
            sweep([], store=tmp_path, scheduler="local")           # though nothing is missing
        assert not list(tmp_path.iterdir())

    def test_data_that_has_changed_is_noted(self, smallest, tmp_path):
        """Else a run would be stored under a key that nobody asked for."""
        config, = unique_runs([run(smallest)]).values()
        outcome = sweeping._train(tmp_path / ("0" * 16), config, smallest, "cpu", True)
        assert "smallest.h5 is not what it was when the sweep began" in outcome.error and not list(tmp_path.iterdir())

    def test_a_worker_without_the_device_ends_the_sweep_and_is_named(self, smallest, tmp_path, monkeypatch):
        """Run after run would fail on it within a moment."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(VscgError, match=f"^{re.escape(socket.gethostname())}: device cuda: no GPU"):
            sweeping._train(tmp_path / ("0" * 16), run(smallest), smallest, "cuda", True)


class TestExtract:
    @pytest.fixture
    def clips(self, tmp_path) -> Path:
        """A clip of one window, one of two, a copy of the first, and what is no clip."""
        folder = tmp_path / "clips"
        folder.mkdir()
        write_clip(folder / "a.mkv", fps=4)
        write_clip(folder / "b.mkv", seconds=24, fps=4)
        (folder / "c.mkv").write_bytes((folder / "a.mkv").read_bytes())
        (folder / "d.mp4").write_text("no clip")
        return folder

    def test_it_writes_the_file_that_a_local_extraction_writes(self, processes, clips, tmp_path):
        here, there = tmp_path / "here.h5", tmp_path / "there.h5"
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        local = extract(clips, here, networks=Networks(Seen(), Heard()))
        torch.set_num_threads(threads)
        found = extract(clips, there, networks=Networks(Seen(), Heard()), pad=False,
                        scheduler=processes.scheduler_address)
        assert found.video_ids == local.video_ids == ("a.mkv@0s", "b.mkv@0s", "b.mkv@10s", "c.mkv@0s")
        assert (found.notes, found.skipped) == (local.notes, local.skipped) and len(found.skipped) == 1
        assert there.read_bytes() == here.read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "here.h5", "there.h5"]

    def test_a_worker_loads_the_networks_once_and_computes_copies_of_a_clip_once(self, clips, tmp_path, monkeypatch):
        loaded, parts, names = [], tmp_path / "parts", extracting.Names(tmp_path)
        identity = Networks(Seen(), Heard()).fingerprint()
        monkeypatch.setattr(extracting, "load_networks",
                            lambda *given, **named: loaded.append(given) or Networks(Seen(), Heard()))
        extracting._loaded.cache_clear()
        first = extracting._extract_there(clips / "a.mkv", parts, False, names, identity, None).value
        monkeypatch.setattr(extracting, "window_features", None)
        second = extracting._extract_there(clips / "c.mkv", parts, False, names, identity, None).value
        assert second.parts == first.parts and len(loaded) == 1
        with pytest.raises(VscgError, match="the weights there have changed"):
            extracting._extract_there(clips / "a.mkv", parts, False, names, "other", None)


def one(found, folder, needs=()) -> None:
    """One task on a cluster."""
    done(Cluster(found.scheduler_address, folder, needs), [(folder, note, folder / "log", "a")])


def test_a_scheduler_that_is_not_there_that_has_no_workers_or_that_ends_in_between(threads, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    with pytest.raises(VscgError, match="127.0.0.1:9: no Dask scheduler answers within"):
        done(Cluster("tcp://127.0.0.1:9", tmp_path, []), [])
    monkeypatch.setattr(cluster, "CONNECT", 5.0)      # also how long a lost scheduler is looked for
    assert not list(tmp_path.iterdir())
    with pytest.raises(VscgError, match="no worker has been there for .*dask worker tcp://"):
        one(threads(0), tmp_path)
    found = threads()
    with pytest.raises(VscgError, match="the connection to the scheduler is lost.*goes on from what is finished"), \
            Cluster(found.scheduler_address, tmp_path, []) as pool:
        list(work(pool, [(tmp_path, note, tmp_path / "log", "a", 3.0)], found.close))


def test_a_worker_that_does_not_do_is_refused_before_it_begins(threads, processes, tmp_path, monkeypatch):
    before = pids(processes)
    with pytest.raises(VscgError, match="has 2 threads.*--nthreads 1"):
        one(threads(threads=2), tmp_path)
    with pytest.raises(VscgError, match="does not see .*/elsewhere, which .* sees: the workers must share"):
        one(processes, tmp_path, [tmp_path / "elsewhere"])
    for name, value, words in (("code_hash", lambda files: "f" * 64, r"version \(vscg .* than .*\(vscg ffffffffffff"),
                               ("torch", types.SimpleNamespace(__version__="0.4.1+cpu"), r"than .* torch 0.4.1\)")):
        cluster._version.cache_clear()
        with monkeypatch.context() as patched, pytest.raises(VscgError, match=words):
            patched.setattr(cluster, name, value)
            one(processes, tmp_path)
    cluster._version.cache_clear()
    monkeypatch.setattr(cluster, "__name__", "only_here")
    with pytest.raises(VscgError, match="a worker lacks this package .*only_here.*same installation"):
        one(processes, tmp_path)
    assert not (tmp_path / "log").exists() and pids(processes) == before, "no worker ended for it"


def test_a_worker_that_dask_gives_up_is_started_again(tmp_path, monkeypatch):
    """Dask looks a while after a death whether the worker is back; the one that came back may have died meanwhile."""
    monkeypatch.setattr(cluster, "PATIENCE", 30.0)
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "0.01s"}), Cluster("local:1", tmp_path, []) as pool:
        nanny, = pool.client.cluster.workers.values()
        os.kill(nanny.pid, signal.SIGKILL)
        until(lambda: nanny.status.name == "closed", 30)
        assert pool.size == 1
