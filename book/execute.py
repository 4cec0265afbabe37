"""Runs the notebooks. As a command it rewrites the committed notebooks/NN_name.ipynb from their text sources.

    python book/execute.py            every notebook
    python book/execute.py 03 05      only these
"""
import ast
import datetime
import hashlib
import json
import platform
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
import papermill
import torch
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

import vscg
from vscg.machine import device
from vscg.machine.files import ave_dir, code_hash, make_folder, value_hash, write_atomically

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
# ipykernel announces at every start that its sockets on this machine are not encrypted.
KERNEL = Config({"KernelManager": {"transport_encryption": "auto"}})


class NotebookFailed(Exception):
    """A notebook did not run to its end: the message names it, the cell and the error."""


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


def run_key(source: Path, parameters: dict, data: str = "") -> str:
    """SHA-256 over all that an executed notebook depends on.

    Its source, its parameters, the code of the package and of the benchmarks, the pinned versions, the committed
    records, the real labels and `data`, the data set's fingerprint.
    """
    real = ave_dir()
    files = [source, ROOT / "requirements.lock", *sorted((ROOT / "book" / "records").glob("*.json")),
             *([real / "Annotations.txt"] if real else [])]
    code = [*(ROOT / "vscg").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    return value_hash([parameters, data, code_hash(code),
                       [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]])


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
    """Outputs without progress bars and stderr; text that the kernel sent in pieces is joined."""
    kept = []
    for output in outputs:
        if output.get("name") == "stderr" or WIDGET in output.get("data", {}):
            continue
        if kept and output.output_type == "stream" == kept[-1].output_type:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def execute(source: Path, target: Path, parameters: dict) -> None:
    """Runs a text source with `parameters` and writes the executed notebook to `target`.

    Raises NotebookFailed when a cell fails; the notebook up to there is kept beside `target` as NN_name.failed.ipynb.
    """
    make_folder(target.parent)
    failed = target.with_name(f"{source.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    try:
        notebook = papermill.execute_notebook(
            jupytext.read(source), failed, parameters, kernel_name="python3", cwd=source.parent,
            progress_bar=sys.stderr.isatty(), config=KERNEL)
    except papermill.PapermillExecutionError as error:
        raise NotebookFailed(
            f"{source.name} stopped in cell In [{error.exec_count}] with {error.ename}: {error.evalue}\n\n"
            f"{error.source}\n\nThe notebook up to there: {failed}") from error
    except DeadKernelError as error:
        raise NotebookFailed(f"{source.name}: its Python process died, most often for want of memory.\n"
                             f"The notebook up to there: {failed}") from error
    clean(notebook)
    write_atomically(target, (nbformat.writes(notebook) + "\n").encode())
    failed.unlink()


def reuse_or_execute(source: Path, folder: Path, parameters: dict, data: str = "") -> bool:
    """Executes into `folder` unless the notebook there was made from the same key; returns whether it was executed.

    NN_name.json beside the notebook says how that went, for the key and for the status page; see `_note`.
    """
    target, note = folder / f"{source.stem}.ipynb", folder / f"{source.stem}.json"
    key = run_key(source, parameters, data)
    if target.is_file() and read_note(note).get("key") == key:
        return False
    note.unlink(missing_ok=True)
    shown = default_parameters(source, ("DATA", "PROFILE")) | parameters
    start = time.monotonic()
    try:
        execute(source, target, parameters)
    except NotebookFailed as error:
        # Without a key: it runs again next time.
        _note(note, {"result": "failed", "error": str(error).splitlines()[0]}, shown, time.monotonic() - start)
        raise
    _note(note, {"result": "ok", "key": key}, shown, time.monotonic() - start)
    return True


def read_note(path: Path) -> dict:
    """What the last run of a notebook left beside it; empty if it never ran or what is there is no JSON object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _note(path: Path, outcome: dict, parameters: dict, seconds: float) -> None:
    """Writes the outcome ("ok" with the key, or "failed" with the error), parameters, time (s), device, versions."""
    values = outcome | {
        "parameters": parameters, "seconds": round(seconds, 1),
        "device": device.device_name(torch.device(device.best_device())),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "vscg": vscg.__version__}}
    make_folder(path.parent)
    write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())


def main(numbers: list[str]) -> int:
    """Executes the sources with their default parameters into the .ipynb beside them."""
    known = {source.name[:2]: source for source in sources()}
    if unknown := sorted(set(numbers) - set(known)):
        print(f"No notebook starts with {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    for number in numbers or known:
        source, start = known[number], time.monotonic()
        if number == "01" and ave_dir() is None:
            print(f"{source.stem:32} kept: its outputs come from the real files, and VSCG_AVE_DIR names none")
            continue
        try:
            execute(source, source.with_suffix(".ipynb"), {})
        except (vscg.VscgError, NotebookFailed) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"{source.stem:32} {time.monotonic() - start:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
