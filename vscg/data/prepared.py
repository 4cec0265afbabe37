"""The prepared data file: one HDF5 file with features, labels and splits, the same form for real and planted data.

Attributes `format`, `version`, `name`, `fingerprint` (hex), `sources` (JSON). Data sets `visual` (N,T,G,G,D_v) float16
or float32, `audio` (N,T,D_a) float32, `labels` (N,T,C+1) uint8 one-hot, background last, `category` (N,) int64 (C:
background only), `video_ids` (N,) UTF-8 of 64 bytes, `splits/{train,val,test,background}` int64 row numbers, and, for
planted data, `truth/*` with first axis N. Where the sizes or the events are not AVE's, `categories` (C,) UTF-8 of 128
bytes names the events; a file without it has AVE's: T 10, G 7, D_v 512, D_a 128, C 28. Nothing is compressed and text
has fixed length, so that sizes are known before reading.
"""
import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from vscg.data.labels import AVE, CATEGORIES, Dims
from vscg.errors import VscgError
from vscg.machine.files import WriteError, made_once, make_folder, reason, replacing, write_error

FORMAT, VERSION = "vscg-prepared", 1
SPLITS = ("train", "val", "test", "background")
DTYPES = {"visual": ("float16", "float32"), "audio": ("float32",), "labels": ("uint8",), "category": ("int64",)}
GENERATED = "This file is a generated one: delete it, and it is made again."
ID_LENGTH, NAME_LENGTH = 64, 128                           # bytes; YouTube ids have 11
BLOCK = 16                                                 # clips read at a time: 16 MB of visual features as float32
_DENSEST = 1100                                            # deflate, the densest filter of HDF5, reaches 1032
_FORM = 2**20                                              # bytes of names, splits and attributes beside the arrays


@dataclass(frozen=True)
class Dataset:
    """A data set in memory, N clips; `splits` maps train, val, test and background to row numbers."""
    name: str
    fingerprint: str                                       # hex; equal fingerprints mean equal data
    path: Path
    visual: np.ndarray                                     # (N,T,G,G,D_v) float16 or float32, of AVE (N,10,7,7,512)
    audio: np.ndarray                                      # (N,T,D_a) float32, of AVE (N,10,128)
    labels: np.ndarray                                     # (N,T,C+1) float32, one-hot, of AVE (N,10,29)
    category: np.ndarray                                   # (N,) int64, the last = background-only clip, of AVE 28
    splits: dict[str, np.ndarray]                          # int64 row numbers; background: clips without any event
    video_ids: tuple[str, ...]
    truth: dict[str, np.ndarray] = field(default_factory=dict)    # planted data only, first axis N
    categories: tuple[str, ...] = CATEGORIES               # names of the C events

    def __len__(self) -> int:
        return len(self.category)

    @property
    def dims(self) -> Dims:
        """The sizes and names that systems are built for."""
        segments, grid, _, visual = self.visual.shape[1:]
        return Dims(self.audio.shape[-1], visual, grid, segments, self.categories)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Opens an HDF5 file for reading, and nothing else: whatever h5py raises inside the block becomes a VscgError."""
    try:
        with h5py.File(path, "r", locking=False) as handle:     # its writer holds it for a moment after its name is set
            yield handle
    except FileNotFoundError as error:
        raise VscgError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise VscgError(f"{path}: is a folder; name a file") from error
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
    verify(where, "labels", first, one_hot(labels), f"not one-hot over the {labels.shape[-1]} classes")
    background = labels.shape[-1] - 1
    verify(where, "category", first, (category >= 0) & (category <= background), f"not a class from 0 to {background}")
    allowed = (labels.argmax(-1) == background) | (labels.argmax(-1) == category[:, None])
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
    """Raises WriteError for a path where no prepared file can be written, or where another file would be lost."""
    try:
        if not path.name or path.is_dir():
            raise WriteError(f"{path}: is a folder; name the file to write, such as {path / 'features.h5'}")
        if os.path.lexists(path) and not (path.is_file() and _holds_prepared(path)):
            raise WriteError(f"{path}: what is there is no prepared file, so it is not replaced; name another path, "
                             "or remove it first")
    except OSError as error:
        raise write_error(path, error) from error


def _holds_prepared(path: Path) -> bool:
    with suppress(VscgError), opened(path) as handle:      # whatever it is
        return is_prepared(handle, path)
    return False


def is_prepared(handle: h5py.File, path: Path) -> bool:
    """Whether an open file says that it is a prepared one; another's `format` may be of any type."""
    with suppress(VscgError):
        return attribute(handle, path, "format") == FORMAT
    return False


class PreparedWriter:
    """Writes a prepared file clip block by clip block; the file appears under its name only when it is complete.

    A context manager. `fingerprint` and `sources` may also be set on it before the block ends, for a source that is
    read only once. An exception removes what was written. Of two writers of one file the second waits for the first.
    The file's room on the disk is taken before the first array is written, for HDF5 crashes when it finds the disk full
    while it closes a file; what is not used is given back then.

    Raises WriteError: as `check_target`, or the folder or file cannot be made, or there is not enough room; VscgError:
        another dtype than float16 or float32; from `append`, as `verify_rows`.
    """

    def __init__(self, path: str | PathLike, clips: int, name: str, fingerprint: str = "",
                 sources: Mapping | None = None, visual_dtype: str = "float16", dims: Dims = AVE):
        if visual_dtype not in DTYPES["visual"]:
            raise VscgError(f"visual_dtype {visual_dtype!r}: expected one of {', '.join(DTYPES['visual'])}")
        check_target(Path(path))
        self.path, self.clips, self.name, self.dims = Path(path), clips, name, dims
        self.dtypes = {key: np.dtype(names[0]) for key, names in DTYPES.items()} | {"visual": np.dtype(visual_dtype)}
        self.fingerprint, self.sources = fingerprint, dict(sources or {})
        self._row, self._room, self._splits = 0, _FORM + NAME_LENGTH * dims.events, None

    def __enter__(self) -> "PreparedWriter":
        rows = self.dims.rows()
        size = self.clips * (sum(math.prod(rows[key]) * self.dtypes[key].itemsize for key in rows) + ID_LENGTH)
        make_folder(self.path.parent)
        with ExitStack() as stack:
            self._file = stack.enter_context(replacing(self.path))
            free = shutil.disk_usage(Path(self._file.name).parent).free
            if free < size:
                raise WriteError(f"{self.path}: needs {size / 2**30:.1f} GiB, only {free / 2**30:.1f} are free. "
                                 "Free some space or choose a folder on another disk.")
            with h5py.File(empty := io.BytesIO(), "w"):
                pass
            self._file.write(empty.getvalue())
            self._file.flush()
            self._reserve(size)
            self._handle = stack.enter_context(h5py.File(self._file.name, "r+", locking=False))    # held already
            for key, shape in rows.items():
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
        """Adds b clips: visual (b,T,G,G,D_v), audio (b,T,D_a), labels (b,T,C+1), category (b,), truth (b,...)."""
        first, rows, shapes = self._row, slice(self._row, self._row + len(category)), self.dims.rows()
        with np.errstate(over="ignore"):                   # a value too large for the dtype is reported just below
            block = {"visual": np.asarray(visual, self.dtypes["visual"]), "audio": np.asarray(audio, np.float32),
                     "labels": np.asarray(labels), "category": np.asarray(category, np.int64)}
        fits = all(values.shape == (len(category), *shapes[key]) for key, values in block.items())
        if not fits or rows.stop > self.clips:
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
        if self.dims != AVE:
            names = [name.encode() for name in self.dims.categories]
            self._handle.create_dataset("categories", data=names, dtype=h5py.string_dtype("utf-8", NAME_LENGTH))
        texts = {"format": FORMAT, "name": self.name, "fingerprint": self.fingerprint,
                 "sources": json.dumps(self.sources, sort_keys=True)}
        attributes = {key: np.bytes_(text.encode()) for key, text in texts.items()}
        self._handle.attrs.update(attributes | {"version": VERSION})


def read_layout(handle: h5py.File, path: Path) -> Dataset:
    """An open prepared file as a Dataset whose arrays are h5py's, not read yet; VscgError as `read_prepared`."""
    if not is_prepared(handle, path):
        raise VscgError(f"{path}: not a prepared file, its format is not {FORMAT!r}; use `python -m vscg data prepare`")
    if (version := int(attribute(handle, path, "version"))) > VERSION:
        raise VscgError(f"{path}: format version {version} is newer than this package's {VERSION}; update the package")
    name, fingerprint = (str(attribute(handle, path, key)) for key in ("name", "fingerprint"))
    ids = array(handle, path, "video_ids", (None,), (f"S{ID_LENGTH}",))
    dims = _read_dims(handle, path) if "categories" in handle else AVE
    arrays = {key: array(handle, path, key, (len(ids), *shape), DTYPES[key]) for key, shape in dims.rows().items()}
    truth = {key: array(handle, path, f"truth/{key}", (len(ids), ...)) for key in handle.get("truth", ())}
    splits = {key: array(handle, path, f"splits/{key}", (None,), ("int64",))[()] for key in SPLITS}
    verify_splits(path, {f"splits/{key}": rows for key, rows in splits.items()}, len(ids))
    return Dataset(name=name, fingerprint=fingerprint, path=path, splits=splits, truth=truth,
                   video_ids=tuple(text.decode() for text in ids[()]), categories=dims.categories, **arrays)


def _read_dims(handle: h5py.File, path: Path) -> Dims:
    """The sizes of an open prepared file that names its events; every array must then agree with them."""
    names = array(handle, path, "categories", (None,), (f"S{NAME_LENGTH}",))
    shape = array(handle, path, "visual", (None,) * 5, DTYPES["visual"]).shape
    audio = array(handle, path, "audio", (None,) * 3, DTYPES["audio"]).shape[-1]
    return Dims(audio, shape[-1], shape[2], shape[1], tuple(text.decode() for text in names[()]))


def blocks(data: Dataset) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """First row and sound arrays of a few clips at a time, in constant memory; VscgError as `verify_rows`."""
    for first in range(0, len(data), BLOCK):
        block = {key: getattr(data, key)[first:first + BLOCK] for key in DTYPES}
        verify_rows(data.path, first, block)
        yield first, block


def read_fingerprint(path: str | PathLike) -> str:
    """The fingerprint of a prepared file, without reading its features; errors as `read_prepared`."""
    with opened(Path(path)) as handle:
        return read_layout(handle, Path(path)).fingerprint


def made_prepared(path: Path, fingerprint: str, make: Callable[[Path], object]) -> Path:
    """A generated file of this fingerprint, made first if it is not there, as `made_once`; VscgError for damage."""
    def is_there(path: Path) -> bool:
        try:
            return path.is_file() and read_fingerprint(path) == fingerprint
        except VscgError as error:
            raise VscgError(f"{error}. {GENERATED}") from error

    return made_once(path, is_there, make)


def read_prepared(path: str | PathLike) -> Dataset:
    """Reads a prepared file into memory (AVE with float16 visual features: 2.2 GB).

    VscgError for every fault of the file, such as more data declared than stored; it checks before it allocates.
    """
    with opened(Path(path)) as handle:
        data = read_layout(handle, Path(path))
        arrays = {key: np.empty(getattr(data, key).shape, np.float32 if key == "labels" else getattr(data, key).dtype)
                  for key in DTYPES}
        for first, block in blocks(data):
            for key, values in block.items():
                arrays[key][first:first + len(values)] = values
        return replace(data, **arrays, truth={key: values[()] for key, values in data.truth.items()})
