"""The prepared data file: one HDF5 file with features, labels and splits, the same form for real and planted data.

Attributes `format`, `version`, `name`, `fingerprint` (hex), `sources` (JSON). Data sets `visual` (N,T,G,G,D_v) float16
or float32, `audio` (N,T,D_a) float32, `labels` (N,T,C+1) uint8 one-hot, background last, `category` (N,) int64 (C:
background only), `video_ids` (N,) UTF-8 of 64 bytes, `splits/{train,val,test,background}` int64 row numbers, and, of
generated and extracted clips, `truth/*` with first axis N. Where the sizes or the events are not AVE's, `categories`
(C,) UTF-8 of 128 bytes names the events; a file without it has AVE's: T 10, G 7, D_v 512, D_a 128, C 28. Nothing is
compressed and text has fixed length, so that sizes are known before reading.
"""
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from vscg.data.labels import AVE, CATEGORIES, Dims
from vscg.errors import VscgError
from vscg.machine.files import PASSING, made_once, reason

FORMAT, VERSION = "vscg-prepared", 1
SPLITS = ("train", "val", "test", "background")
DTYPES = {"visual": ("float16", "float32"), "audio": ("float32",), "labels": ("uint8",), "category": ("int64",)}
GENERATED = "This file is a generated one: delete it, and it is made again."
ID_LENGTH, NAME_LENGTH = 64, 128                           # bytes; YouTube ids have 11
BLOCK = 16                                                 # clips read at a time: 16 MB of visual features as float32
_DENSEST = 1100                                            # deflate, the densest filter of HDF5, reaches 1032
_CHUNK = 2**24                                             # bytes of a chunk of an array that is smaller than it


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
    truth: dict[str, np.ndarray] = field(default_factory=dict)    # first axis N; of generated clips, and `padded`
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
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):     # a pipe would be waited for
            raise VscgError(f"{path}: no regular file; put a file there")
        with h5py.File(path, "r", locking=False) as handle:     # its writer holds it for a moment after its name is set
            if outside := handle.visititems_links(_outside):
                raise VscgError(f"{path}: {outside} leads to another file, which is not opened; get a file that holds "
                                "its data itself")
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
        if getattr(error, "errno", None) in PASSING:
            raise VscgError(f"{path}: cannot be read now ({reason(error)}); do the same again later") from error
        raise VscgError(f"{path}: unreadable as HDF5, truncated or damaged ({reason(error)}); get it again") from error


def _outside(name: str, link: object) -> str | None:
    return f"{name!r}, to {link.filename[:200]}," if isinstance(link, h5py.ExternalLink) else None


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
    if found.is_virtual or found.external:
        raise VscgError(f"{path}: the numbers of {key!r} lie in other files, which are not opened; get a file that "
                        "holds them itself")
    for code, _, _, name in map(filters.get_filter, range(filters.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            called = name.decode(errors="replace").partition(";")[0]
            raise VscgError(f"{path}: {key!r} is packed with HDF5's filter {code} ({called}), which is not installed "
                            "here; unpack the file where it is: h5repack -f NONE packed.h5 plain.h5")
    size, stored = math.prod(own) * found.dtype.itemsize, found.id.get_storage_size()   # h5py's nbytes may overflow
    if size > stored * (_DENSEST if filters.get_nfilters() else 1):
        raise VscgError(f"{path}: {key!r} declares {size:,} bytes but only {stored:,} are stored; the file is "
                        "incomplete, get it again")
    if found.chunks:
        wanted, there = math.prod(-(-n // c) for n, c in zip(own, found.chunks, strict=True)), found.id.get_num_chunks()
        if there < wanted:                                 # HDF5 would give zeros in their place
            raise VscgError(f"{path}: {key!r} has {there:,} of its {wanted:,} chunks; the file is incomplete, get it "
                            "again")
        if math.prod(found.chunks) * found.dtype.itemsize > max(size, _CHUNK):
            raise VscgError(f"{path}: {key!r} has chunks {found.chunks}, larger than itself; write it anew")
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


def is_prepared(handle: h5py.File, path: Path) -> bool:
    """Whether an open file says that it is a prepared one; another's `format` may be of any type."""
    with suppress(VscgError):
        return attribute(handle, path, "format") == FORMAT
    return False


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


def made_prepared(path: Path, is_right: Callable[[Path], bool], make: Callable[[Path], object]) -> Path:
    """A generated file, made first unless it is there and `is_right`, as `made_once`; VscgError for damage."""
    def is_there(path: Path) -> bool:
        try:
            return path.is_file() and is_right(path)
        except VscgError as error:             # what passes, and an official file, say nothing against this one
            if getattr(error.__cause__, "errno", None) in PASSING or not str(error).startswith(f"{path}:"):
                raise
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
