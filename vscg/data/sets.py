"""Data sets by name: the planted ones, made on first use, and the real one, prepared on first use."""
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from vscg.data import ave, planted
from vscg.data.prepared import SPLITS, Dataset, made_prepared, read_fingerprint, read_prepared
from vscg.errors import VscgError, choose
from vscg.machine.files import ave_dir, ave_place, data_dir

PLANTED = {name: size for size, name in planted.NAMES.items()}       # names to sizes
NAMES = (*PLANTED, "ave")
MOST = 10**6             # of any dial; that many clips would take 508 GB
WHOLE = (*SPLITS, "seed")
LONGEST = 200            # characters of a name, which becomes a file's


def load_dataset(name_or_path: str | PathLike) -> Dataset:
    """Loads "planted-mini", "planted-study", "planted", "ave", or the prepared file at a path, into memory.

    The dials that a planted name sets stay in the data set's name. Raises VscgError as `prepared_file` and
    `read_prepared`.
    """
    data, whole = read_prepared(prepared_file(name_or_path)), str(name_or_path)
    return replace(data, name=whole) if ":" in whole and whole.partition(":")[0] in PLANTED else data


def dataset_fingerprint(name_or_path: str | PathLike) -> str:
    """The fingerprint of a data set, without reading its features; a planted one need not have been made.

    Raises VscgError as `prepared_file`, which prepares "ave" if need be, and `read_prepared`.
    """
    if str(name_or_path).partition(":")[0] in PLANTED:
        size, seed, changes = _drawn(str(name_or_path))
        return planted.fingerprint(size, seed, planted.turned(size, changes))
    return read_fingerprint(prepared_file(name_or_path))


def prepared_file(name_or_path: str | PathLike) -> Path:
    """The prepared file of a data set, made first if it is not there yet.

    A planted set is generated, again after a change of its generator, and "ave" is prepared from the official files,
    again if their folder holds others now. A planted name may set dials and the seed that it is drawn from, 0 by
    default: "planted-mini:ambiguity=0.7,seed=1". VscgError: an unknown name or dial, missing files, or a damaged one.
    """
    whole = str(name_or_path)
    name, _, dials = whole.partition(":")
    if len(dials) > LONGEST:
        raise VscgError(f"{whole[:LONGEST]}...: no name of a data set is that long")
    if name in PLANTED:
        size, seed, changes = _drawn(whole)
        file, wanted = data_dir() / f"{whole.replace(':', '-')}.h5", dataset_fingerprint(whole)
        return made_prepared(file, lambda path: read_fingerprint(path) == wanted,
                             lambda path: planted.generate(path, size=size, seed=seed, **changes))
    if whole == "ave":
        return _ave(data_dir() / "ave.h5")
    with suppress(OSError, ValueError):        # longer than a file's name can be, or with a zero byte in it
        if Path(name_or_path).is_file():
            return Path(name_or_path)
    raise VscgError(f"{whole[:LONGEST]}: no such data set or file; the data sets are {', '.join(NAMES)}")


def dials_of(name: str) -> dict[str, float]:
    """The dials of a planted name: "planted-mini:ambiguity=0.7,seed=1" to a mapping; VscgError for what is none."""
    changes = {}
    for part in name.partition(":")[2].split(","):
        dial, _, value = part.partition("=")
        if dial in changes:
            raise VscgError(f"{name}: the dial {dial!r} is there twice; give each once")
        if dial in WHOLE and not value.isdecimal():
            raise VscgError(f"{name}: {part!r} needs a whole number{' of clips' * (dial in SPLITS)}")
        try:
            changes[dial] = int(value) if dial in WHOLE else float(value)
        except ValueError:
            raise VscgError(f"{name}: the dial {part!r} has no number; write planted-mini:ambiguity=0.7") from None
        if part != part.strip() or not 0 <= changes[dial] <= MOST:       # not a number is not in a range either
            raise VscgError(f"{name}: the dial {part!r} is out of range; give a number from 0 to {MOST}")
    if changes.get("train") == 0:
        raise VscgError(f"{name}: train is 0; a data set needs clips to train on")
    return changes


def _drawn(name: str) -> tuple[str, int, dict[str, float]]:
    """Of a planted name its size, the seed that it is drawn from, and the other dials; VscgError as `dials_of`."""
    changes = dials_of(name) if ":" in name else {}
    return PLANTED[name.partition(":")[0]], changes.pop("seed", 0), changes


def silent_objects(name: str, rows: Iterable[int]) -> np.ndarray:
    """Where clips `rows` of a planted data set have an object that makes no sound, (R,7,7) bool.

    The file of planted-mini does not hold it. `name` may have dials. VscgError: another name, or as `dials_of`.
    """
    choose("planted data set", name.partition(":")[0], PLANTED)
    size, seed, changes = _drawn(name)
    dials = planted.turned(size, changes)
    return np.stack([planted.silent_object(dials, seed, int(row)) for row in rows])


def _ave(path: Path) -> Path:
    folder, place = ave_dir(), ave_place()

    def make(path: Path) -> None:
        if folder is None:
            raise VscgError(f"{path}: not prepared yet, and there is no Annotations.txt in {place}; get the files with "
                            f"`python -m vscg data download {place} --features`, or name their folder in VSCG_AVE_DIR")
        ave.prepare_ave(folder, path)

    return made_prepared(path, lambda path: folder is None or ave.made_from(path, folder), make)

