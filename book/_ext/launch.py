"""Sphinx extension: launch buttons for Binder and Colab, where the book has a public address.

The address is VSCG_REPOSITORY or, in a GitHub workflow, what GITHUB_SERVER_URL and GITHUB_REPOSITORY make. Without
one there are no buttons. With one, each notebook gets a copy under launch/ in the built site, whose first cell installs
the package from that address. The workflow publishes the site on the branch gh-pages, and the buttons open the copies
there.
"""
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import nbformat
from sphinx.errors import ExtensionError

from vscg.machine.files import make_folder, write_atomically

BRANCH, FOLDER = "gh-pages", "launch"
INTRO = """\
**Opened from the book's site.** The next cell installs the book's package and what is missing of other packages, and
generates the small data set. What is here already, such as Colab's PyTorch, stays. The first time this takes a minute
or two. The outputs below come from the site; running a cell replaces them."""
CELL = """\
# Installs what is missing and leaves what is here as it is, then makes the data set.
import importlib.util
import subprocess
import sys
from importlib import metadata
from pathlib import Path

PINS = \"\"\"{pins}\"\"\".split()
if importlib.util.find_spec("vscg") is None:
    here = {{dist.name.lower().replace("_", "-") for dist in metadata.distributions()}}
    missing = [pin for pin in PINS if pin.split("==")[0] not in here]
    pip = [sys.executable, "-m", "pip", "install", "-q"]
    if missing:
        subprocess.run([*pip, *missing], check=True)
    subprocess.run([*pip, "--no-deps", "--src", "src",
                    "-e", "git+{address}.git#egg=vscg"], check=True)
    sys.path.insert(0, str(Path("src/vscg").resolve()))   # else found after a restart only

import vscg

print(vscg.load_dataset("planted-mini").name, "is ready")"""
# What the notebooks import.
NEEDED = ("av", "dask", "distributed", "gdown", "h5py", "ipywidgets", "jupytext", "matplotlib", "myst-nb", "numpy",
          "pandas", "papermill", "safetensors", "scipy", "seaborn", "torch", "tqdm")
# Binder installs the pinned versions before it opens a notebook, with the small build of torch: it has no GPU.
PIP, CPU_BUILD = "  - pip:\n", "      - --extra-index-url https://download.pytorch.org/whl/cpu\n"


def repository(environment: Mapping[str, str]) -> str | None:
    """The repository's public address, https://github.com/OWNER/NAME; None if the environment names none.

    Raises:
        ExtensionError: an address of another form; Binder and Colab both open repositories on GitHub.
    """
    address = environment.get("VSCG_REPOSITORY")
    if not address and environment.get("GITHUB_REPOSITORY"):
        address = f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{environment['GITHUB_REPOSITORY']}"
    if not address:
        return None
    address = address.rstrip("/").removesuffix(".git")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ExtensionError(f"VSCG_REPOSITORY is {address!r}: launch buttons need https://github.com/OWNER/NAME; "
                             "leave it empty for a site without them")
    return address


def first_cell(address: str, lock: str) -> str:
    """The code that installs the package, and what it needs as `lock` pins it, and makes the data."""
    pins = [line for line in lock.splitlines() if line.partition("==")[0] in NEEDED]
    return CELL.format(address=address, pins="\n".join(pins))


def write_copies(notebooks: Path, root: Path, site: Path, address: str | None) -> None:
    """Makes launch/ and binder/environment.yml in the built site; without an address, makes sure there are none.

    Args:
        root: folder of environment.yml and requirements.lock.
    """
    for folder in (site / FOLDER, site / "binder"):
        shutil.rmtree(folder, ignore_errors=True)
    if address is None:
        return
    target = site / FOLDER / "notebooks"
    make_folder(target)
    code = first_cell(address, (root / "requirements.lock").read_text(encoding="utf-8"))
    for page in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(page, 4)
        notebook.cells[:0] = [nbformat.v4.new_markdown_cell(INTRO, id="launch-0"),
                              nbformat.v4.new_code_cell(code, id="launch-1")]
        write_atomically(target / page.name, (nbformat.writes(notebook) + "\n").encode())
    make_folder(site / "binder")
    text = (root / "environment.yml").read_text(encoding="utf-8").replace(PIP, PIP + CPU_BUILD)
    write_atomically(site / "binder" / "environment.yml", text.encode())


def setup(app) -> dict:
    """Buttons when the configuration is read, copies when the site is written."""
    address = repository(os.environ)

    def configure(app, config) -> None:
        if address:         # each notebook's buttons open its copy in the published site
            config.html_theme_options.update({
                "repository_url": address, "repository_branch": BRANCH, "path_to_docs": FOLDER,
                "launch_buttons": {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org",
                                   "colab_url": "https://colab.research.google.com"}})

    def finish(app, error) -> None:
        if error is None and app.builder.format == "html":
            book = Path(app.srcdir)
            write_copies(book / "notebooks", book.parent, Path(app.outdir), address)

    app.connect("config-inited", configure)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True}
