"""Many runs in one go: each once, only those that are missing, several at a time, none stopping the others."""
import contextlib
import dataclasses
import datetime
import functools
import json
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from vscg.data import dataset_fingerprint, prepared_file
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.machine.cluster import local_workers, work
from vscg.machine.device import cores, usable_device
from vscg.machine.files import WriteError, code_hash, in_use, make_folder, runs_dir, write_atomically
from vscg.models import BUILT, build_model
from vscg.training.config import RunConfig
from vscg.training.loop import fit
from vscg.training.records import Record, read_record, run_key, run_title, shaping_files

# How a run ends, and the exit status of its process: trained, its error noted, found finished by another; nothing can
# be written.
TRAINED, NOTED, LOADED, UNWRITABLE = 0, 3, 4, 5
Steps = Iterator[tuple[str | None, int | str | None]]    # key and how its run ended or what killed it; Nones: waiting


@dataclass(frozen=True)
class Failure:
    """A run that ended with an error; its folder keeps `failure.json` until the run succeeds."""

    folder: Path
    config: RunConfig
    error: str

    def describe(self) -> str:
        return f"{run_title(self.config)}: {self.error} ({self.folder / 'failure.json'})"


@dataclass(frozen=True)
class Sweep:
    """What a sweep left: records of all its runs that are finished, and the runs that failed."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]

    def check(self) -> "Sweep":
        """This sweep, if every run is there; VscgError that names the failed ones otherwise."""
        if self.failures:
            lines = "\n".join(f"  {failure.describe()}" for failure in self.failures)
            raise VscgError(f"{len(self.failures)} of {len(self.failures) + len(self.records)} runs failed; the same "
                            f"call tries them again:\n{lines}")
        return self


def unique_runs(configs: Iterable[RunConfig]) -> dict[str, RunConfig]:
    """Run key -> resolved configuration, each run once however often it is asked for.

    Raises:
        VscgError: a configuration that is out of range, or a data set that is not there and cannot be made.
    """
    fingerprints: dict[str, str] = {}
    runs = {}
    for config in configs:
        resolved = config.resolve()
        if resolved.data not in fingerprints:
            fingerprints[resolved.data] = dataset_fingerprint(resolved.data)
        runs.setdefault(run_key(resolved, fingerprints[resolved.data]), resolved)
    return runs


def relative_cost(config: RunConfig) -> int:
    """A run's length against others, for the order of the queue and the estimate of the time left."""
    options = tuple(sorted(config.model_options.items()))
    return _clip_cost(config.system, config.setting, config.variant, options) * config.epochs


@functools.cache
def _clip_cost(system: str, setting: str, variant: str, options: tuple[tuple[str, object], ...]) -> int:
    """Millions of operations of one clip's way through a model.

    On the meta device nothing is computed or drawn; and there torch takes an LSTM apart into products that it counts,
    which on a CPU it hands over whole and leaves out of the count.
    """
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = build_model(system, setting=setting, variant=variant, **dict(options))
        model(torch.zeros(1, 10, 128), torch.zeros(1, 10, 7, 7, 512))
    return round(counter.get_total_flops() / 1e6)


def sweep(configs: Iterable[RunConfig], *, store: Path | None = None, workers: int | None = None,
          device: str | None = None, scheduler: str | None = None, progress: bool = True) -> Sweep:
    """Train the runs that are missing, in processes of their own or on a Dask cluster.

    A run that fails is recorded with its error and does not stop the rest; the next call tries it again. Killed at any
    moment, the same call goes on where the runs were last saved. Two sweeps on one folder share the work: a run that
    another process trains is left to it and read when it is finished.

    Args:
        configs: the runs, in any order, repetitions allowed.
        store: folder of runs, default `files.runs_dir()`.
        workers: runs at a time; default as many as there are CPU cores, or one on a GPU.
        device: "cpu" or "cuda"; default the GPU where there is one.
        scheduler: train on the workers of this Dask scheduler, see `cluster.work`; each takes one run at a time, on one
            thread, and sees the store and the data sets' files under the same paths as this process.
        progress: show a bar over the whole sweep with the time left.

    Raises:
        VscgError: as `unique_runs` and `cluster.work`, a device that is not there, or a damaged record.
        WriteError: nothing can be written, so no other run could be kept either.
    """
    store = (store or runs_dir()).absolute()
    if workers is not None and (workers < 1 or scheduler):
        raise VscgError("workers belong to a sweep on this machine: a scheduler has its own (local:N has N)."
                        if scheduler else f"workers is {workers}: it must be at least 1.")
    if scheduler:
        local_workers(scheduler)                      # of an address that is none it is said before anything is made
    else:
        device = usable_device(device).type           # else every run would fail by itself; on a cluster it may be
    runs = unique_runs(configs)
    missing = [key for key in runs if read_record(store / key) is None]
    costs = {key: relative_cost(runs[key]) for key in missing}
    # The longest first, so that no worker is left alone with one at the end; but the shortest right after the first,
    # so that there is soon something to estimate the time left from.
    queue = sorted(missing, key=costs.get, reverse=True)
    queue = queue[:1] + queue[-1:] + queue[1:-1] if len(queue) > 2 else queue
    files = {data: prepared_file(data).absolute() for data in {runs[key].data for key in missing}}
    tasks = ((key, (key, runs[key], files[runs[key].data], store)) for key in _in_turn(queue, store))
    trained = set()
    with contextlib.closing(_on_cluster(scheduler, tasks, store, files.values(), device) if scheduler and queue else
                            _in_processes(tasks, len(queue), workers, device)) as steps, \
         tqdm(total=sum(costs.values()), miniters=0, disable=not (progress and queue), desc=f"{len(queue)} runs",
              bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left{postfix}") as bar:
        for key, outcome in steps:
            if key is not None:
                if outcome == TRAINED:
                    trained.add(key)
                elif isinstance(outcome, str) and read_record(store / key) is None:   # it may die when it is done
                    _note_failure(store / key, runs[key], outcome)
                bar.update(costs[key])
                bar.set_postfix_str(f"{len(queue)} waiting", refresh=False)
            bar.update(0)
    records, failures = [], []
    for key, config in runs.items():
        record = read_record(store / key)
        if record is not None:
            records.append(dataclasses.replace(record, fresh=key in trained))
        else:
            failures.append(Failure(store / key, config, read_failure(store / key)))
    return Sweep(tuple(records), tuple(failures))


def _in_turn(queue: list[str], store: Path) -> Iterator[str]:
    """The keys of the queue, taken out one by one; those that another process trains now are put off."""
    while queue:
        key = next((key for key in queue if not in_use(store / key)), queue[0])
        queue.remove(key)
        yield key


def _in_processes(tasks: Iterator[tuple[str, tuple]], count: int, workers: int | None, device: str) -> Steps:
    """Each of `count` tasks in a process of its own on this machine, `workers` at a time."""
    if not count:
        return                                        # not even a process that would start the others
    if workers is None:
        workers = cores() if device == "cpu" else 1
    # On a CPU a run is fastest, for all the cores together, on one thread; alone it may have them all.
    threads = max(1, cores() // min(workers, max(1, count)))
    # Processes fork from a server that has imported torch and used nothing of it: quick to start, clean inside. Adam
    # imports torch._dynamo; done in the server, it saves each run two seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vscg.training.sweep", "torch._dynamo"])
    running: dict[object, tuple[multiprocessing.Process, str]] = {}
    unwritable: SimpleQueue[str] = context.SimpleQueue()
    try:
        while True:
            while len(running) < workers and (task := next(tasks, None)):
                key, arguments = task
                process = context.Process(target=_work, args=(unwritable, threads, *arguments, device), daemon=True)
                process.start()
                running[process.sentinel] = (process, key)
            if not running:
                return
            for sentinel in wait(list(running), timeout=1.0):
                process, key = running.pop(sentinel)
                process.join()
                if process.exitcode == UNWRITABLE:
                    raise WriteError(unwritable.get())
                yield key, (process.exitcode if process.exitcode in (TRAINED, NOTED, LOADED) else
                            f"its process ended with status {process.exitcode}, most often for want of memory")
            yield None, None
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join()


def _on_cluster(scheduler: str, tasks: Iterator[tuple[str, tuple]], store: Path, files: Iterable[Path],
                device: str | None) -> Steps:
    """Each task on a worker of a Dask cluster; the device is the worker's choice if it is not given."""
    return work(scheduler, ((key, _train, (*arguments, device)) for key, arguments in tasks),
                folder=store, needs=files, code=_code)


@functools.cache
def _code() -> str:
    """Hash of the code that shapes the numbers of any system's runs: with another, a worker would use other keys."""
    return code_hash(set().union(*map(shaping_files, BUILT)))


def _work(unwritable: SimpleQueue, threads: int, *arguments) -> None:
    """`_train` in a process of its own, whose exit status is the outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)      # Ctrl-C is for the sweep, which ends its workers
    threading.Thread(target=_end_with_sweep, daemon=True).start()
    torch.set_num_threads(threads)
    try:
        raise SystemExit(_train(*arguments))
    except WriteError as error:
        unwritable.put(str(error))
        raise SystemExit(UNWRITABLE) from None


def _end_with_sweep() -> None:
    """Ends this process when the sweep's is gone: killed, it cannot end its workers, and nobody would wait for them."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _train(key: str, config: RunConfig, data: Path, store: Path, device: str | None) -> int:
    """One run; `TRAINED`, `LOADED` if it was finished by another, or `NOTED` if it failed and its error is noted.

    Raises:
        WriteError: it could not be kept, nor its error.
    """
    folder = store / key
    try:
        dataset = read_prepared(data)
        if run_key(config, dataset.fingerprint) != key:
            raise VscgError(f"{data} is not what it was when the sweep began: the same call takes it as it is now.")
        record = fit(config, dataset=dataset, store=store, device=device, progress=False)
    except WriteError:
        raise
    except Exception as error:        # noted with its trace and reported by the sweep: the other runs go on
        _note_failure(folder, config, f"{type(error).__name__}: {error}", traceback.format_exc())
        return NOTED
    return TRAINED if record.fresh else LOADED


def _note_failure(folder: Path, config: RunConfig, error: str, trace: str = "") -> None:
    make_folder(folder)
    values = {"config": config.to_json(), "error": error, "trace": trace,
              "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    write_atomically(folder / "failure.json", (json.dumps(values, indent=1) + "\n").encode())


def read_failure(folder: Path) -> str:
    """The error of a run that has no record."""
    path = folder / "failure.json"
    if not path.is_file():
        return "it has not been trained"
    try:
        return str(json.loads(path.read_bytes())["error"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return f"{path} is damaged ({str(error)[:200]}): run again"
