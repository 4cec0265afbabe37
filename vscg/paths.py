"""Where the book keeps what it generates: data sets and run records."""
import os
from pathlib import Path


def home() -> Path:
    """Folder that holds `data/` and `runs/`: `VSCG_HOME` if set, else the checkout, else the working directory."""
    if os.environ.get("VSCG_HOME"):
        return Path(os.environ["VSCG_HOME"]).expanduser().resolve()
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_dir() -> Path:
    """Prepared data sets, one HDF5 file each."""
    return home() / "data"


def runs_dir() -> Path:
    """Run records, one folder per run key."""
    return home() / "runs"


def ave_dir() -> Path | None:
    """Folder with the official AVE files, `VSCG_AVE_DIR`; else `data/ave` where `data download` puts them, if there."""
    named = os.environ.get("VSCG_AVE_DIR")
    folder = Path(named).expanduser().resolve() if named else data_dir() / "ave"
    return folder if (folder / "Annotations.txt").is_file() else None
