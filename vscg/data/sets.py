"""Data sets by name: the planted ones, made on first use, and the real one, prepared on first use."""
from os import PathLike
from pathlib import Path

from vscg.data import planted
from vscg.data.dials import turned
from vscg.data.labels import labels_from_annotations
from vscg.data.prepare import prepare_ave
from vscg.data.prepared import SPLITS, Dataset, read_fingerprint, read_prepared
from vscg.errors import VscgError
from vscg.machine.files import ave_dir, ave_place, data_dir, locked

__all__ = ["Dataset", "dataset_fingerprint", "labels_from_annotations", "load_dataset", "prepared_file"]
PLANTED = {"planted-mini": "mini", "planted": "full"}
NAMES = (*PLANTED, "ave")
MOST = 10**6             # of any dial; that many clips would take 490 GB
LONGEST = 200            # characters of a name, which becomes a file's


def prepared_file(name_or_path: str | PathLike) -> Path:
    """The prepared file of a data set, made first if it is not there yet.

    A planted set is generated, again after a change of its generator, and "ave" is prepared from the official files.
    A planted name may set dials: "planted-mini:ambiguity=0.7".

    Raises:
        VscgError: an unknown name or dial, official files that are missing, or a damaged file.
    """
    name, colon, dials = str(name_or_path).partition(":")
    if len(dials) > LONGEST:
        raise VscgError(f"{str(name_or_path)[:LONGEST]}...: no name of a data set is that long")
    if name not in NAMES or (colon and name not in PLANTED):
        if not _is_file(Path(name_or_path)):
            raise VscgError(f"{str(name_or_path)[:LONGEST]}: no such data set or file; the data sets are "
                            f"{', '.join(NAMES)}")
        return Path(name_or_path)
    path = data_dir() / f"{str(name_or_path).replace(':', '-')}.h5"
    if name in PLANTED:
        changes = _dials(str(name_or_path), dials) if colon else {}
        wanted = planted.fingerprint(PLANTED[name], dials=turned(PLANTED[name], changes))
        if not _holds(path, wanted):                       # a file that is there may lie where nothing can be written
            with locked(data_dir()):
                if not _holds(path, wanted):               # another process may have made it in the meantime
                    planted.generate(path, size=PLANTED[name], **changes)
    elif not path.is_file():
        folder = ave_dir()
        if folder is None:
            place = ave_place()
            raise VscgError(f"{path}: not prepared yet, and there is no Annotations.txt in {place}; get the files with "
                            f"`python -m vscg data download {place}`, or name their folder in VSCG_AVE_DIR")
        with locked(data_dir()):
            if not path.is_file():                         # as above
                prepare_ave(folder, path)
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):        # longer than a file's name can be, or with a zero byte in it
        return False


def _holds(path: Path, fingerprint: str) -> bool:
    """Whether a generated file is there with this data; what an older generator wrote is other data."""
    try:
        return path.is_file() and read_fingerprint(path) == fingerprint
    except VscgError as error:
        raise VscgError(f"{error}. This file is a generated one: delete it, and it is made again.") from error


def _dials(name: str, text: str) -> dict[str, float]:
    """The dials of a planted name: "ambiguity=0.7,group=1" to a mapping."""
    changes = {}
    for part in text.split(","):
        dial, _, value = part.partition("=")
        if dial in changes:
            raise VscgError(f"{name}: the dial {dial!r} is there twice; give each once")
        if dial in SPLITS and not value.isdecimal():
            raise VscgError(f"{name}: {part!r} needs a whole number of clips")
        try:
            changes[dial] = int(value) if dial in SPLITS else float(value)
        except ValueError:
            raise VscgError(f"{name}: the dial {part!r} has no number; write planted-mini:ambiguity=0.7") from None
        if part != part.strip() or not 0 <= changes[dial] <= MOST:       # not a number is not in a range either
            raise VscgError(f"{name}: the dial {part!r} is out of range; give a number from 0 to {MOST}")
    if changes.get("train") == 0:
        raise VscgError(f"{name}: train is 0; a data set needs clips to train on")
    return changes


def load_dataset(name_or_path: str | PathLike) -> Dataset:
    """Loads "planted-mini", "planted", "ave", or the prepared file at a path, into memory.

    Raises VscgError as `prepared_file` and `read_prepared`.
    """
    return read_prepared(prepared_file(name_or_path))


def dataset_fingerprint(name_or_path: str | PathLike) -> str:
    """The fingerprint of a data set, without reading its features; made first as by `load_dataset`."""
    return read_fingerprint(prepared_file(name_or_path))
