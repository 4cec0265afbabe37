"""Work on a Dask cluster: a task for each run or clip, on workers that see the same folders as this process."""
import asyncio
import contextlib
import ctypes
import gc
import os
import queue
import re
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from pickle import loads

import torch

from vscg.errors import VscgError
from vscg.machine.files import make_folder, write_atomically

CONNECT = 30.0      # s for a scheduler to answer
PATIENCE = 600.0    # s without a single worker
DEATHS = 3          # of its workers, after which a task is tried once more ("local:N"; else the scheduler's setting)
UNREACHED = OSError, RuntimeError      # of a client: timeouts and broken connections, or a closed pool of them


class Died(str):
    """The outcome of a task whose workers died again and again: why it was given up."""


def work(scheduler: str, tasks: Iterable[tuple[Hashable, Callable, tuple]], *, folder: Path, needs: Iterable[Path],
         code: Callable[[], str]) -> Iterator[tuple[Hashable | None, object]]:
    """Have tasks done by the workers of a Dask scheduler; yields (name, what its function returned) as they finish.

    (None, None) comes every second in which nothing has finished. There are no more tasks under way than workers, so
    that one that kills its worker takes no other with it; the next one is asked for when a worker is free. The task of
    a worker that dies is given to another one, so a function must be able to go on from what it finds. If its workers
    die again and again, its outcome is a `Died`. Left before the end, by an error or by closing the iterator, the
    workers stop at once what they do for it.

    Args:
        scheduler: "tcp://host:port" of a running scheduler, or "local:N" for N worker processes on this machine.
        tasks: name, function and arguments; functions of the package, and arguments that can be pickled.
        folder: where the workers write; they must see it under the same path, and so each of `needs`.
        needs: files or folders that the workers read.
        code: a function of the package; what it returns must be the same here and on a worker.

    Raises:
        VscgError: an address that is none, a scheduler that does not answer or is lost, no worker for ten minutes, or
            a worker that does not see the folders, has other code or another torch, or several threads. OSError and
            VscgError of a task are raised here too.
    """
    marker = folder / f".cluster-{uuid.uuid4().hex}"
    with _client(scheduler) as client:
        try:
            make_folder(folder)
            write_atomically(marker, b"")
            yield from _follow(client, scheduler, iter(tasks), _Terms((marker, *needs), code, _identity(code)))
        finally:
            marker.unlink(missing_ok=True)


class _Terms:
    """What a worker must fulfil before it begins a task."""

    def __init__(self, needs: Iterable[Path], code: Callable[[], str], identity: dict[str, str]):
        self.needs, self.code, self.identity = [path.absolute() for path in needs], code, identity
        self.host = socket.gethostname()

    def check(self) -> None:
        """Raises VscgError that names this worker and the first thing that it lacks."""
        from distributed import get_worker

        worker = get_worker()
        name = f"worker {worker.address} on {socket.gethostname()}"
        if worker.state.nthreads != 1:
            raise VscgError(f"{name} has {worker.state.nthreads} threads, and two tasks in one process would share "
                            "their random numbers: start it with --nthreads 1, and more of them with --nworkers")
        for path in self.needs:
            if not path.exists():
                raise VscgError(f"{name} does not see {path}, which {self.host} sees: the workers must share these "
                                "folders, under the same paths; see VSCG_HOME")
        for what, here in _identity(self.code).items():
            if here != self.identity[what]:
                raise VscgError(f"{name} has another version of {what} ({here[:16]}, in {sys.prefix}) than {self.host} "
                                f"({self.identity[what][:16]}): start the scheduler and its workers anew, with the "
                                "same installation as here")


def _identity(code: Callable[[], str]) -> dict[str, str]:
    """What must be equal here and there; "+cpu" and the like do not count."""
    return {"the package's code": code(), "torch": torch.__version__.partition("+")[0]}


def _perform(terms: _Terms, function: Callable, arguments: tuple) -> object:
    """One task, on a worker."""
    terms.check()
    torch.set_num_threads(1)                                   # whatever the worker's environment says
    try:
        return function(*arguments)
    finally:            # the next task finds a process as small as this one did, and its record a peak of its own
        gc.collect()
        torch.cuda.empty_cache()
        if sys.platform.startswith("linux"):
            getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)


class _Errand:
    """A task as bytes: to unpickle them is to do it.

    Dask unpickles a task before it begins; a worker that cannot, for want of the package, would end, and so would the
    one that is given the task next. Unpickled as the task, it fails with an error that comes back.
    """

    def __init__(self, *task):
        self.task = task

    def __reduce__(self) -> tuple[Callable, tuple]:
        return _perform, self.task


def _follow(client, scheduler: str, tasks: Iterator, terms: _Terms) -> Iterator[tuple[Hashable | None, object]]:
    """The loop of `work`: hand out, wait, yield."""
    from distributed import CancelledError, Future
    from distributed.protocol.pickle import dumps
    from distributed.scheduler import KilledWorker

    running: dict[str, tuple[Hashable, Future]] = {}
    finished, more, seen = queue.SimpleQueue(), True, time.monotonic()
    try:
        while True:
            try:
                workers = len(client.nthreads())
            except UNREACHED as error:
                raise _lost(scheduler) from error
            now = time.monotonic()
            seen = now if workers else seen
            if now - seen > PATIENCE:
                raise VscgError(f"{scheduler}: no worker has been there for {PATIENCE / 60:.0f} minutes; start some, "
                                f"`dask worker {scheduler} --nthreads 1`, and the same call goes on")
            while more and len(running) < workers:
                name, function, arguments = next(tasks, (None, None, None))
                if function is None:
                    more = False
                    break
                errand = dumps(_Errand(terms, function, arguments))
                future = client.submit(loads, errand, key=f"vscg-{uuid.uuid4().hex}")
                running[future.key] = name, future
                future.add_done_callback(finished.put)
            if not running and not more:
                return
            try:
                future = finished.get(timeout=1.0)
            except queue.Empty:
                yield None, None
                continue
            try:
                outcome = future.result()
            except KilledWorker as error:
                outcome = Died(f"{error.allowed_failures + 1} workers died while they were at it, most often for want "
                               "of memory or at the end of their time")
            except CancelledError as error:
                raise _lost(scheduler) from error
            except (ImportError, AttributeError, RuntimeError) as error:
                raise VscgError(f"{scheduler}: a task cannot be done there ({type(error).__name__}: {error}); see that "
                                "the scheduler and its workers have the same installation as here") from error
            yield running.pop(future.key)[0], outcome
    finally:
        if running:
            _stop(client, scheduler, [future for _, future in running.values()])


def _lost(scheduler: str) -> VscgError:
    return VscgError(f"{scheduler}: the connection to the scheduler is lost; when it and its workers run again, the "
                     "same call goes on from what is finished")


def _stop(client, scheduler: str, futures: list) -> None:
    """Take back tasks that are not finished; a worker's thread cannot be stopped, so their nannies replace the workers.

    A worker without a nanny goes on to the end of its task.
    """
    keys = {future.key for future in futures}
    with contextlib.suppress(*UNREACHED):                      # no scheduler, no tasks
        busy = [address for address, tasks in client.processing().items() if keys & set(tasks)]
        client.cancel(futures)
        if not scheduler.startswith("local:"):
            known = client.scheduler_info()["workers"]
            client.restart_workers([address for address in busy if address in known and known[address]["nanny"]],
                                   timeout=30, raise_for_error=False)


def local_workers(scheduler: str) -> int:
    """N of "local:N", 0 for the address of a scheduler; VscgError for what is neither."""
    kind, _, number = scheduler.partition(":")
    if kind == "local" and number.isdecimal() and int(number) > 0:
        return int(number)
    if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", scheduler):
        raise VscgError(f"scheduler {scheduler!r} is no address: give tcp://host:port as the scheduler prints it, or "
                        "local:N for N processes on this machine")
    return 0


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator:
    """A client of the scheduler at an address, or of a new cluster on this machine that ends with it."""
    local = local_workers(scheduler)
    try:
        from distributed import Client
    except ImportError as error:
        raise VscgError(f"a scheduler needs the package distributed ({error}): install it with `pip install -c "
                        "requirements.lock distributed`") from error
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(_local_cluster(local)).scheduler_address if local else scheduler
        try:
            client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise VscgError(f"{scheduler}: no Dask scheduler answers within {CONNECT:.0f} s ({error}); start one with "
                            "`dask scheduler`, or see to it that this machine can reach it") from error
        yield stack.enter_context(client)


@contextlib.contextmanager
def _local_cluster(workers: int) -> Iterator:
    """A LocalCluster: processes on this machine, each with a nanny that replaces it when it dies."""
    import dask
    from distributed import LocalCluster

    # Ctrl-C in a terminal goes to every process of the group: blocked here, it is blocked in all that descend from
    # here, and reaches this process alone, when it is unblocked.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, memory_limit=None, dashboard_address=":0",
                               silence_logs="CRITICAL", scheduler_kwargs={"allowed_failures": DEATHS})
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        raise
    # Dask looks 15 s after a death whether the worker is back, and else gives its nanny up. But the one that came back
    # may have died meanwhile, and the next one be on its way.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "3650 days"}), cluster:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            yield cluster
        finally:
            cluster.sync(_end, cluster.workers.values())


async def _end(nannies: Iterable) -> None:
    """End worker processes at once; asked to end, they would first wait for their tasks."""
    pids = [nanny.pid for nanny in nannies if nanny.pid]
    closing = asyncio.gather(*(nanny.close() for nanny in nannies))
    await asyncio.sleep(0)                                     # now no nanny replaces its worker any more
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await closing
