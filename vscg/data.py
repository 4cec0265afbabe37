"""Data sets by name: the planted ones, made on first use, and the real one, prepared on first use."""
from os import PathLike
from pathlib import Path

from vscg import paths, planted
from vscg.errors import VscgError
from vscg.labels import labels_from_annotations
from vscg.prepare import prepare_ave
from vscg.prepared import Dataset, read_fingerprint, read_prepared

__all__ = ["Dataset", "labels_from_annotations", "load_dataset"]
PLANTED = {"planted-mini": "mini", "planted": "full"}
NAMES = (*PLANTED, "ave")


def load_dataset(name_or_path: str | PathLike) -> Dataset:
    """Loads "planted-mini", "planted", "ave", or the prepared file at a path, into memory.

    A planted set is generated, again after a change of its generator, and "ave" is prepared from the official files, if
    the prepared file is not there yet.
    Raises VscgError for an unknown name, for official files that are missing, and as `read_prepared`.
    """
    name = str(name_or_path)
    if name not in NAMES:
        if not Path(name).is_file():
            raise VscgError(f"{name}: no such data set or file; the data sets are {', '.join(NAMES)}")
        return read_prepared(name)
    path = paths.data_dir() / f"{name}.h5"
    if name in PLANTED:
        # What an older generator wrote is not this data set.
        if not path.is_file() or read_fingerprint(path) != planted.fingerprint(PLANTED[name]):
            planted.generate(path, size=PLANTED[name])
    elif not path.is_file():
        folder = paths.ave_dir()
        if folder is None:
            raise VscgError(f"{path}: not prepared yet, and there is no Annotations.txt in $VSCG_AVE_DIR or "
                            f"{paths.data_dir() / 'ave'}; get the files with `python -m vscg data download`")
        prepare_ave(folder, path)
    return read_prepared(path)
