"""Sweeps and extractions on a Dask cluster: the same as here, whatever dies, and nothing twice."""
import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from distributed import LocalCluster

from tests.features.test_extract import Heard, Seen
from tests.media import write_clip
from tests.training.test_sweep import TINY, is_whole, of_session, run, times, until
from vscg import cli
from vscg.data.planted import generate
from vscg.errors import VscgError
from vscg.features import extract as extracting
from vscg.features.extract import Networks, extract
from vscg.machine import cluster
from vscg.machine.cluster import Died, work
from vscg.machine.files import in_use
from vscg.training import sweep as sweeping
from vscg.training.records import read_record
from vscg.training.sweep import sweep, unique_runs


def code() -> str:
    return "the same everywhere"


def other_code() -> str:
    return f"code of process {os.getpid()}"


def note(log: Path, name: str, seconds: float = 0.0) -> str:
    """A task: notes that it begins and that it has ended."""
    for event in ("begin", "end"):
        with log.open("a") as file:
            file.write(f"{name} {event} {os.getpid()}\n")
        time.sleep(seconds if event == "begin" else 0)
    return name.upper()


def die(log: Path) -> None:
    note(log, "deadly")
    os._exit(9)


def noted(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def of(scheduler, tasks, folder, **options):
    """`work` with what most tests need."""
    return work(scheduler, tasks, **{"folder": folder, "needs": [], "code": code, **options})


def done(steps) -> dict:
    return {name: outcome for name, outcome in steps if name is not None}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A planted data set of 9 clips."""
    return generate(tmp_path_factory.mktemp("data") / "tiny.h5", progress=False, **TINY)


@pytest.fixture(scope="module")
def processes():
    """A running cluster of two worker processes, as `local:2` has it."""
    with cluster._local_cluster(2) as found:
        yield found


@pytest.fixture
def threads():
    """Factory: a running cluster in this process, which costs little but shares what the test changes."""
    opened = []

    def start(workers: int = 1, threads: int = 1):
        opened.append(LocalCluster(n_workers=workers, threads_per_worker=threads, processes=False, protocol="tcp://",
                                   memory_limit=None, dashboard_address=":0", silence_logs="CRITICAL"))
        return opened[-1]

    yield start
    for found in opened:
        found.close()


def go(found, configs, store):
    return sweep(configs, store=store, device="cpu", scheduler=found.scheduler_address, progress=False)


def values(record) -> dict:
    """What a run leaves, without what differs from one time to the next."""
    stored = {name: value for name, value in record.values.items()
              if name not in ("finished", "seconds", "peak_memory_bytes")}
    files = {path.name: path.read_bytes() for path in record.folder.iterdir() if path.name != "record.json"}
    return {**stored, **files}


class TestSweep:
    def test_it_leaves_what_a_local_sweep_leaves(self, processes, tiny, tmp_path, monkeypatch):
        """Bit for bit, files and failures; and the failing run stops no other."""
        monkeypatch.setattr(sweeping, "cores", lambda: 1)          # so that a local run has one thread, as a worker has
        ill = generate(tmp_path / "ill.h5", seed=5, progress=False, **TINY)
        with h5py.File(ill, "a") as file:
            file["audio"][...] = np.full_like(file["audio"][:], 3e38)
        configs = [run(ill), run(tiny, epochs=2), run(tiny, system="vscg", seed=1)]
        there, here = tmp_path / "there", tmp_path / "here"
        swept = go(processes, configs, there)
        local = sweep(configs, store=here, device="cpu", workers=2, progress=False)
        assert [record.config for record in swept.records] == [record.config for record in local.records]
        assert len(swept.records) == 2 and all(record.fresh and is_whole(record) for record in swept.records)
        for one, other in zip(swept.records, local.records, strict=True):
            assert values(one) == values(other)
        failure, same = *swept.failures, *local.failures
        assert failure.error == same.error and "The loss is not finite" in failure.error
        assert "Traceback" in json.loads((failure.folder / "failure.json").read_text())["trace"]
        assert {path.name for path in there.iterdir()} == {path.name for path in here.iterdir()}
        before = times(there)
        again = sweep(configs[1:], store=there, scheduler="tcp://nowhere:1", progress=False)   # nothing is left to do
        assert not any(record.fresh for record in again.records) and times(there) == before

    def test_killed_workers_are_replaced_and_nothing_is_done_twice(self, processes, tiny, tmp_path, monkeypatch):
        """SIGKILL to both workers when the first run is finished and the long one is under way."""
        long, short = run(tiny, epochs=60), [run(tiny, seed=seed) for seed in range(1, 4)]
        folder = tmp_path / next(iter(unique_runs([long])))
        first_seen, killed = {}, []

        def watched(*arguments, **options):
            for step in work(*arguments, **options):
                first_seen.update({key: when for key, when in times(tmp_path).items() if key not in first_seen})
                if first_seen and not killed:
                    until(lambda: in_use(folder))
                    killed.extend(nanny.pid for nanny in processes.workers.values())
                    for pid in killed:
                        os.kill(pid, signal.SIGKILL)
                    assert read_record(folder) is None, "the run was too short to be killed"
                yield step

        monkeypatch.setattr(sweeping, "work", watched)
        swept = go(processes, [long, *short], tmp_path).check()
        assert len(killed) == 2 and not set(killed) & {nanny.pid for nanny in processes.workers.values()}
        assert all(map(is_whole, swept.records)) and times(tmp_path) == first_seen, "each record was written once"
        assert len(swept.records) == 4

    def test_ctrl_c_ends_it_with_all_its_processes(self, tiny, tmp_path, monkeypatch):
        """From the terminal: to every process of the command."""
        command = ["sweep", "--tables", "VI", "--data", str(tiny), "--device", "cpu", "--scheduler", "local:1"]
        process = subprocess.Popen([sys.executable, "-m", "vscg", *command], start_new_session=True, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, "VSCG_HOME": str(tmp_path)})
        try:
            until(lambda: any(map(in_use, (tmp_path / "runs").glob("[0-9a-f]*"))))
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 130 and "the same command goes on" in err and "Traceback" not in err
        assert "3 runs: " in err and " left" in err
        until(lambda: not of_session(process.pid), 30)
        assert not list((tmp_path / "runs").glob("*/failure.json")) and not list((tmp_path / "runs").glob(".cluster*"))

    def test_what_is_asked_wrongly(self, tiny, tmp_path):
        with pytest.raises(VscgError, match="workers belong to a sweep on this machine"):
            sweep([run(tiny)], store=tmp_path, workers=2, scheduler="local:2")
        with pytest.raises(VscgError, match="scheduler 'local' is no address"):
            sweep([run(tiny)], store=tmp_path, scheduler="local", progress=False)
        assert not list(tmp_path.iterdir())

    def test_data_that_has_changed_is_noted(self, tiny, tmp_path):
        """Else a run would be stored under a key that nobody asked for."""
        config, = unique_runs([run(tiny)]).values()
        assert sweeping._train("0" * 16, config, tiny, tmp_path, "cpu") == sweeping.NOTED
        assert "tiny.h5 is not what it was when the sweep began" in sweeping.read_failure(tmp_path / ("0" * 16))


@pytest.fixture
def clips(tmp_path) -> Path:
    """A clip of one window, one of two, a copy of the first, and what is no clip."""
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "a.mkv", fps=4)
    write_clip(folder / "b.mkv", seconds=24, fps=4)
    (folder / "c.mkv").write_bytes((folder / "a.mkv").read_bytes())
    (folder / "d.mp4").write_text("no clip")
    return folder


class TestExtract:
    def test_it_writes_the_file_that_a_local_extraction_writes(self, processes, clips, tmp_path):
        here, there = tmp_path / "here.h5", tmp_path / "there.h5"
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        local = extract(clips, here, networks=Networks(Seen(), Heard()), progress=False)
        torch.set_num_threads(threads)
        found = extract(clips, there, networks=Networks(Seen(), Heard()), progress=False, pad=False,
                        scheduler=processes.scheduler_address)
        assert found.video_ids == local.video_ids == ("a.mkv@0s", "b.mkv@0s", "b.mkv@10s", "c.mkv@0s")
        assert (found.notes, found.skipped) == (local.notes, local.skipped) and len(found.skipped) == 1
        assert there.read_bytes() == here.read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "here.h5", "there.h5"]

    def test_what_is_there_is_not_computed_again(self, threads, clips, tmp_path, monkeypatch):
        monkeypatch.setattr(extracting, "assemble", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            extract(clips, tmp_path / "out.h5", networks=Networks(Seen(), Heard()), progress=False)
        monkeypatch.undo()
        monkeypatch.setattr(extracting, "window_features", None)
        scheduler = threads().scheduler_address
        assert len(extract(clips, tmp_path / "out.h5", networks=Networks(Seen(), Heard()), progress=False,
                           scheduler=scheduler).video_ids) == 4

    def test_copies_are_computed_once(self, clips, tmp_path, monkeypatch):
        """Two workers with copies of one clip: the second waits for the first and takes its windows."""
        networks, parts = Networks(Seen(), Heard()), tmp_path / "parts"
        first = extracting._extract_clip(clips / "a.mkv", parts, False, networks, "id")
        monkeypatch.setattr(extracting, "window_features", None)
        second = extracting._extract_clip(clips / "c.mkv", parts, False, networks, "id")
        assert second.parts == first.parts and (parts / first.parts[0].name.partition("-")[0] / ".lock").exists()

    def test_a_clip_that_kills_its_workers_is_left_out(self, clips, tmp_path, monkeypatch):
        def steps(scheduler, tasks, **options):
            for path, function, arguments in tasks:
                yield path, Died("4 workers died") if path.name == "b.mkv" else function(*arguments)

        monkeypatch.setattr(extracting, "work", steps)
        report = extract(clips, tmp_path / "out.h5", networks=Networks(Seen(), Heard()), progress=False,
                         scheduler="local:2")
        assert report.video_ids == ("a.mkv@0s", "c.mkv@0s")
        assert len(report.skipped) == 2 and report.skipped[0] == f"{clips / 'b.mkv'}: 4 workers died"

    def test_published_networks_are_loaded_once_and_compared(self, clips, tmp_path, monkeypatch):
        loaded = []
        monkeypatch.setattr(extracting, "load_networks",
                            lambda *given: loaded.append(given) or Networks(Seen(), Heard()))
        extracting._loaded.cache_clear()
        identity = Networks(Seen(), Heard()).fingerprint()
        for _ in range(2):
            extracting._extract_there(clips / "a.mkv", tmp_path / "parts", False, tmp_path, identity, None)
        assert loaded == [(tmp_path, None, False)]
        with pytest.raises(VscgError, match="the weights there have changed"):
            extracting._extract_there(clips / "a.mkv", tmp_path / "parts", False, tmp_path, "other", None)


class TestWork:
    def test_a_killed_worker_is_replaced_and_its_task_alone_done_again(self, processes, tmp_path):
        log, killed = tmp_path / "log", None
        tasks = [("slow", note, (log, "slow", 3.0)), *((name, note, (log, name)) for name in "abc")]
        outcomes = {}
        for name, outcome in of(processes.scheduler_address, tasks, tmp_path / "new"):
            outcomes[name] = outcome
            if not killed:
                until(lambda: any(line[0] == "slow" for line in noted(log)))
                killed = next(int(pid) for task, _, pid in noted(log) if task == "slow")
                os.kill(killed, signal.SIGKILL)
        outcomes.pop(None, None)
        assert outcomes == {"slow": "SLOW", "a": "A", "b": "B", "c": "C"}
        events = [tuple(line[:2]) for line in noted(log)]
        assert sorted(events) == sorted([("slow", "begin"), ("slow", "begin"), ("slow", "end"),
                                         *((name, event) for name in "abc" for event in ("begin", "end"))])
        assert {int(pid) for task, event, pid in noted(log) if (task, event) == ("slow", "end")} != {killed}
        assert not list((tmp_path / "new").iterdir()), "the marker is gone"

    def test_a_task_that_kills_its_workers_is_given_up_and_takes_no_other_with_it(self, processes, tmp_path):
        log = tmp_path / "log"
        tasks = [("deadly", die, (log,)), *((name, note, (log, name)) for name in "abcd")]
        outcomes = done(of(processes.scheduler_address, tasks, tmp_path))
        assert isinstance(outcomes["deadly"], Died) and "4 workers died" in outcomes.pop("deadly")
        assert outcomes == {name: name.upper() for name in "abcd"}
        assert [line[0] for line in noted(log) if line[1] == "begin"].count("deadly") == cluster.DEATHS + 1

    def test_left_early_the_workers_stop_what_they_do(self, processes, tmp_path):
        log = tmp_path / "log"
        steps = of(processes.scheduler_address, ((name, note, (log, name, 600.0)) for name in "ab"), tmp_path)
        until(lambda: next(steps) and len(noted(log)) == 2)
        begun, before = time.monotonic(), {nanny.pid for nanny in processes.workers.values()}
        steps.close()
        assert time.monotonic() - begun < 50 and not before & {nanny.pid for nanny in processes.workers.values()}
        assert all(event == "begin" for _, event, _ in noted(log)) and not list(tmp_path.glob(".cluster*"))

    def test_no_more_tasks_are_asked_for_than_there_are_workers(self, threads, tmp_path):
        asked = []
        tasks = ((asked.append(name), (name, note, (tmp_path / "log", name)))[1] for name in "abcdef")
        ended, under_way = 0, []
        for name, _ in of(threads(2).scheduler_address, tasks, tmp_path):
            under_way.append(len(asked) - ended)
            ended += name is not None
        assert len(asked) == ended == 6 and max(under_way) == 2

    def test_an_error_of_a_task_is_raised_here(self, threads, tmp_path):
        tasks = [("missing", Path.read_bytes, (tmp_path / "missing",))]
        with pytest.raises(FileNotFoundError, match="missing"):
            done(of(threads().scheduler_address, tasks, tmp_path))


class TestErrors:
    @pytest.mark.parametrize("scheduler", ["", "local", "local:0", "local:-1", "local:two", "host:8786", "tcp://host",
                                           "http://host:8786", "tcp://:8786", "tcp://a b:1"])
    def test_no_address(self, scheduler, tmp_path):
        with pytest.raises(VscgError, match="is no address: give tcp://host:port"):
            done(of(scheduler, [], tmp_path))

    def test_no_scheduler_there(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cluster, "CONNECT", 0.5)
        with pytest.raises(VscgError, match="tcp://127.0.0.1:9: no Dask scheduler answers within"):
            done(of("tcp://127.0.0.1:9", [], tmp_path))

    def test_distributed_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(VscgError, match="a scheduler needs the package distributed.*pip install"):
            done(of("local:2", [], tmp_path))

    def test_no_worker_for_long(self, threads, tmp_path, monkeypatch):
        monkeypatch.setattr(cluster, "PATIENCE", 0.5)
        with pytest.raises(VscgError, match="no worker has been there for .*dask worker tcp://"):
            done(of(threads(0).scheduler_address, [("a", note, (tmp_path / "log", "a"))], tmp_path))

    def test_a_scheduler_that_ends_in_between(self, threads, tmp_path, monkeypatch):
        monkeypatch.setattr(cluster, "CONNECT", 1.0)
        found = threads()
        steps = of(found.scheduler_address, [("a", note, (tmp_path / "log", "a", 2.0))], tmp_path)
        next(steps)
        found.close()
        with pytest.raises(VscgError, match="the connection to the scheduler is lost.*goes on from what is finished"):
            done(steps)

    def test_a_worker_with_several_threads(self, threads, tmp_path):
        with pytest.raises(VscgError, match="has 2 threads.*--nthreads 1"):
            done(of(threads(threads=2).scheduler_address, [("a", note, (tmp_path / "log", "a"))], tmp_path))
        assert not (tmp_path / "log").exists()

    def test_a_worker_that_does_not_see_the_folders(self, threads, tmp_path):
        with pytest.raises(VscgError, match="does not see .*/elsewhere, which .* sees: the workers must share"):
            done(of(threads().scheduler_address, [("a", note, (tmp_path / "log", "a"))], tmp_path,
                    needs=[tmp_path / "elsewhere"]))

    def test_a_worker_with_other_code_or_another_torch(self, processes, tmp_path, monkeypatch):
        task = [("a", note, (tmp_path / "log", "a"))]
        with pytest.raises(VscgError, match="another version of the package's code .*start the scheduler and its work"):
            done(of(processes.scheduler_address, task, tmp_path, code=other_code))
        monkeypatch.setattr(torch, "__version__", "0.4.1+cpu")
        with pytest.raises(VscgError, match=r"another version of torch \(.*than .* \(0.4.1\)"):
            done(of(processes.scheduler_address, task, tmp_path))
        assert not (tmp_path / "log").exists()

    def test_a_worker_without_the_function(self, processes, tmp_path, monkeypatch):
        module = types.ModuleType("only_here")
        exec("def task(): return 1", module.__dict__)
        monkeypatch.setitem(sys.modules, "only_here", module)
        before = {nanny.pid for nanny in processes.workers.values()}
        with pytest.raises(VscgError, match="cannot be done there .ModuleNotFoundError.*only_here.*same installation"):
            done(of(processes.scheduler_address, [("a", module.task, ())], tmp_path))
        assert {nanny.pid for nanny in processes.workers.values()} == before, "no worker ended for it"


def test_the_command_line_hands_the_address_on(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(cli, "sweep", lambda configs, **options: given.append(options) or sweeping.Sweep((), ()))
    monkeypatch.setattr(cli, "extract", lambda *names, **options: given.append(options) or types.SimpleNamespace(
        skipped=()))
    assert cli.main(["sweep", "--scheduler", "tcp://a:1"]) == 0
    assert cli.main(["extract", str(tmp_path), "--scheduler", "local:3"]) == 0
    assert [options["scheduler"] for options in given] == ["tcp://a:1", "local:3"]
