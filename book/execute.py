"""Runs the notebooks. As a command it rewrites the committed notebooks/NN_name.ipynb from their text sources.

    python book/execute.py            every notebook
    python book/execute.py 03 05      only these
"""
import ast
import contextlib
import datetime
import functools
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

import jupytext
import nbformat
import papermill
import torch
from ipykernel.kernelspec import get_kernel_dict
from traitlets.config import Config

import vscg
from vscg.features import weights
from vscg.machine import device
from vscg.machine.files import ave_dir, code_hash, file_sum, make_folder, value_hash, write_atomically, write_error

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SMALL = (weights.EFFICIENTNET, weights.AISFX)       # networks that chapter 24 shows: 40 MB
START = 600         # seconds within which a kernel must answer; the first one on a busy machine takes long
SETTINGS = ROOT / "book" / "_run" / ".settings"
# Of two kernels that start at once one may find its port taken by the other: it gets a second try.
NO_START = "Kernel died before replying"
WIDGET = "application/vnd.jupyter.widget-view+json"
# ipykernel announces at every start that its sockets on this machine are not encrypted.
KERNEL = Config({"KernelManager": {"transport_encryption": "auto"}})


class NotebookFailed(Exception):
    """A notebook did not run to its end: the message names it, the cell and the error."""


@contextlib.contextmanager
def known_environment() -> Iterator[None]:
    """What kernels and Jupyter Book are started with: the reader's own settings do not change the book.

    The kernel `python3` is this very Python, pictures go inline, and the settings of IPython and matplotlib are theirs.
    """
    make_folder(SETTINGS / "kernels" / "python3")
    write_atomically(SETTINGS / "kernels" / "python3" / "kernel.json", json.dumps(get_kernel_dict()).encode())
    before = dict(os.environ)
    for name in ("MATPLOTLIBRC", "PYTHONIOENCODING", "PYTHONSTARTUP"):
        os.environ.pop(name, None)
    os.environ |= {"JUPYTER_PATH": str(SETTINGS), "IPYTHONDIR": str(SETTINGS / "ipython"), "PYTHONUTF8": "1",
                   "MPLCONFIGDIR": str(SETTINGS / "matplotlib"),
                   "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def sources(folder: Path = NOTEBOOKS) -> list[Path]:
    """The text sources of the notebooks, in reading order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def default_parameters(source: Path, names: Iterable[str]) -> dict:
    """The defaults of those parameters that the notebook has in its `parameters` cell.

    Raises NotebookFailed for a default that is no literal, and for a file that is no notebook.
    """
    try:
        found = papermill.inspect_notebook(jupytext.read(source))
        return {name: ast.literal_eval(found[name]["default"]) for name in names if name in found}
    except (OSError, ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise NotebookFailed(f"{source.name}: its parameters cannot be read ({str(error)[:200]}); the cell tagged "
                             "`parameters` holds only lines like NAME = literal.") from error


def changed_parameters(source: Path, wanted: dict) -> dict:
    """Those of `wanted` that the notebook has in its `parameters` cell with another default."""
    defaults = default_parameters(source, wanted)
    return {name: wanted[name] for name, value in defaults.items() if value != wanted[name]}


def run_key(source: Path, parameters: dict, state: str) -> str:
    """SHA-256 over all that an executed notebook depends on: its source, its parameters, and `shared_state`."""
    return value_hash([parameters, state, file_sum(source)])


def shared_state(fingerprint: str) -> str:
    """SHA-256 over what all notebooks depend on: the data set's fingerprint, and what follows.

    The code of the package and of the benchmarks, the records, photographs and recordings that come with the book, the
    real labels, what is installed, and the machine: processor, number of cores, GPU.
    """
    real = ave_dir()
    places = [path for folder in ("vscg/plots", "vscg/features", "book/stamps", "book/records")
              for path in (ROOT / folder).rglob("*") if path.suffix != ".py" and path.name != ".DS_Store"]
    files = sorted(path for path in places if path.is_file() and "__pycache__" not in path.parts)
    files += [real / "Annotations.txt"] if real else []
    code = [*(ROOT / "vscg").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    return value_hash([code_hash(code), [file_sum(file) for file in files], _installed(),
                       sys.version, device.processor()[0], device.cores(), device.usable_device().type, fingerprint])


@functools.cache
def _installed() -> list[str]:
    return sorted(f"{found.name}=={found.version}" for found in metadata.distributions())


def clean(notebook: nbformat.NotebookNode) -> None:
    """Takes out, in place, whatever differs between two runs of the same notebook or does not belong on a page."""
    for name in ("papermill", "language_info", "widgets"):
        notebook.metadata.pop(name, None)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"c{number:02d}"
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]
        if cell.cell_type == "code":
            cell.outputs = _outputs(cell.outputs)


def _outputs(outputs: list) -> list:
    """Outputs without progress bars, stderr and addresses in memory; text that the kernel sent in pieces is joined."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr" or WIDGET in output.get("data", {}):
            continue
        if "text/plain" in output.get("data", {}):
            output.data["text/plain"] = re.sub(" at 0x[0-9a-f]+", "", output.data["text/plain"])
        if kept and output.output_type == "stream" == kept[-1].output_type:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def _missing_figures(notebook: nbformat.NotebookNode) -> list[str]:
    """Figures whose cell shows no picture, unless it prints a line that says why."""
    missing = []
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("mystnb", {}):
            shown = [kind for output in cell.outputs for kind in output.get("data", {})]
            if not any(kind.startswith("image/") for kind in shown) and (shown or not cell.outputs):
                missing.append(cell.metadata.mystnb.figure.name)
    return missing


def execute(source: Path, target: Path, parameters: dict) -> None:
    """Runs a text source with `parameters` and writes the executed notebook to `target`.

    Raises NotebookFailed when a cell fails or a figure is missing; the notebook up to there is kept beside `target` as
    NN_name.failed.ipynb.
    """
    make_folder(target.parent)
    failed = target.with_name(f"{source.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    def run() -> nbformat.NotebookNode:
        return papermill.execute_notebook(
            jupytext.read(source), failed, parameters, kernel_name="python3", cwd=source.parent, progress_bar=False,
            start_timeout=START, config=KERNEL,
            shutdown_kernel="immediate")         # else it is interrupted first, and may print that it was

    try:
        with known_environment():
            try:
                notebook = run()
            except RuntimeError as error:
                if NO_START not in str(error):
                    raise
                notebook = run()
    except papermill.PapermillExecutionError as error:
        raise NotebookFailed(
            f"{source.name} stopped in cell In [{error.exec_count}] with {error.ename}: {error.evalue}\n\n"
            f"{error.source}\n\nThe notebook up to there: {failed}") from error
    except OSError as error:             # of the disk
        raise write_error(failed, error) from error
    except RuntimeError as error:        # it died, or never answered
        raise NotebookFailed(f"{source.name}: its Python process died, most often for want of memory.\n"
                             f"The notebook up to there: {failed}") from error
    clean(notebook)
    if missing := _missing_figures(notebook):
        raise NotebookFailed(f"{source.name}: no picture came of {', '.join(missing)}.\nThe notebook: {failed}")
    write_atomically(target, (nbformat.writes(notebook) + "\n").encode())
    failed.unlink()


def is_current(source: Path, folder: Path, parameters: dict, state: str) -> bool:
    """Whether the notebook in `folder` was made from the same source, parameters and state."""
    return (folder / f"{source.stem}.ipynb").is_file() \
        and read_note(folder / f"{source.stem}.json").get("key") == run_key(source, parameters, state)


def execute_noted(source: Path, folder: Path, parameters: dict) -> dict:
    """Executes into `folder`; returns what NN_name.json beside the notebook is to say, still without a key.

    A notebook that fails leaves its note there, so that the status page names it; it runs again next time.
    """
    note, start = folder / f"{source.stem}.json", time.monotonic()
    note.unlink(missing_ok=True)
    values = {"result": "ok", "parameters": default_parameters(source, ("DATA", "PROFILE")) | parameters}
    try:
        execute(source, folder / f"{source.stem}.ipynb", parameters)
    except NotebookFailed as error:
        values |= {"result": "failed", "error": str(error).splitlines()[0]}
        raise
    finally:
        values |= {"seconds": round(time.monotonic() - start, 1), **stamp(device.usable_device())}
        if values["result"] == "failed":
            write_note(note, values)
    return values


def stamp(where: torch.device) -> dict:
    """Where, when and with which versions something is computed."""
    return {"device": device.device_name(where),
            "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "vscg": vscg.__version__}}


def write_note(path: Path, values: dict) -> None:
    """Writes a note beside a notebook."""
    make_folder(path.parent)
    write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())


def read_note(path: Path) -> dict:
    """What the last run of a notebook left beside it; empty if it never ran."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def elsewhere() -> dict[str, str]:
    """Chapters whose committed page stays, for what it shows is not here: number to a folder for their own run."""
    return ({"01": "without-ave"} if ave_dir() is None else {}) | (
        {} if weights.present(*SMALL) else {"24": "without-networks"})


def main(numbers: list[str]) -> int:
    """Executes the sources with their default parameters into the .ipynb beside them."""
    known = {source.name[:2]: source for source in sources()}
    if unknown := sorted(set(numbers) - set(known)):
        print(f"No notebook starts with {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    for number in numbers or known:
        source, start = known[number], time.monotonic()
        if number in elsewhere():
            missing = ("the real files, and VSCG_AVE_DIR names none" if number == "01"
                       else "two networks that are not here")
            print(f"{source.stem:32} kept: its outputs come from {missing}")
            continue
        try:
            execute(source, source.with_suffix(".ipynb"), {})
        except (vscg.VscgError, NotebookFailed) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(f"interrupted; the notebooks up to {source.stem} are as they were, or new", file=sys.stderr)
            return 130
        print(f"{source.stem:32} {time.monotonic() - start:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
