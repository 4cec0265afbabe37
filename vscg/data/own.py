"""Features of one's own and an annotation table, made one prepared file of whatever sizes the features have."""
import hashlib
import unicodedata
from collections.abc import Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from vscg.data.ave import Report, category_lines, split_lines
from vscg.data.labels import CATEGORIES, Dims
from vscg.data.prepared import ID_LENGTH, NAME_LENGTH, array, is_prepared, opened, read_layout
from vscg.data.tables import Mark, read_tables
from vscg.data.writer import PreparedWriter, check_target
from vscg.errors import VscgError
from vscg.machine.files import file_sum

MOST = 2**28                             # bytes of a clip's array; AVE's pictures have 2 million
SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")
MODALITIES = ("visual", "audio")
NOT_EXTRACTED = "not a file that `extract` wrote; name the folder of the clips' arrays"
BACKGROUND = "background"                # the category of a clip without event, in small letters


def prepare_own(source: str | PathLike, tables: Sequence[str | PathLike], target: str | PathLike,
                visual_dtype: str = "float16") -> Report:
    """Makes a prepared file of one's own features; sizes and categories are those of the features and of the table.

    The features of a clip are `visual/ID.npy` and `audio/ID.npy` in a folder, or `ID.npz` or `ID.h5` that hold `visual`
    and `audio`; `.npz` and `.h5` in the two folders hold one array each. Visual features are (T,G,G,D), (T,G*G,D), or
    (T,D), a map of one region; audio features are (T,D). Or `source` is the file that `extract` wrote of clips of these
    names. Rows keep the order of `read_tables`, a video that is annotated twice gets two. Categories are AVE's if there
    are no others, else they are numbered as they appear; "background" is none: such clips of the training split become
    the split "background". `visual_dtype` is float16 or float32.

    Returns: What was written; lines without features are left out, and `absent` names their clips.
    Raises VscgError: as `read_tables`; no features at all, or some that cannot be read, are not finite or have other
        sizes than the first clip's; with file and line.
    """
    source, target = Path(source), Path(target)
    check_target(target)
    if source.is_file() and not h5py.is_hdf5(source):
        raise VscgError(f"{source}: {NOT_EXTRACTED}")
    if source.is_file() and target.is_file() and target.samefile(source):
        raise VscgError(f"{target}: holds the features themselves, which would be lost; name another file to write")
    everything = read_tables(tables)
    for mark in everything:
        if len(mark.video_id.encode()) > ID_LENGTH:
            raise VscgError(f"{mark.where}: the video id is longer than {ID_LENGTH} bytes; shorten it")
    with opened(source) if source.is_file() else nullcontext() as handle:
        features = _Extracted(source, handle) if handle else _Folder(source)
        marks = [mark for mark in everything if mark.video_id in features]
        if not marks:
            raise VscgError(f"{source}: no features of any of the {len(everything)} lines of {tables[0]}; expected are "
                            + features.EXPECTED.format(everything[0].video_id if everything else "ID"))
        dims = _dims(features, marks)
        numbers = {name: number for number, name in enumerate(dims.categories)}
        category = np.array([numbers.get(mark.category, dims.background) for mark in marks])
        digest, short, filled, beyond = hashlib.sha256(), 0, 0, 0
        # The name of another data set would be taken for that data set.
        name = f"own-{target.stem}" if target.stem.startswith(("ave", "planted")) else target.stem
        with (PreparedWriter(target, len(marks), name, visual_dtype=visual_dtype, dims=dims) as writer,
              tqdm(total=len(marks), desc=f"prepare {target.name}", unit="clip", disable=None) as bar):
            for mark, number in zip(marks, category, strict=True):
                arrays = {kind: features.read(mark.video_id, kind) for kind in MODALITIES}
                for kind, values in arrays.items():
                    if values.shape != dims.rows()[kind]:
                        raise VscgError(f"{source}: the {kind} features of {mark.video_id} have shape {values.shape}, "
                                        f"those of the first clip {dims.rows()[kind]}")
                if np.abs(arrays["visual"]).max() > np.finfo(visual_dtype).max:
                    raise VscgError(f"{source}: the visual features of {mark.video_id} are too large for "
                                    f"{visual_dtype}; prepare with float32")
                if 0 < np.abs(arrays["visual"]).max() < np.finfo(visual_dtype).tiny:
                    raise VscgError(f"{source}: the visual features of {mark.video_id} are too small for "
                                    f"{visual_dtype}; scale them, or prepare with float32")
                event = mark.events(dims.segments) & (number != dims.background)
                padded = features.padded(mark.video_id, dims.segments)
                short += number != dims.background and not event.any()
                filled, beyond, event = filled + padded.sum(), beyond + (event & padded).any(), event & ~padded
                labels = np.eye(dims.classes)[np.where(event, number, dims.background)]
                writer.append(arrays["visual"][None], arrays["audio"][None], labels[None], [number], [mark.video_id])
                for values in (*arrays.values(), labels):
                    digest.update(np.ascontiguousarray(values))
                bar.update()
            splits = _splits(marks, category == dims.background)
            digest.update(repr((dims, visual_dtype, [(mark.video_id, mark.split) for mark in marks])).encode())
            alone = len({Path(path).name for path in tables}) == len(tables)
            writer.sources = {Path(path).name if alone else str(path): file_sum(Path(path)) for path in tables}
            writer.fingerprint = digest.hexdigest()
            writer.splits(**splits)
    kept = {mark.video_id for mark in marks}
    last = max((mark.interval[1] for mark in marks if mark.interval), default=0)       # s
    absent = tuple(dict.fromkeys(mark.video_id for mark in everything if mark.video_id not in kept))
    return Report(target, (
        f"{len(marks)} of {len(everything)} lines, {target.stat().st_size / 2**30:.2f} GiB, visual {visual_dtype}",
        f"sizes: {dims}", f"fingerprint {writer.fingerprint}",
        *([f"left out: {len(absent)} clips lack visual or audio features, the first is {absent[0]}"] if absent else []),
        *([f"{short} lines have a category, but no segment that their event fills by half"] if short else []),
        *([f"{filled} of {len(marks) * dims.segments} segments are padding; they are trained on and count as "
           "background"] if filled else []),
        *([f"{beyond} lines have an event that goes on, or lies, in such padding"] if beyond else []),
        *([f"no event ends after {last:g} s, and the features have {dims.segments} segments, taken to last a second "
           "each: average those of one second"] if source.is_dir() and 0 < last <= dims.segments / 2 else []),
        *([f"{len(marks) - len(kept)} lines are of a clip that has a line already: each is a row of its own, in which "
           "the other line's event is background"] if len(marks) > len(kept) else []),
        *split_lines([mark.video_id for mark in marks], category, splits),
        *category_lines(dims.categories, category, splits)), absent)


class _Folder:
    """Arrays in files, by the clips' ids."""

    EXPECTED = (f"such as visual/{{0}}.npy and audio/{{0}}.npy, or {{0}}.npz with both ({', '.join(SUFFIXES)}); of "
                "films `extract` makes them")

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise VscgError(f"{folder}: no such folder or file; name the folder of the clips' arrays, or what "
                            "`extract` wrote")
        self.folder = folder

    def __contains__(self, video_id: str) -> bool:
        return all(self.file(video_id, kind) for kind in MODALITIES)

    def file(self, video_id: str, kind: str) -> Path | None:
        """Where the features of a clip are: in the modality's folder, or in one file for both; None if nowhere."""
        # On a Mac an umlaut in a file's name may be two signs.
        names = dict.fromkeys([video_id, *(unicodedata.normalize(form, video_id) for form in ("NFC", "NFD"))])
        places = [self.folder / kind / f"{name}{suffix}" for name in names for suffix in SUFFIXES]
        places += [self.folder / f"{name}{suffix}" for name in names for suffix in SUFFIXES[1:]]
        return next((path for path in places if path.is_file()), None)

    def padded(self, video_id: str, segments: int) -> np.ndarray:
        """Which segments were filled up, (segments,) bool: of arrays that is not known."""
        return np.zeros(segments, bool)

    def read(self, video_id: str, kind: str) -> np.ndarray:
        """The features of a clip, visual (T,G,G,D) or audio (T,D), float32; VscgError for any other."""
        path = self.file(video_id, kind)
        if path.suffix in (".h5", ".hdf5"):
            with opened(path) as handle:
                return _sound(path, kind, array(handle, path, _key(path, list(handle), kind), (None, None, ...))[()])
        try:
            values = np.load(path, allow_pickle=False)
            if isinstance(values, np.lib.npyio.NpzFile):           # whatever the file is called
                with values:
                    key = _key(path, values.files, kind)
                    if (size := max(each.file_size for each in values.zip.infolist()
                                    if each.filename in (key, f"{key}.npy"))) > MOST:
                        raise VscgError(f"{path}: {key!r} would take {size:,} bytes; of a packed file {MOST:,} are "
                                        f"read at most: save it as {kind}/ID.npy")
                    values = np.asarray(values[key])       # bytes of what is no array
            elif path.parent.name != kind:
                raise VscgError(f"{path}: holds one array, and needs two, 'visual' and 'audio'")
        except VscgError:
            raise
        except Exception as error:         # numpy and zipfile raise whatever they stumble over
            # Of anything that is no .npy numpy says that it is pickled, and how to run it.
            why = "it is no .npy or .npz file of numbers; get it again" if "pickle" in str(error) else error
            raise VscgError(f"{path}: cannot be read as an array of numbers ({why})") from error
        return _sound(path, kind, values)


def _key(path: Path, keys: list[str], kind: str) -> str:
    """The name of the array in a file of several: the modality's, or in its folder the only one, if not the other's."""
    if path.parent.name == kind and len(keys) == 1 and keys[0] not in MODALITIES:
        return keys[0]
    if kind not in keys:
        raise VscgError(f"{path}: no array {kind!r} in it, it has {', '.join(keys[:8]) or 'none'}")
    return kind


def _sound(path: Path, kind: str, values: np.ndarray) -> np.ndarray:
    """The features of one clip in the shape of their kind; VscgError if they have none, or are not finite."""
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
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise VscgError(f"{path}: the {kind} features hold numbers that are too large for float32; scale them")
    return values


class _Extracted:
    """The windows in a prepared file that `extract` wrote: a clip's first by its name, each by the window's own."""

    EXPECTED = "windows of clips such as {0}.mp4, as `extract` writes them"

    def __init__(self, path: Path, handle: h5py.File):
        if not is_prepared(handle, path):
            raise VscgError(f"{path}: {NOT_EXTRACTED}")
        self.path, self.data, self.rows = path, read_layout(handle, path), {}
        self.twice: set[str] = set()     # ids that two clips have, such as a.mkv and a.mp4
        for row, name in enumerate(self.data.video_ids):
            name = unicodedata.normalize("NFC", name)
            clip, _, start = name.rpartition("@")
            names = {name} | ({clip, Path(clip).stem} if start == "0s" else set())
            self.twice |= {name for name in names if name in self.rows}
            self.rows |= dict.fromkeys(names, row)

    def __contains__(self, video_id: str) -> bool:
        return unicodedata.normalize("NFC", video_id) in self.rows

    def row(self, video_id: str) -> int:
        """The row of a clip; VscgError for an id that two clips have."""
        name = unicodedata.normalize("NFC", video_id)
        if name in self.twice:
            raise VscgError(f"{self.path}: two clips in it are called {video_id}; write their names with the suffix "
                            "into the table, or extract a folder that holds one of them")
        return self.rows[name]

    def padded(self, video_id: str, segments: int) -> np.ndarray:
        """As `_Folder.padded`."""
        truth = self.data.truth
        return truth["padded"][self.row(video_id)].astype(bool) if "padded" in truth else np.zeros(segments, bool)

    def read(self, video_id: str, kind: str) -> np.ndarray:
        """As `_Folder.read`."""
        return _sound(self.path, kind, getattr(self.data, kind)[self.row(video_id)])


def _dims(features: _Folder | _Extracted, marks: list[Mark]) -> Dims:
    """Sizes of the first clip's features, and the categories of all."""
    names = tuple(dict.fromkeys(mark.category for mark in marks if mark.category.lower() != BACKGROUND))
    names = CATEGORIES if set(names) <= set(CATEGORIES) else names
    if long := [name for name in names if len(name.encode()) > NAME_LENGTH]:
        raise VscgError(f"the category {long[0][:60]!r} is longer than {NAME_LENGTH} bytes; shorten it in the table")
    visual, audio = (features.read(marks[0].video_id, kind) for kind in MODALITIES)
    if len(visual) != len(audio):
        raise VscgError(f"the clip {marks[0].video_id} has {len(visual)} visual and {len(audio)} audio segments; make "
                        "them as many")
    return Dims(audio.shape[1], visual.shape[3], visual.shape[1], len(visual), names)


def _splits(marks: list[Mark], empty: np.ndarray) -> dict[str, np.ndarray]:
    """Row numbers of the splits; training clips without event are those of "background"."""
    rows = {name: np.array([row for row, mark in enumerate(marks) if mark.split == name], np.int64)
            for name in ("train", "val", "test")}
    train = rows["train"]
    return rows | {"train": train[~empty[train]], "background": train[empty[train]]}
