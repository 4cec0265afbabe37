"""Where the tests and the notebooks find the real AVE files, and what is skipped without them."""
import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent
NEARBY = ROOT.parent / "shared" / "data" / "ave"

if "VSCG_AVE_DIR" not in os.environ and (NEARBY / "Annotations.txt").is_file():
    os.environ["VSCG_AVE_DIR"] = str(NEARBY)

# A shell starts background jobs with Ctrl-C ignored, and processes pass that on; the tests send it and mean it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Skips the committed notebook that shows the real data set where its files are not here."""
    from vscg.machine.files import ave_dir

    skip = pytest.mark.skip(reason="the real AVE files are not here (set VSCG_AVE_DIR)")
    for item in items if ave_dir() is None else ():
        if item.path.parent == ROOT / "notebooks" and item.path.name.startswith("01_"):
            item.add_marker(skip)
