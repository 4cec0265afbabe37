"""Many runs in one go: each once, only those that are missing, several at a time, none stopping the others."""
import dataclasses
import datetime
import functools
import json
import socket
import sys
import traceback
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import Timeout
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from vscg.data import dataset_fingerprint, prepared_file
from vscg.data.labels import AVE
from vscg.data.prepared import read_prepared
from vscg.errors import VscgError
from vscg.machine.cluster import Cluster, Outcome, Processes, local_workers, work
from vscg.machine.device import cores, usable_device
from vscg.machine.device import workers as cpu_workers
from vscg.machine.files import WriteError, in_use, make_folder, runs_dir, write_atomically
from vscg.models import build_model
from vscg.training.config import RunConfig
from vscg.training.keys import run_key
from vscg.training.loop import fit
from vscg.training.records import Record, read_record, run_title

BUSY = Outcome()                      # of a run that another process trains


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
    """Run key -> resolved configuration, each run once; VscgError for one out of range, or data that cannot be had."""
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
    """Millions of operations of one clip's way through a model for AVE's sizes.

    On the meta device nothing is computed or drawn; and there torch takes an LSTM apart into products that it counts,
    which on a CPU it hands over whole and leaves out of the count.
    """
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = build_model(system, setting=setting, variant=variant, **dict(options))
        shapes = AVE.rows()
        model(torch.zeros(1, *shapes["audio"]), torch.zeros(1, *shapes["visual"]))
    return round(counter.get_total_flops() / 1e6)


def sweep(configs: Iterable[RunConfig], *, store: Path | None = None, workers: int | None = None,
          device: str | None = None, scheduler: str | None = None) -> Sweep:
    """Train the runs that are missing, in processes of their own or on a Dask cluster.

    A run that fails is recorded with its error and does not stop the rest; the next call tries it again. Killed at any
    moment, the same call goes on where the runs were last saved. Two sweeps on one folder share the work: a run that
    another process trains is left to it and read when it is finished.

    Args:
        store, device: as for `fit`.
        workers: runs at a time; default `device.workers`, or one on a GPU.
        scheduler: train on the workers of this Dask scheduler, see `cluster.Cluster`; each takes one run at a time, on
            one thread, and sees the store and the data sets' files under the same paths as this process.
    Raises VscgError: as `unique_runs` and `cluster.Cluster`, a device that is not there, a damaged record, or a model
        that cannot be built; WriteError: nothing can be written, so no other run could be kept either.
    """
    store = (store or runs_dir()).absolute()
    if workers is not None and (workers < 1 or scheduler is not None):
        raise VscgError("workers belong to a sweep on this machine: a scheduler has its own (local:N has N)."
                        if scheduler is not None else f"workers is {workers}: it must be at least 1.")
    if scheduler is not None:
        local_workers(scheduler)                      # of an address that is none it is said before anything is made
    else:
        device = usable_device(device).type           # else every run would fail by itself; on a cluster it may be
    runs = {store / key: config for key, config in unique_runs(configs).items()}
    missing = [folder for folder in runs if read_record(folder) is None]
    costs = {folder: relative_cost(runs[folder]) for folder in missing}
    # Seed by seed, so that what is there when a sweep is stopped can be compared. Of a seed the longest first, so that
    # no worker is left alone with one at the end; but the first seed's shortest right after the first of all, so that
    # there is soon something to estimate the time left from.
    queue = sorted(missing, key=lambda folder: (runs[folder].seed, -costs[folder]))
    if (first := sum(runs[folder].seed == runs[queue[0]].seed for folder in queue)) > 2:
        queue.insert(1, queue.pop(first - 1))
    trained, errors, busy = set(), {}, set()
    if queue:
        files = {data: prepared_file(data).absolute() for data in {runs[folder].data for folder in missing}}
        tasks = (turn and (turn[0], _train, turn[0], runs[turn[0]], files[runs[turn[0]].data], device, turn[1])
                 for turn in _in_turn(queue, busy))
        with _pool(scheduler, store, files.values(), workers, device, len(queue)) as pool, \
             tqdm(total=sum(costs.values()), smoothing=0, miniters=0, desc=f"{len(queue)} runs",
                  bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left{postfix}") as bar:
            # On a screen the time left runs on every second; a log gets a line for each run that has ended.
            tick = bar.refresh if sys.stderr.isatty() else lambda: None
            for folder, outcome in work(pool, tasks, tick):
                if outcome == BUSY:
                    queue.append(folder)
                    busy.add(folder)
                    continue
                if outcome.error and read_record(folder) is None:      # a process may die when its run is done
                    errors[folder] = outcome.error
                    _note_failure(folder, runs[folder], outcome)
                elif outcome.value:
                    trained.add(folder)
                bar.set_postfix_str(f"{len(queue)} waiting", refresh=False)
                bar.update(costs[folder])
    found = {folder: read_record(folder) for folder in runs}
    return Sweep(tuple(dataclasses.replace(each, fresh=folder in trained) for folder, each in found.items() if each),
                 tuple(Failure(folder, runs[folder], errors[folder]) for folder, each in found.items() if not each))


def _pool(scheduler: str | None, store: Path, files: Iterable[Path], workers: int | None, device: str | None,
          runs: int) -> Cluster | Processes:
    """Where the runs are trained. On a CPU they are fastest, for all cores together, on one thread each."""
    if scheduler:
        return Cluster(scheduler, store, files)
    largest = max(file.stat().st_size for file in files)
    workers = min(runs, workers or (cpu_workers(largest) if device == "cpu" else 1))
    # Adam imports torch._dynamo; done beforehand, it saves each run two seconds.
    return Processes(workers, max(1, cores() // workers), ["vscg.training.sweep", "torch._dynamo"])


def _in_turn(queue: list[Path], busy: Container[Path]) -> Iterator[tuple[Path, bool] | None]:
    """The runs of the queue, taken out one by one, each with whether to wait for another process that trains it.

    Those that another one trains now are put off; one of `busy`, found so before, is waited for, for locks may look
    otherwise from here. None while the queue is empty: a run may come back to it.
    """
    while True:
        free = next((folder for folder in queue if not in_use(folder)), None)
        if folder := free or next(iter(queue), None):
            queue.remove(folder)
        yield folder and (folder, free is None or folder in busy)


def _train(folder: Path, config: RunConfig, data: Path, device: str | None, wait: bool) -> Outcome:
    """One run: whether it was trained now, or by another process before; `BUSY` if one trains it and `wait` is False.

    Raises WriteError: it could not be kept; VscgError: the device is not there, so that run after run would fail.
    """
    try:
        usable_device(device)
    except VscgError as error:
        raise VscgError(f"{socket.gethostname()}: {error}") from error
    try:
        if read_record(folder):                            # finished meanwhile: the data need not be read
            return Outcome(False)
        dataset = read_prepared(data)
        if run_key(config, dataset.fingerprint) != folder.name:
            raise VscgError(f"{data} is not what it was when the sweep began: the same call takes it as it is now.")
        return Outcome(fit(config, dataset=dataset, store=folder.parent, device=device, progress=False,
                           wait=wait).fresh)
    except Timeout:
        return BUSY
    except WriteError:
        raise
    except Exception as error:        # noted with its trace and reported by the sweep: the other runs go on
        return Outcome(error=f"{type(error).__name__}: {error}", trace=traceback.format_exc())


def _note_failure(folder: Path, config: RunConfig, outcome: Outcome) -> None:
    values = {"config": config.to_json(), "error": outcome.error, "trace": outcome.trace,
              "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    make_folder(folder)
    write_atomically(folder / "failure.json", (json.dumps(values, indent=1) + "\n").encode(), follow=False)
