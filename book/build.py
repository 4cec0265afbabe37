"""Builds the book: the data set, the runs, then every notebook, then the site. `make book` calls it.

    python book/build.py --data planted-mini --profile quick
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import execute

import vscg
from vscg.machine.files import ave_dir
from vscg.study.runs import book_configs
from vscg.training.sweep import sweep

BOOK = Path(__file__).resolve().parent
INDEX = BOOK / "_build" / "html" / "index.html"


def prepare_data(name: str) -> str:
    """Generates or prepares the data set where it is not there yet, and says what it is; returns its fingerprint."""
    data = vscg.load_dataset(name)
    print(f"data set {data.name}: {len(data.labels)} clips, fingerprint {data.fingerprint[:12]}", flush=True)
    return data.fingerprint


def train_runs(data: str, profile: str) -> str:
    """Trains the runs of all tables that are missing, several at a time; returns how many there are."""
    done = sweep(book_configs(data=data, profile=profile)).check()
    return f"{len(done.records)} runs, {sum(record.fresh for record in done.records)} of them trained now"


def run_notebooks(data: str, profile: str, folder: Path, fingerprint: str) -> list[tuple[str, str]]:
    """Executes the notebooks that changed, in order, into `folder`; returns (notebook, time or "reused") rows."""
    rows = []
    for source in execute.sources():
        start, target = time.monotonic(), folder
        if source.name.startswith("01_") and ave_dir() is None:
            # Its page shows the real data set: without the files it runs elsewhere, and the committed one is the page.
            target = folder / "without-ave"
            for stale in folder.glob(f"{source.stem}.*"):
                stale.unlink()
            print(f"{source.stem}: no real AVE files (VSCG_AVE_DIR), the page shows the committed outputs", flush=True)
        parameters = execute.changed_parameters(source, {"DATA": data, "PROFILE": profile})
        ran = execute.reuse_or_execute(source, target, parameters, fingerprint)
        rows.append((source.stem, f"{time.monotonic() - start:.1f} s" if ran else "reused"))
        print(f"{source.stem}: {rows[-1][1]}", flush=True)
    return rows


def build_site(folder: Path) -> None:
    """Builds the HTML pages from book/ and the executed notebooks in `folder`; a warning is an error."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", BOOK, "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(command, env={**os.environ, "VSCG_BOOK_RUN": str(folder)}, text=True,
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


class SiteFailed(Exception):
    """The site did not build without warnings: the message carries what Jupyter Book printed."""


def main() -> int:
    """Runs the four steps and prints what each took; 0 when the site stands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="planted-mini", help="planted-mini, planted, ave or a prepared file")
    parser.add_argument("--profile", default="quick", choices=["quick", "standard", "full"])
    args = parser.parse_args()
    if Path(args.data).is_file():
        args.data = str(Path(args.data).resolve())    # the notebooks run in another folder
    folder = run_folder(args.data, args.profile)
    rows, start = [], time.monotonic()

    def step(name: str) -> None:
        nonlocal start
        rows.append((name, f"{time.monotonic() - start:.1f} s"))
        start = time.monotonic()

    try:
        fingerprint = prepare_data(args.data)
        step("data set")
        print(train_runs(args.data, args.profile), flush=True)
        step("runs of all tables")
        rows += run_notebooks(args.data, args.profile, folder, fingerprint)
        step("all notebooks")
        build_site(folder)
        step("site")
    except (vscg.VscgError, execute.NotebookFailed, SiteFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n" + "\n".join(f"{name:32} {took:>10}" for name, took in rows))
    print(f"\nThe book: {INDEX}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
