"""Tasks for processes of their own: on this machine, or on the workers of a Dask cluster that see the same folders."""
import contextlib
import functools
import importlib
import multiprocessing
import os
import re
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from tqdm import tqdm

from vscg.errors import VscgError
from vscg.machine.device import give_back_memory
from vscg.machine.files import code_hash, make_folder, write_atomically

CONNECT, PATIENCE = 30.0, 600.0       # s for a scheduler to answer, s without a single worker
LOST = OSError, RuntimeError          # of a client whose scheduler is gone


@dataclass(frozen=True)
class Outcome:
    """How a task ended: with what it made, or with why it made nothing."""
    value: object = None
    error: str = ""
    trace: str = ""


def work(pool: "Processes | Cluster", tasks: Iterable[tuple | None],
         waiting: Callable[[], object]) -> Iterator[tuple[Path, Outcome]]:
    """Have tasks done by a pool; yields each one's path and outcome when it ends, and raises what a task raises.

    A task is a path that names it, a function that returns an `Outcome`, and its arguments; None for a task is none for
    now: the next one is asked for when one under way has ended. There are no more under way
    than workers, so that one that kills its worker takes no other with it. `waiting` is called once a second.
    """
    tasks = iter(tasks)
    while True:
        while len(pool.running) < pool.size and (task := next(tasks, None)):
            pool.submit(*task)
        if not pool.running:
            return
        yield from pool.ended()
        waiting()


class Processes(contextlib.AbstractContextManager):
    """A process of `threads` threads on this machine for each task, `size` at a time, with modules `preload` at once.

    A context manager, which ends those that still run.
    """

    def __init__(self, size: int, threads: int, preload: list[str]):
        self.size, self.threads = size, threads
        self.running: dict[Connection, tuple[Path, multiprocessing.Process]] = {}
        # Processes fork from a server that has imported torch and used nothing of it: quick to start, clean inside.
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(preload)

    def __exit__(self, *error) -> None:
        for _, process in self.running.values():
            process.terminate()
            process.join()

    def submit(self, path: Path, function: Callable[..., Outcome], *arguments) -> None:
        """Begin a task."""
        answer, sender = self.context.Pipe(duplex=False)
        process = self.context.Process(target=_alone, args=(sender, self.threads, function, arguments), daemon=True)
        process.start()
        sender.close()                                    # now the pipe ends with the process
        self.running[answer] = path, process

    def ended(self) -> Iterator[tuple[Path, Outcome]]:
        """The tasks that have ended, or the first that does within a second."""
        for answer in wait(list(self.running), timeout=1.0):
            path, process = self.running.pop(answer)
            try:
                outcome = answer.recv()
            except EOFError:
                process.join()
                outcome = Outcome(error=f"{path}: its process ended with status {process.exitcode}, most often for "
                                        "want of memory")
            process.join()
            if isinstance(outcome, Exception):
                raise outcome
            yield path, outcome


def end_with_parent() -> None:
    """In a process that another one started: a thread that ends it when that one is gone."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _alone(sender: Connection, threads: int, function: Callable[..., Outcome], arguments: tuple) -> None:
    """A task in a process of its own, which ends when its parent ends it, or is gone; Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(threads)
    tqdm.set_lock(threading.RLock())       # its own is a semaphore, of whose loss Python warns when this is ended
    try:
        sender.send(function(*arguments))
    except Exception as error:
        sender.send(error)


def local_workers(scheduler: str) -> int:
    """N of "local:N", 0 for the address of a scheduler; VscgError for what is neither."""
    kind, _, number = scheduler.partition(":")
    if kind == "local" and number.isdecimal() and int(number) > 0:
        return int(number)
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", scheduler):
        raise VscgError(f"scheduler {scheduler!r} is no address: give tcp://host:port as the scheduler prints it, or "
                        "local:N for N processes on this machine")
    return 0


class Cluster:
    """The workers of a Dask scheduler, a task each. A context manager, which ends what is still under way.

    The task of a worker that dies is given to another one, so a function must be able to go on from what it finds.
    `scheduler` is "tcp://host:port" of a running one, or "local:N" for N worker processes on this machine; the workers
    write to `folder` and read `needs`, files or folders, under the same paths as here.
    Raises VscgError: an address that is none, a scheduler that does not answer or is lost, no worker for ten minutes,
        or a worker that does not see the folders, has other code or another torch, or several threads.
    """

    def __init__(self, scheduler: str, folder: Path, needs: Iterable[Path]):
        self.scheduler, self.local, self.folder = scheduler, local_workers(scheduler), folder
        self.marker = folder / f".cluster-{uuid.uuid4().hex}"
        self.terms = socket.gethostname(), _version(), [path.absolute() for path in (self.marker, *needs)]
        self.running: dict[object, Path] = {}             # a task's future -> its path

    def __enter__(self) -> "Cluster":
        from distributed import Client

        make_folder(self.folder)
        where = {"n_workers": self.local, "threads_per_worker": 1, "memory_limit": None,
                 # Not ":0", on which other machines could look.
                 "dashboard_address": "127.0.0.1:0",
                 "silence_logs": "CRITICAL"} if self.local else {"address": self.scheduler}
        with contextlib.ExitStack() as stack:
            write_atomically(self.marker, b"")
            stack.callback(self.marker.unlink, missing_ok=True)
            # Blocked here, Ctrl-C is blocked in all processes that descend from here: it is for this one alone.
            # Python's helper would unblock it, if it began meanwhile.
            resource_tracker.ensure_running()
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if self.local else ())
            try:
                try:
                    self.client = stack.enter_context(Client(**where, timeout=CONNECT, set_as_default=False))
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                self.client.run(importlib.import_module, __name__)      # given a task without it, a worker would end
            except ImportError as error:
                raise VscgError(f"{self.scheduler}: a worker lacks this package ({error}); start the scheduler and its "
                                "workers with the same installation as here") from error
            except (OSError, ValueError) as error:
                raise VscgError(f"{self.scheduler}: no Dask scheduler answers within {CONNECT:.0f} s ({error}); start "
                                "one with `dask scheduler`, or see to it that this machine can reach it") from error
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        with self.stack:          # of "local:N" it ends the workers; those of others are replaced by their nannies
            if self.running and not self.local:
                with contextlib.suppress(*LOST, ValueError):       # no scheduler, no tasks; no nanny, no replacement
                    keys = {future.key for future in self.running}
                    busy = [worker for worker, tasks in self.client.processing().items() if keys & set(tasks)]
                    self.client.cancel(list(self.running))
                    self.client.restart_workers(busy, timeout=10, raise_for_error=False)

    @property
    def size(self) -> int:
        """Workers that are there, once there is one."""
        try:
            if self.local:
                self.client.cluster.scale(self.local)            # Dask gives up a worker that is not back after 15 s
            self.client.wait_for_workers(1, timeout=PATIENCE)
            return len(self.client.nthreads())
        except TimeoutError as error:
            raise VscgError(f"{self.scheduler}: no worker has been there for {PATIENCE / 60:.0f} minutes; start some, "
                            f"`dask worker {self.scheduler} --nthreads 1`, and the same call goes on") from error
        except LOST as error:
            raise self._lost() from error

    def submit(self, path: Path, function: Callable[..., Outcome], *arguments) -> None:
        """Give a task to a worker."""
        self.running[self.client.submit(_on_worker, self.terms, function, arguments, pure=False)] = path

    def ended(self) -> Iterator[tuple[Path, Outcome]]:
        """The tasks that have ended, or the first that does within a second."""
        from distributed import CancelledError, as_completed
        from distributed.scheduler import KilledWorker

        try:
            future = next(as_completed(self.running, loop=self.client.loop, timeout=1.0))
        except TimeoutError:
            return
        path = self.running.pop(future)
        try:
            outcome = future.result()
        except KilledWorker as error:
            outcome = Outcome(error=f"{path}: {error.allowed_failures + 1} workers died while they were at it, most "
                                    "often for want of memory or at the end of their time")
        except CancelledError as error:
            raise self._lost() from error
        yield path, outcome

    def _lost(self) -> VscgError:
        return VscgError(f"{self.scheduler}: the connection to the scheduler is lost; when it and its workers run "
                         "again, the same call goes on from what is finished")


@functools.cache
def _version() -> str:
    """What must be equal here and there: the package's code, and torch but for "+cpu" and the like."""
    package = code_hash(Path(__file__).parents[1].rglob("*.py"))
    return f"vscg {package[:12]}, torch {torch.__version__.partition('+')[0]}"


def _on_worker(terms: tuple[str, str, list[Path]], function: Callable[..., Outcome], arguments: tuple) -> Outcome:
    """A task on a worker that fulfils the terms: the caller's host, its version, and paths to be seen."""
    from distributed import get_worker

    (host, version, needs), worker = terms, get_worker()
    name = f"worker {worker.address} on {socket.gethostname()}"
    if worker.state.nthreads != 1:
        raise VscgError(f"{name} has {worker.state.nthreads} threads, and two tasks in one process would share their "
                        "random numbers: start it with --nthreads 1, and more of them with --nworkers")
    for path in needs:
        if not path.exists():
            raise VscgError(f"{name} does not see {path}, which {host} sees: the workers must share these folders, "
                            "under the same paths; see VSCG_HOME")
    if _version() != version:
        raise VscgError(f"{name} has another version ({_version()}, in {sys.prefix}) than {host} ({version}): start "
                        "the scheduler and its workers anew, with the same installation as here")
    torch.set_num_threads(1)                              # whatever the worker's environment says
    try:
        return function(*arguments)
    finally:
        try:
            give_back_memory()    # the next task finds a process as small as this one did, and its record its own peak
        except RuntimeError:      # CUDA is lost to this process: its nanny starts another, the task goes elsewhere
            os._exit(1)
