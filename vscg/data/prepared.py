"""The prepared data file: one HDF5 file with features, labels and splits, the same form for real and planted data.

Attributes `format`, `version`, `name`, `fingerprint` (hex), `sources` (JSON). Data sets `visual` (N,10,7,7,512) float16
or float32, `audio` (N,10,128) float32, `labels` (N,10,29) uint8 one-hot, `category` (N,) int64 (28: background only),
`video_ids` (N,) UTF-8 of fixed length, `splits/{train,val,test,background}` int64 row numbers, and, for planted data,
`truth/*` with first axis N. Nothing is compressed and text has fixed length, so that sizes are known before reading.
"""
import json
import math
import os
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from vscg.data import hdf5
from vscg.data.hdf5 import one_hot, verify, verify_disjoint
from vscg.data.labels import AUDIO_DIM, BACKGROUND, CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.errors import VscgError
from vscg.machine.files import WriteError, write_error

FORMAT, VERSION = "vscg-prepared", 1
SPLITS = ("train", "val", "test", "background")
ROWS = {"visual": (SEGMENTS, GRID, GRID, VISUAL_DIM), "audio": (SEGMENTS, AUDIO_DIM), "labels": (SEGMENTS, CLASSES),
        "category": ()}                                    # shape of one clip
DTYPES = {"visual": ("float16", "float32"), "audio": ("float32",), "labels": ("uint8",), "category": ("int64",)}
ID_LENGTH = 64                                             # bytes; YouTube ids have 11
_BLOCK = 16                                                # clips read at a time: 16 MB of visual features as float32


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, N clips; `splits` maps train, val, test and background to row numbers."""
    name: str
    fingerprint: str                                       # hex; equal fingerprints mean equal data
    path: Path
    visual: np.ndarray                                     # (N,10,7,7,512) float16 or float32
    audio: np.ndarray                                      # (N,10,128) float32
    labels: np.ndarray                                     # (N,10,29) float32, one-hot
    category: np.ndarray                                   # (N,) int64, 28 = background-only clip
    splits: dict[str, np.ndarray]                          # int64 row numbers; background: clips without any event
    video_ids: tuple[str, ...]
    truth: dict[str, np.ndarray] = field(default_factory=dict)    # planted data only, first axis N

    def __len__(self) -> int:
        return len(self.category)


def verify_rows(where: str, first: int, block: Mapping[str, np.ndarray]) -> None:
    """Raises VscgError at the first bad value of a block of visual, audio, labels and category from row `first`."""
    for name in ("visual", "audio"):
        verify(where, name, first, np.isfinite(block[name]), "not a finite number")
    labels, category = block["labels"], block["category"]
    verify(where, "labels", first, one_hot(labels), "not one-hot over the 29 classes")
    verify(where, "category", first, (category >= 0) & (category <= BACKGROUND), f"not a class from 0 to {BACKGROUND}")
    allowed = (labels.argmax(-1) == BACKGROUND) | (labels.argmax(-1) == category[:, None])
    verify(where, "labels", first, allowed, "neither background nor the clip's category")


def check_target(path: Path) -> None:
    """Refuses a path where no prepared file can be written, or where another file would be lost.

    Raises:
        WriteError: it is a folder, or there is something else than a prepared file.
    """
    try:
        if not path.name or path.is_dir():
            raise WriteError(f"{path}: is a folder; name the file to write, such as {path / 'features.h5'}")
        if os.path.lexists(path) and not (path.is_file() and _is_prepared(path)):
            raise WriteError(f"{path}: what is there is no prepared file, so it is not replaced; name another path, "
                             "or remove it first")
    except OSError as error:
        raise write_error(path, error) from error


def _is_prepared(path: Path) -> bool:
    try:
        with hdf5.opened(path) as handle:
            return hdf5.attribute(handle, path, "format") == FORMAT
    except VscgError:                                      # whatever it is
        return False


class PreparedWriter:
    """Writes a prepared file clip block by clip block; the file appears under its name only when it is complete.

    Use as a context manager. `fingerprint` and `sources` may also be set on the writer before the block ends, for a
    source that is read only once. Leaving the block by an exception removes what was written.

    Raises:
        WriteError: as `check_target` and `hdf5.NewFile`, before anything is written.
        VscgError: another dtype than float16 or float32; from `append`, as `verify_rows`.
    """

    def __init__(self, path: str | PathLike, clips: int, name: str, fingerprint: str = "",
                 sources: Mapping | None = None, visual_dtype: str = "float16"):
        if visual_dtype not in DTYPES["visual"]:
            raise VscgError(f"visual_dtype {visual_dtype!r}: expected one of {', '.join(DTYPES['visual'])}")
        check_target(Path(path))
        self.path, self.clips, self.name, self.visual_dtype = Path(path), clips, name, visual_dtype
        self.fingerprint, self.sources = fingerprint, dict(sources or {})
        self._row, self._splits = 0, None

    def __enter__(self) -> "PreparedWriter":
        dtypes = {key: np.dtype(self.visual_dtype if key == "visual" else DTYPES[key][0]) for key in ROWS}
        row = sum(math.prod(ROWS[key]) * dtypes[key].itemsize for key in ROWS) + ID_LENGTH
        self._new = hdf5.NewFile(self.path, self.clips * row)
        try:
            for key, shape in ROWS.items():
                self._new.handle.create_dataset(key, (self.clips, *shape), dtypes[key])
            self._new.handle.create_dataset("video_ids", (self.clips,), h5py.string_dtype("utf-8", ID_LENGTH))
        except BaseException:                              # Ctrl-C, for one
            self._new.discard()
            raise
        return self

    def append(self, visual: np.ndarray, audio: np.ndarray, labels: np.ndarray, category: np.ndarray,
               video_ids: Sequence[str], **truth: np.ndarray) -> None:
        """Adds b clips: visual (b,10,7,7,512), audio (b,10,128), labels (b,10,29), category (b,), truth (b,...)."""
        rows, first = slice(self._row, self._row + len(category)), self._row
        with np.errstate(over="ignore"):                   # a value too large for the dtype is reported just below
            block = {"visual": np.asarray(visual, self.visual_dtype), "audio": np.asarray(audio, np.float32),
                     "labels": np.asarray(labels), "category": np.asarray(category, np.int64)}
        if any(values.shape != (len(category), *ROWS[key]) for key, values in block.items()) or rows.stop > self.clips:
            raise ValueError(f"{ {key: values.shape for key, values in block.items()} } does not fit rows {rows}")
        ids = [text.encode() for text in video_ids]
        if len(ids) != len(category) or max(map(len, ids)) > ID_LENGTH:
            raise ValueError(f"{len(category)} video ids of at most {ID_LENGTH} bytes expected")
        verify_rows(str(self.path), first, block)
        file = self._new.handle
        try:
            if first == 0:
                self._new.reserve(sum(values[:1].nbytes for values in truth.values()) * self.clips)
                for key, values in truth.items():
                    file.create_dataset(f"truth/{key}", (self.clips, *values.shape[1:]), values.dtype)
            for key, values in block.items():
                file[key][rows] = values
            file["video_ids"][rows] = ids
            for key, values in truth.items():
                file[f"truth/{key}"][rows] = values
        except OSError as error:
            raise write_error(self.path, error) from error
        self._row = rows.stop

    def splits(self, train: Sequence[int], val: Sequence[int], test: Sequence[int], background: Sequence[int] = ()):
        """Sets the row numbers of each split; `background` are the background-only clips."""
        named = zip(SPLITS, (train, val, test, background), strict=True)
        self._splits = {key: np.asarray(rows, np.int64) for key, rows in named}

    def __exit__(self, kind, value, trace) -> None:
        try:
            if kind is None:
                self._finish()
        except (OSError, RuntimeError) as error:
            raise write_error(self.path, error) from error
        finally:
            self._new.discard()

    def _finish(self) -> None:
        if self._row != self.clips or self._splits is None or not self.fingerprint:
            raise ValueError(f"{self.path}: {self._row} of {self.clips} clips, splits or fingerprint missing")
        for key, values in self._splits.items():
            self._new.handle.create_dataset(f"splits/{key}", data=values)
        texts = {"format": FORMAT, "name": self.name, "fingerprint": self.fingerprint,
                 "sources": json.dumps(self.sources, sort_keys=True)}
        attributes = {key: np.bytes_(text.encode()) for key, text in texts.items()}
        self._new.handle.attrs.update(attributes | {"version": VERSION})
        self._new.finish()


@dataclass(frozen=True)
class Layout:
    """What stands in an open prepared file, checked for form but with its large arrays not read yet."""
    name: str
    fingerprint: str
    sources: dict
    arrays: dict[str, h5py.Dataset]                        # visual, audio, labels, category
    truth: dict[str, h5py.Dataset]
    splits: dict[str, np.ndarray]
    video_ids: tuple[str, ...]

    def blocks(self) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Rows and arrays, a few clips at a time, in constant memory."""
        for start in range(0, len(self.video_ids), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(self.video_ids)))
            yield rows, {key: dataset[rows] for key, dataset in self.arrays.items()}


def read_layout(handle: h5py.File, path: Path) -> Layout:
    """Checks everything but the values of the large arrays of an open prepared file; errors as `read_prepared`."""
    if hdf5.attribute(handle, path, "format") != FORMAT:
        raise VscgError(f"{path}: not a prepared file, its format is not {FORMAT!r}; use `python -m vscg data prepare`")
    version = hdf5.attribute(handle, path, "version")
    if not isinstance(version, int) or version < 1:
        raise VscgError(f"{path}: the attribute version is {str(version)[:40]!r}, expected {VERSION}")
    if version > VERSION:
        raise VscgError(f"{path}: format version {version} is newer than this package's {VERSION}; update the package")
    name, fingerprint, sources = (str(hdf5.attribute(handle, path, key)) for key in ("name", "fingerprint", "sources"))
    if not fingerprint or set(fingerprint) - set(string.hexdigits):
        raise VscgError(f"{path}: the attribute fingerprint is not a hexadecimal number; prepare the file again")
    try:
        sources = dict(json.loads(sources))
    except (ValueError, TypeError, RecursionError) as error:
        raise VscgError(f"{path}: the attribute sources is not a JSON object; prepare the file again") from error
    ids = hdf5.dataset(handle, path, "video_ids", (None,), None)
    kind = h5py.check_string_dtype(ids.dtype)
    if kind is None or kind.encoding != "utf-8" or kind.length is None or kind.length > 1024:
        raise VscgError(f"{path}: video_ids is {ids.dtype}, expected UTF-8 strings of fixed length")
    clips = ids.shape[0]
    arrays = {key: hdf5.dataset(handle, path, key, (clips, *ROWS[key]), DTYPES[key]) for key in ROWS}
    truth = {}
    if "truth" in handle:
        for key in hdf5.group(handle, path, "truth"):
            truth[key] = hdf5.dataset(handle, path, f"truth/{key}", (clips, ...), None)
            if truth[key].dtype.kind not in "biuf":
                raise VscgError(f"{path}: truth/{key} is {truth[key].dtype}, expected numbers")
    splits = {}
    hdf5.group(handle, path, "splits")
    for key in SPLITS:
        splits[key] = hdf5.dataset(handle, path, f"splits/{key}", (None,), ("int64",))[()]
        bad = np.flatnonzero((splits[key] < 0) | (splits[key] >= clips))
        if len(bad):
            raise VscgError(f"{path}: splits/{key}[{bad[0]}] is row {splits[key][bad[0]]}, outside 0..{clips - 1}")
    verify_disjoint(str(path), splits)
    declared = sum(dataset.nbytes for dataset in (*arrays.values(), *truth.values()))
    if declared > path.stat().st_size:
        raise VscgError(f"{path}: its data sets declare {declared:,} bytes, more than the file holds; prepare it again")
    try:
        video_ids = tuple(text.decode() for text in ids[()])
    except UnicodeDecodeError as error:
        raise VscgError(f"{path}: video_ids holds text that is not UTF-8; prepare the file again") from error
    return Layout(name, fingerprint, sources, arrays, truth, splits, video_ids)


def read_fingerprint(path: str | PathLike) -> str:
    """The fingerprint of a prepared file, without reading its features; errors as `read_prepared`."""
    path = Path(path)
    with hdf5.opened(path) as handle:
        return read_layout(handle, path).fingerprint


def read_prepared(path: str | PathLike) -> Dataset:
    """Reads a prepared file into memory (AVE with float16 visual features: 2.2 GB).

    Raises VscgError for every fault of the file: not HDF5 or truncated, a missing key, a wrong shape, dtype or value,
    more data declared than stored, links that leave the file, a newer version. Checks before it allocates.
    """
    path = Path(path)
    with hdf5.opened(path) as handle:
        layout = read_layout(handle, path)
        arrays = {key: np.empty(dataset.shape, np.float32 if key == "labels" else dataset.dtype)
                  for key, dataset in layout.arrays.items()}
        for rows, block in layout.blocks():
            verify_rows(str(path), rows.start, block)
            for key, values in block.items():
                arrays[key][rows] = values
        truth = {key: dataset[()] for key, dataset in layout.truth.items()}
    return Dataset(name=layout.name, fingerprint=layout.fingerprint, path=path, splits=layout.splits,
                   video_ids=layout.video_ids, truth=truth, **arrays)
