"""A folder of per-clip arrays and an annotation table, made one prepared file of whatever sizes the arrays have."""
import hashlib
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vscg.data.ave import Report, split_lines
from vscg.data.labels import CATEGORIES, Dims
from vscg.data.prepared import ID_LENGTH, NAME_LENGTH, PreparedWriter, array, check_target, opened
from vscg.data.tables import Mark, read_tables
from vscg.errors import VscgError
from vscg.machine.files import file_sum

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")
MODALITIES = ("visual", "audio")
BACKGROUND = "background"                # the category of a clip without event, in small letters


def prepare_folder(folder: str | PathLike, tables: Sequence[str | PathLike], target: str | PathLike,
                   visual_dtype: str = "float16", progress: bool = True) -> Report:
    """Makes a prepared file of one's own features; sizes and categories are those of the arrays and of the table.

    The features of a clip are `visual/ID.npy` and `audio/ID.npy` in the folder, or `ID.npz` or `ID.h5` that hold
    `visual` and `audio`; `.npz` and `.h5` in the two folders hold one array each. Visual features are (T,G,G,D), or
    (T,G*G,D), or (T,D), a map of one region; audio features are (T,D). Rows keep the tables' order, a video that is
    annotated twice gets two. Categories are AVE's if there are no others, else they are numbered in the order in which
    they first appear; "background" is none: such clips of the training split become the split "background".

    Args:
        folder: of the arrays.
        tables: as `tables.read_tables`.
        target: the HDF5 file.
        visual_dtype: float16 or float32.
        progress: show a bar.

    Returns:
        What was written; lines without arrays are left out, and `absent` names their clips.

    Raises:
        VscgError: as `read_tables`; no array at all, or one that cannot be read, is not finite or has other sizes than
            the first clip's; with file and line.
    """
    folder, target = Path(folder), Path(target)
    check_target(target)
    everything = read_tables(tables)
    if not folder.is_dir():
        raise VscgError(f"{folder}: no such folder; name the folder of the clips' arrays")
    marks = [mark for mark in everything if all(_file(folder, mark.video_id, kind) for kind in MODALITIES)]
    if not marks:
        name = everything[0].video_id if everything else "ID"
        raise VscgError(f"{folder}: no arrays of any of the {len(everything)} lines of {tables[0]}; expected are such "
                        f"as visual/{name}.npy and audio/{name}.npy, or {name}.npz with both ({', '.join(SUFFIXES)})")
    dims = _dims(folder, marks)
    numbers = {name: number for number, name in enumerate(dims.categories)}
    category = np.array([numbers.get(mark.category, dims.background) for mark in marks])
    sources, digest = {Path(path).name: file_sum(Path(path)) for path in tables}, hashlib.sha256()
    with (PreparedWriter(target, len(marks), target.stem, visual_dtype=visual_dtype, dims=dims) as writer,
          tqdm(total=len(marks), desc=f"prepare {target.name}", unit="clip",
               disable=None if progress else True) as bar):
        for mark, number in zip(marks, category, strict=True):
            visual, audio = (read_array(folder, mark.video_id, kind) for kind in MODALITIES)
            for kind, values in (("visual", visual), ("audio", audio)):
                if values.shape != dims.rows()[kind]:
                    raise VscgError(f"{_file(folder, mark.video_id, kind)}: {kind} features of shape {values.shape}, "
                                    f"those of the first clip have {dims.rows()[kind]}")
            if np.abs(visual).max() > np.finfo(visual_dtype).max:
                raise VscgError(f"{_file(folder, mark.video_id, 'visual')}: too large for {visual_dtype}; prepare with "
                                "float32")
            event = mark.events(dims.segments) & (number != dims.background)
            labels = np.eye(dims.classes)[np.where(event, number, dims.background)]
            writer.append(visual[None], audio[None], labels[None], [number], [_id(mark)])
            for values in (visual, audio, labels):
                digest.update(np.ascontiguousarray(values))
            bar.update()
        splits = {name: np.array([row for row, mark in enumerate(marks) if mark.split == name], int)
                  for name in ("train", "val", "test")}
        empty = category[splits["train"]] == dims.background
        splits |= {"train": splits["train"][~empty], "background": splits["train"][empty]}
        digest.update(repr((dims, visual_dtype, [(mark.video_id, mark.split) for mark in marks])).encode())
        writer.sources, writer.fingerprint = sources, digest.hexdigest()
        writer.splits(**splits)
    kept = {mark.video_id for mark in marks}
    absent = tuple(dict.fromkeys(mark.video_id for mark in everything if mark.video_id not in kept))
    return Report(target, (
        f"{len(marks)} of {len(everything)} lines, {target.stat().st_size / 2**30:.2f} GiB, visual {visual_dtype}",
        f"sizes: {dims}", f"fingerprint {writer.fingerprint}",
        *([f"left out: {len(absent)} clips have no arrays, the first is {absent[0]}"] if absent else []),
        *split_lines([mark.video_id for mark in marks], category, splits)), absent)


def read_array(folder: Path, video_id: str, kind: str) -> np.ndarray:
    """The features of a clip: visual (T,G,G,D) or audio (T,D), as they are stored; VscgError for any other."""
    path = _file(folder, video_id, kind)
    own = path.parent.name != kind                         # one file for both modalities
    if path.suffix in (".h5", ".hdf5"):
        with opened(path) as handle:
            values = array(handle, path, _key(path, list(handle), kind, own), (None, None, ...))[()]
    else:
        try:
            values = np.load(path, allow_pickle=False)
            if path.suffix == ".npz":
                with values:
                    values = values[_key(path, values.files, kind, own)]
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise VscgError(f"{path}: cannot be read as an array of numbers ({error})") from error
    shape = values.shape
    if kind == "visual" and len(shape) == 2:
        values = values[:, None, None]
    elif kind == "visual" and len(shape) == 3 and (side := round(shape[1]**0.5))**2 == shape[1]:
        values = values.reshape(shape[0], side, side, shape[2])
    square = values.ndim == 4 and values.shape[1] == values.shape[2]
    if not (square if kind == "visual" else values.ndim == 2) or 0 in shape:
        raise VscgError(f"{path}: {kind} features of shape {shape}; expected (segments, size)"
                        + (", (segments, regions, size) or (segments, grid, grid, size)" if kind == "visual" else ""))
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise VscgError(f"{path}: the {kind} features are not all finite numbers ({values.dtype})")
    return values.astype(np.float32)


def _key(path: Path, keys: list[str], kind: str, own: bool) -> str:
    """The name of the array in a file of several: the modality's, or the only one that there is."""
    if kind in keys or own or len(keys) != 1:
        if kind not in keys:
            raise VscgError(f"{path}: no array {kind!r} in it, it has {', '.join(keys[:8]) or 'none'}")
        return kind
    return keys[0]


def _file(folder: Path, video_id: str, kind: str) -> Path | None:
    """Where the features of a clip are: in the modality's folder, or in one file for both; None if nowhere."""
    places = [folder / kind / f"{video_id}{suffix}" for suffix in SUFFIXES]
    places += [folder / f"{video_id}{suffix}" for suffix in SUFFIXES[1:]]
    return next((path for path in places if path.is_file()), None)


def _dims(folder: Path, marks: list[Mark]) -> Dims:
    """Sizes of the first clip's arrays, and the categories of all."""
    names = tuple(dict.fromkeys(mark.category for mark in marks if mark.category.lower() != BACKGROUND))
    names = CATEGORIES if set(names) <= set(CATEGORIES) else names
    if long := [name for name in names if len(name.encode()) > NAME_LENGTH]:
        raise VscgError(f"the category {long[0][:60]!r} is longer than {NAME_LENGTH} bytes; shorten it in the table")
    visual, audio = (read_array(folder, marks[0].video_id, kind) for kind in MODALITIES)
    if len(visual) != len(audio):
        raise VscgError(f"{folder}: the clip {marks[0].video_id} has {len(visual)} visual and {len(audio)} audio "
                        "segments")
    return Dims(audio.shape[1], visual.shape[3], visual.shape[1], len(visual), names)


def _id(mark: Mark) -> str:
    if len(mark.video_id.encode()) > ID_LENGTH:
        raise VscgError(f"{mark.where}: the video id is longer than {ID_LENGTH} bytes; shorten it")
    return mark.video_id
