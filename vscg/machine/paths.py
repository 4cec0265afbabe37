"""Where the book keeps what it generates: data sets and run records."""
import os
from pathlib import Path

from vscg.errors import VscgError


def expanded(path: str | os.PathLike) -> Path:
    """A path with `~` and `~name` as the folder that they stand for; VscgError if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise VscgError(f"{path}: no home folder is known for what it begins with; write the path in full") from error


def home() -> Path:
    """Folder that holds `data/` and `runs/`: `VSCG_HOME` if set, else the checkout, else the working directory."""
    if os.environ.get("VSCG_HOME"):
        return expanded(os.environ["VSCG_HOME"]).resolve()
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_dir() -> Path:
    """Prepared data sets, one HDF5 file each."""
    return home() / "data"


def runs_dir() -> Path:
    """Run records, one folder per run key."""
    return home() / "runs"


def ave_place() -> Path:
    """Where the official AVE files are looked for: `VSCG_AVE_DIR` if set, else `data/ave`, as in `data download`."""
    named = os.environ.get("VSCG_AVE_DIR")
    return expanded(named).resolve() if named else data_dir() / "ave"


def ave_dir() -> Path | None:
    """Folder with the official AVE files, `ave_place`, if they are there."""
    folder = ave_place()
    return folder if (folder / "Annotations.txt").is_file() else None
