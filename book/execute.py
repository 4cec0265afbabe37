"""Runs the notebooks. As a command it rewrites the committed notebooks/NN_name.ipynb from their text sources.

    python book/execute.py            every notebook
    python book/execute.py 03 05      only these
"""
import ast
import hashlib
import sys
import time
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from traitlets.config import Config

from vscg import paths
from vscg.files import write_atomically
from vscg.fingerprint import code_hash, value_hash

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


def changed_parameters(source: Path, wanted: dict) -> dict:
    """Those of `wanted` that the notebook has in its `parameters` cell with another default."""
    defaults = papermill.inspect_notebook(jupytext.read(source))
    return {name: value for name, value in wanted.items()
            if name in defaults and ast.literal_eval(defaults[name]["default"]) != value}


def run_key(source: Path, parameters: dict, data: str = "") -> str:
    """SHA-256 over all that an executed notebook depends on.

    Its source, its parameters, the package's code, the pinned versions, the real labels and `data`, the data set's
    fingerprint.
    """
    real = paths.ave_dir()
    files = [source, ROOT / "requirements.lock", *([real / "Annotations.txt"] if real else [])]
    return value_hash([parameters, data, code_hash((ROOT / "vscg").rglob("*.py")),
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
    target.parent.mkdir(parents=True, exist_ok=True)
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
    """Executes into `folder` unless the notebook there was made from the same key; returns whether it was executed."""
    target, stored = folder / f"{source.stem}.ipynb", folder / f"{source.stem}.key"
    key = run_key(source, parameters, data)
    if target.is_file() and stored.is_file() and stored.read_text() == key:
        return False
    stored.unlink(missing_ok=True)
    execute(source, target, parameters)
    write_atomically(stored, key.encode())
    return True


def main(numbers: list[str]) -> int:
    """Executes the sources with their default parameters into the .ipynb beside them."""
    known = {source.name[:2]: source for source in sources()}
    if unknown := sorted(set(numbers) - set(known)):
        print(f"No notebook starts with {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    for number in numbers or known:
        source, start = known[number], time.monotonic()
        if number == "01" and paths.ave_dir() is None:
            print(f"{source.stem:32} kept: its outputs come from the real files, and VSCG_AVE_DIR names none")
            continue
        try:
            execute(source, source.with_suffix(".ipynb"), {})
        except NotebookFailed as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"{source.stem:32} {time.monotonic() - start:6.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
