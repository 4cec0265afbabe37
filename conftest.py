"""Where the tests and the notebooks find the real AVE files, and what is skipped without them."""
import os
import re
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
TABLE = re.compile(r"(1[0-8]|20)_")     # notebooks that show runs of the standard profile
NEARBY = ROOT.parent / "shared" / "data" / "ave"

if "VSCG_AVE_DIR" not in os.environ and (NEARBY / "Annotations.txt").is_file():
    os.environ["VSCG_AVE_DIR"] = str(NEARBY)

# A shell starts background jobs with Ctrl-C ignored, and processes pass that on; the tests send it and mean it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Skips the committed notebooks whose outputs cannot be had here without hours of work or the real files.

    Notebook 01 shows the real data set. The notebooks of tables show the runs of the standard profile; where these are
    not all there, `make test` checks the copies that `make book` made from the quick runs.
    """
    from tests.standard import standard_runs_are_here
    from vscg.machine.files import ave_dir

    committed = [item for item in items if item.path.parent == ROOT / "notebooks"]
    tables = [item for item in committed if TABLE.match(item.path.name)]
    skipped = {"the real AVE files are not here (set VSCG_AVE_DIR)":
               [item for item in committed if item.path.name.startswith("01_")] if ave_dir() is None else [],
               "the standard runs are not all here: python -m vscg sweep --profile standard":
               tables if tables and not standard_runs_are_here() else []}
    for reason, some in skipped.items():
        for item in some:
            item.add_marker(pytest.mark.skip(reason=reason))
