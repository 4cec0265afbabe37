"""The prepared data file: one HDF5 file with features, labels and splits, the same form for real and planted data.

Attributes `format`, `version`, `name`, `fingerprint` (hex), `sources` (JSON). Data sets `visual` (N,10,7,7,512) float16
or float32, `audio` (N,10,128) float32, `labels` (N,10,29) uint8 one-hot, `category` (N,) int64 (28: background only),
`video_ids` (N,) UTF-8 of 64 bytes, `splits/{train,val,test,background}` int64 row numbers, and, for planted data,
`truth/*` with first axis N. Nothing is compressed and text has fixed length, so that sizes are known before reading.
"""
import io
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from vscg.data.labels import AUDIO_DIM, BACKGROUND, CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.errors import VscgError
from vscg.machine.files import WriteError, make_folder, reason, replacing, write_error

FORMAT, VERSION = "vscg-prepared", 1
SPLITS = ("train", "val", "test", "background")
ROWS = {"visual": (SEGMENTS, GRID, GRID, VISUAL_DIM), "audio": (SEGMENTS, AUDIO_DIM), "labels": (SEGMENTS, CLASSES),
        "category": ()}                                    # shape of one clip
DTYPES = {"visual": ("float16", "float32"), "audio": ("float32",), "labels": ("uint8",), "category": ("int64",)}
ID_LENGTH = 64                                             # bytes; YouTube ids have 11
BLOCK = 16                                                 # clips read at a time: 16 MB of visual features as float32
_DENSEST = 1100                                            # deflate, the densest filter of HDF5, reaches 1032
_FORM = 2**20                                              # bytes of names, splits and attributes beside the arrays


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


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Opens an HDF5 file for reading, and nothing else: whatever h5py raises inside the block becomes a VscgError."""
    try:
        with h5py.File(path, "r", locking=False) as handle:     # its writer holds it for a moment after its name is set
            yield handle
    except FileNotFoundError as error:
        raise VscgError(f"{path}: no such file") from error
    except PermissionError as error:
        raise VscgError(f"{path}: may not be read; check its permissions") from error
    except MemoryError as error:
        raise VscgError(f"{path}: does not fit into memory ({error or 'allocation failed'})") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:      # what h5py raises for damage
        raise VscgError(f"{path}: unreadable as HDF5, truncated or damaged ({reason(error)}); get it again") from error


def array(handle: h5py.File, path: Path, key: str, shape: Sequence, dtypes: Sequence[str] = ()) -> h5py.Dataset:
    """The array `key` of an open file, not read yet.

    `shape` may hold None for any length and end in `...` for any further axes; without `dtypes` any numbers will do.
    VscgError for another shape or dtype, for fewer bytes than it declares, and for a filter that is not installed.
    """
    found = handle.get(key)
    if not isinstance(found, h5py.Dataset):
        raise VscgError(f"{path}: the key {key!r} is missing; it has {', '.join(sorted(handle)[:8]) or 'none'}")
    own = found.shape or ()
    wanted = (*shape[:-1], *own[len(shape) - 1:]) if shape[-1] is ... else shape
    if len(own) != len(wanted) or any(want not in (None, have) for want, have in zip(wanted, own, strict=True)):
        names = ",".join({None: "any", ...: "..."}.get(want, str(want)) for want in shape)
        raise VscgError(f"{path}: {key!r} has shape {found.shape}, expected ({names})")
    if found.dtype not in map(np.dtype, dtypes) if dtypes else found.dtype.kind not in "biuf":
        raise VscgError(f"{path}: {key!r} has dtype {found.dtype}, expected {' or '.join(dtypes) or 'numbers'}")
    filters = found.id.get_create_plist()
    for code, _, _, name in map(filters.get_filter, range(filters.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            called = name.decode(errors="replace").partition(";")[0]
            raise VscgError(f"{path}: {key!r} is packed with HDF5's filter {code} ({called}), which is not installed "
                            "here; unpack the file where it is: h5repack -f NONE packed.h5 plain.h5")
    size, stored = math.prod(own) * found.dtype.itemsize, found.id.get_storage_size()   # h5py's nbytes may overflow
    if size > stored * (_DENSEST if filters.get_nfilters() else 1):
        raise VscgError(f"{path}: {key!r} declares {size:,} bytes but only {stored:,} are stored; the file is "
                        "incomplete, get it again")
    return found


def attribute(handle: h5py.File, path: Path, key: str) -> str | int:
    """The attribute `key` of an open file, text of fixed length or one integer; VscgError if it is missing or other.

    Text of variable length is refused unread: HDF5 crashes on a damaged one.
    """
    if key in handle.attrs:
        found = handle.attrs.get_id(key)
        kind = found.get_type()
        fixed = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
        if found.shape == () and (fixed or isinstance(kind, h5py.h5t.TypeIntegerID)):
            value = handle.attrs[key]
            return value.decode() if fixed else int(value)
    raise VscgError(f"{path}: the attribute {key!r} is missing or of a foreign type; is this a prepared file?")


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Which vectors along the last axis are one-hot: (..., C) to (...) bool."""
    return ((labels == 0) | (labels == 1)).all(-1) & (labels.sum(-1) == 1)


def verify(where: object, name: str, first: int, good: np.ndarray, fault: str) -> None:
    """Raises VscgError naming the first index where `good` is False; its first axis starts at row `first` of `name`."""
    if not good.all():
        index = np.argwhere(~good)[0]
        index[0] += first
        raise VscgError(f"{where}: {name}[{', '.join(map(str, index))}] is {fault}")


def verify_rows(where: object, first: int, block: Mapping[str, np.ndarray]) -> None:
    """Raises VscgError at the first bad value of a block of visual, audio, labels and category from row `first`."""
    for name in ("visual", "audio"):
        verify(where, name, first, np.isfinite(block[name]), "not a finite number")
    labels, category = block["labels"], block["category"]
    verify(where, "labels", first, one_hot(labels), "not one-hot over the 29 classes")
    verify(where, "category", first, (category >= 0) & (category <= BACKGROUND), f"not a class from 0 to {BACKGROUND}")
    allowed = (labels.argmax(-1) == BACKGROUND) | (labels.argmax(-1) == category[:, None])
    verify(where, "labels", first, allowed, "neither background nor the clip's category")


def verify_splits(where: object, splits: Mapping[str, np.ndarray], clips: int) -> None:
    """Raises VscgError, which begins with `where`, for a row outside 0..clips-1, in a split twice or in two splits."""
    owner: dict[int, str] = {}
    for name, rows in splits.items():
        for position, row in enumerate(rows.tolist()):
            if not 0 <= row < clips:
                raise VscgError(f"{where}: {name}[{position}] is row {row}, outside 0..{clips - 1}")
            if row in owner:
                raise VscgError(f"{where}: {name}[{position}] is row {row}, which is already in {owner[row]}")
            owner[row] = name


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
        with opened(path) as handle:
            return attribute(handle, path, "format") == FORMAT
    except VscgError:                                      # whatever it is
        return False


class PreparedWriter:
    """Writes a prepared file clip block by clip block; the file appears under its name only when it is complete.

    Use as a context manager. `fingerprint` and `sources` may also be set on the writer before the block ends, for a
    source that is read only once. Leaving the block by an exception removes what was written. Of two writers of one
    file the second one waits for the first.

    The file's room on the disk is taken before the first array is written: HDF5 crashes when it finds the disk full
    while it closes a file. Room that is not used is given back then.

    Raises:
        WriteError: as `check_target`, or the folder or file cannot be made, or there is not enough room.
        VscgError: another dtype than float16 or float32; from `append`, as `verify_rows`.
    """

    def __init__(self, path: str | PathLike, clips: int, name: str, fingerprint: str = "",
                 sources: Mapping | None = None, visual_dtype: str = "float16"):
        if visual_dtype not in DTYPES["visual"]:
            raise VscgError(f"visual_dtype {visual_dtype!r}: expected one of {', '.join(DTYPES['visual'])}")
        check_target(Path(path))
        self.path, self.clips, self.name = Path(path), clips, name
        self.dtypes = {key: np.dtype(names[0]) for key, names in DTYPES.items()} | {"visual": np.dtype(visual_dtype)}
        self.fingerprint, self.sources = fingerprint, dict(sources or {})
        self._row, self._room, self._splits = 0, _FORM, None

    def __enter__(self) -> "PreparedWriter":
        size = self.clips * (sum(math.prod(ROWS[key]) * self.dtypes[key].itemsize for key in ROWS) + ID_LENGTH)
        make_folder(self.path.parent)
        with ExitStack() as stack:
            self._file = stack.enter_context(replacing(self.path))
            free = shutil.disk_usage(self.path.parent).free
            if free < size:
                raise WriteError(f"{self.path}: needs {size / 2**30:.1f} GiB, only {free / 2**30:.1f} are free. "
                                 "Free some space or choose a folder on another disk.")
            with h5py.File(empty := io.BytesIO(), "w"):
                pass
            self._file.write(empty.getvalue())
            self._file.flush()
            self._reserve(size)
            self._handle = stack.enter_context(h5py.File(self._file.name, "r+", locking=False))    # held already
            for key, shape in ROWS.items():
                self._handle.create_dataset(key, (self.clips, *shape), self.dtypes[key])
            self._handle.create_dataset("video_ids", (self.clips,), h5py.string_dtype("utf-8", ID_LENGTH))
            self._stack = stack.pop_all()
        return self

    def _reserve(self, size: int) -> None:
        self._room += size
        if hasattr(os, "posix_fallocate"):                 # macOS has none: there the check of the free space must do
            os.posix_fallocate(self._file.fileno(), 0, self._room)

    def append(self, visual: np.ndarray, audio: np.ndarray, labels: np.ndarray, category: np.ndarray,
               video_ids: Sequence[str], **truth: np.ndarray) -> None:
        """Adds b clips: visual (b,10,7,7,512), audio (b,10,128), labels (b,10,29), category (b,), truth (b,...)."""
        first, rows = self._row, slice(self._row, self._row + len(category))
        with np.errstate(over="ignore"):                   # a value too large for the dtype is reported just below
            block = {"visual": np.asarray(visual, self.dtypes["visual"]), "audio": np.asarray(audio, np.float32),
                     "labels": np.asarray(labels), "category": np.asarray(category, np.int64)}
        if any(values.shape != (len(category), *ROWS[key]) for key, values in block.items()) or rows.stop > self.clips:
            raise ValueError(f"{ {key: values.shape for key, values in block.items()} } does not fit rows {rows}")
        verify_rows(self.path, first, block)
        if first == 0:
            self._reserve(sum(values[:1].nbytes for values in truth.values()) * self.clips)
            for key, values in truth.items():
                self._handle.create_dataset(f"truth/{key}", (self.clips, *values.shape[1:]), values.dtype)
        block["video_ids"] = [text.encode() for text in video_ids]
        for key, values in (block | {f"truth/{key}": values for key, values in truth.items()}).items():
            self._handle[key][rows] = values
        self._row = rows.stop

    def splits(self, train: Sequence[int], val: Sequence[int], test: Sequence[int], background: Sequence[int] = ()):
        """Sets the row numbers of each split; `background` are the background-only clips."""
        named = zip(SPLITS, (train, val, test, background), strict=True)
        self._splits = {key: np.asarray(rows, np.int64) for key, rows in named}

    def __exit__(self, kind, value, trace) -> None:
        if kind is not None:
            self._stack.__exit__(kind, value, trace)
            return
        try:
            with self._stack:
                self._finish()
        except RuntimeError as error:                      # h5py's, for what the system refuses while it closes a file
            raise write_error(self.path, error) from error

    def _finish(self) -> None:
        if self._row != self.clips or self._splits is None or not self.fingerprint:
            raise ValueError(f"{self.path}: {self._row} of {self.clips} clips, splits or fingerprint missing")
        for key, values in self._splits.items():
            self._handle.create_dataset(f"splits/{key}", data=values)
        texts = {"format": FORMAT, "name": self.name, "fingerprint": self.fingerprint,
                 "sources": json.dumps(self.sources, sort_keys=True)}
        attributes = {key: np.bytes_(text.encode()) for key, text in texts.items()}
        self._handle.attrs.update(attributes | {"version": VERSION})


def read_layout(handle: h5py.File, path: Path) -> Dataset:
    """An open prepared file as a Dataset whose arrays are h5py's, not read yet; VscgError as `read_prepared`."""
    if attribute(handle, path, "format") != FORMAT:
        raise VscgError(f"{path}: not a prepared file, its format is not {FORMAT!r}; use `python -m vscg data prepare`")
    if (version := int(attribute(handle, path, "version"))) > VERSION:
        raise VscgError(f"{path}: format version {version} is newer than this package's {VERSION}; update the package")
    name, fingerprint = (str(attribute(handle, path, key)) for key in ("name", "fingerprint"))
    ids = array(handle, path, "video_ids", (None,), (f"S{ID_LENGTH}",))
    arrays = {key: array(handle, path, key, (len(ids), *ROWS[key]), DTYPES[key]) for key in ROWS}
    truth = {key: array(handle, path, f"truth/{key}", (len(ids), ...)) for key in handle.get("truth", ())}
    splits = {key: array(handle, path, f"splits/{key}", (None,), ("int64",))[()] for key in SPLITS}
    verify_splits(path, {f"splits/{key}": rows for key, rows in splits.items()}, len(ids))
    return Dataset(name=name, fingerprint=fingerprint, path=path, splits=splits, truth=truth,
                   video_ids=tuple(text.decode() for text in ids[()]), **arrays)


def blocks(data: Dataset) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """First row and sound arrays of a few clips at a time, in constant memory; VscgError as `verify_rows`."""
    for first in range(0, len(data), BLOCK):
        block = {key: getattr(data, key)[first:first + BLOCK] for key in ROWS}
        verify_rows(data.path, first, block)
        yield first, block


def read_fingerprint(path: str | PathLike) -> str:
    """The fingerprint of a prepared file, without reading its features; errors as `read_prepared`."""
    with opened(Path(path)) as handle:
        return read_layout(handle, Path(path)).fingerprint


def read_prepared(path: str | PathLike) -> Dataset:
    """Reads a prepared file into memory (AVE with float16 visual features: 2.2 GB).

    Raises VscgError for every fault of the file: not HDF5 or truncated, a missing key, a wrong shape, dtype or value,
    more data declared than stored, a newer version. Checks before it allocates.
    """
    with opened(Path(path)) as handle:
        data = read_layout(handle, Path(path))
        arrays = {key: np.empty(getattr(data, key).shape, np.float32 if key == "labels" else getattr(data, key).dtype)
                  for key in ROWS}
        for first, block in blocks(data):
            for key, values in block.items():
                arrays[key][first:first + len(values)] = values
        return replace(data, **arrays, truth={key: values[()] for key, values in data.truth.items()})
