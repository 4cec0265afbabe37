"""Many runs in one go: each once, only those that are missing, several at a time, none stopping the others."""
import dataclasses
import datetime
import functools
import json
import multiprocessing
import signal
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from vscg.config import RunConfig
from vscg.data import dataset_fingerprint
from vscg.errors import VscgError
from vscg.files import in_use, write_atomically
from vscg.machine import best_device, cores
from vscg.models import build_model
from vscg.paths import runs_dir
from vscg.records import Record, read_record, run_key, run_title
from vscg.training import fit

NOTED, LOADED = 3, 4      # exit status of a worker that has noted its error, or found the run finished by another


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
    """Millions of operations of one clip's way through a model; the caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = build_model(system, setting=setting, variant=variant, **dict(options))
        model(torch.zeros(1, 10, 128), torch.zeros(1, 10, 7, 7, 512))
    return round(counter.get_total_flops() / 1e6)


def sweep(configs: Iterable[RunConfig], *, store: Path | None = None, workers: int | None = None,
          device: str | None = None, progress: bool = True) -> Sweep:
    """Train the runs that are missing, in processes of their own.

    A run that fails is recorded with its error and does not stop the rest; the next call tries it again. Killed at any
    moment, the same call goes on where the runs were last saved. Two sweeps on one folder share the work: a run that
    another process trains is left to it and read when it is finished.

    Args:
        configs: the runs, in any order, repetitions allowed.
        store: folder of runs, default `paths.runs_dir()`.
        workers: runs at a time; default as many as there are CPU cores, or one on a GPU.
        device: "cpu" or "cuda"; default the GPU where there is one.
        progress: show a bar over the whole sweep with the time left.

    Raises:
        VscgError: as `unique_runs`, or a damaged record.
    """
    store = store or runs_dir()
    device = device or best_device()
    if workers is None:
        workers = cores() if device == "cpu" else 1
    if workers < 1:
        raise VscgError(f"workers is {workers}: it must be at least 1.")
    runs = unique_runs(configs)
    missing = [key for key in runs if read_record(store / key) is None]
    costs = {key: relative_cost(runs[key]) for key in missing}
    # The longest first, so that no worker is left alone with one at the end; but the shortest right after the first,
    # so that there is soon something to estimate the time left from.
    queue = sorted(missing, key=costs.get, reverse=True)
    queue = queue[:1] + queue[-1:] + queue[1:-1] if len(queue) > 2 else queue
    # On a CPU a run is fastest, for all the cores together, on one thread; alone it may have them all.
    threads = max(1, cores() // min(workers, max(1, len(queue))))
    # Processes fork from a server that has imported torch and used nothing of it: quick to start, clean inside. Adam
    # imports torch._dynamo; done in the server, it saves each run two seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vscg.sweep", "torch._dynamo"])
    running: dict[object, tuple[multiprocessing.Process, str]] = {}
    trained = set()
    with tqdm(total=sum(costs.values()), miniters=0, disable=not (progress and queue),
              desc=f"{len(queue)} runs",
              bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left{postfix}") as bar:
        try:
            while queue or running:
                while queue and len(running) < workers:
                    key = next((key for key in queue if not in_use(store / key)), queue[0])
                    queue.remove(key)
                    process = context.Process(target=_work, args=(runs[key], store, device, threads), daemon=True)
                    process.start()
                    running[process.sentinel] = (process, key)
                for sentinel in wait(list(running), timeout=1.0):
                    process, key = running.pop(sentinel)
                    process.join()
                    if process.exitcode == 0:
                        trained.add(key)
                    elif process.exitcode not in (NOTED, LOADED):
                        _note_failure(store / key, runs[key], f"its process ended with status {process.exitcode}, "
                                      "most often for want of memory")
                    bar.update(costs[key])
                    bar.set_postfix_str(f"{len(queue)} waiting", refresh=False)
                bar.update(0)
        finally:
            for process, _ in running.values():
                process.terminate()
            for process, _ in running.values():
                process.join()
    records, failures = [], []
    for key, config in runs.items():
        record = read_record(store / key)
        if record is not None:
            records.append(dataclasses.replace(record, fresh=key in trained))
        else:
            failures.append(Failure(store / key, config, read_failure(store / key)))
    return Sweep(tuple(records), tuple(failures))


def _work(config: RunConfig, store: Path, device: str, threads: int) -> None:
    """One run, in a process of its own; exits with 0 if it trained it, else with `LOADED` or `NOTED`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)      # Ctrl-C is for the sweep, which ends its workers
    torch.set_num_threads(threads)
    folder = store / run_key(config, dataset_fingerprint(config.data))
    try:
        record = fit(config, store=store, device=device, progress=False)
        (folder / "failure.json").unlink(missing_ok=True)
    except Exception as error:        # noted with its trace and reported by the sweep: the other runs go on
        _note_failure(folder, config, f"{type(error).__name__}: {error}", traceback.format_exc())
        raise SystemExit(NOTED) from None
    if not record.fresh:
        raise SystemExit(LOADED)


def _note_failure(folder: Path, config: RunConfig, error: str, trace: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = {"config": config.to_json(), "error": error, "trace": trace,
              "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    write_atomically(folder / "failure.json", (json.dumps(values, indent=1) + "\n").encode())


def read_failure(folder: Path) -> str:
    """The error of a run that has no record."""
    path = folder / "failure.json"
    return json.loads(path.read_text(encoding="utf-8"))["error"] if path.is_file() else "it has not been trained"
