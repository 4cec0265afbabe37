"""Sphinx extension: brings the notebooks under book/, because a table of contents cannot reach outside of it.

For every notebooks/NN_name.py the page is the executed notebook in the folder that VSCG_BOOK_RUN names, else the
committed notebooks/NN_name.ipynb. Only what differs is copied, so an unchanged page is not built again. Links to the
book's other pages, which are under ../book/ beside the notebooks, are one folder nearer here.
"""
import os
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

from vscg.machine.files import write_atomically


def mirror(sources: Path, run: Path | None, target: Path) -> None:
    """Makes `target` hold exactly one notebook for each text source in `sources`."""
    target.mkdir(exist_ok=True)
    names = [source.stem for source in sorted(sources.glob("[0-9][0-9]_*.py"))]
    for present in target.iterdir():
        if present.is_dir():                       # of Jupyter, which was opened there
            shutil.rmtree(present)
        elif present.stem not in names:
            present.unlink()
    for name in names:
        places = [folder / f"{name}.ipynb" for folder in (run, sources) if folder]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise ExtensionError(f"notebooks/{name}.py has not been executed; `make notebooks` writes {name}.ipynb")
        content, page = found.read_bytes().replace(b"](../book/", b"](../"), target / f"{name}.ipynb"
        if not page.is_file() or page.read_bytes() != content:
            write_atomically(page, content)


def setup(app) -> dict:
    """Mirrors before the table of contents is read."""
    run = os.environ.get("VSCG_BOOK_RUN")
    book = Path(app.srcdir)
    app.connect("config-inited",
                lambda app, config: mirror(book.parent / "notebooks", Path(run) if run else None, book / "notebooks"))
    return {"version": "1", "parallel_read_safe": True}
