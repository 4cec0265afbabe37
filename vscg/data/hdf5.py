"""Careful use of HDF5 files: every fault becomes one VscgError, and sizes are known before memory or room is taken."""
import io
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np

from vscg.errors import VscgError
from vscg.machine.files import WriteError, held, make_folder, reason, write_error

_LARGEST_CHUNK = 2**28                   # bytes; a chunk is unpacked whole
_LARGEST_RATIO = 1100                    # deflate, the densest filter of HDF5, reaches 1032
_FORM = 2**20                            # bytes; room for names, splits and attributes, beside the large arrays


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Opens a file for reading, and nothing else: whatever h5py raises inside the block becomes a VscgError."""
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


def _hard(handle: h5py.File, path: Path, key: str) -> None:
    """Refuses keys that are missing, or reached by a soft or external link, which could lead to any file."""
    parent = ""
    for part in key.split("/"):
        parent = f"{parent}/{part}".lstrip("/")
        link = handle.get(parent, getlink=True)
        if link is None:
            raise VscgError(f"{path}: the key {parent!r} is missing; it has {', '.join(sorted(handle)[:8]) or 'none'}")
        if not isinstance(link, h5py.HardLink):
            raise VscgError(f"{path}: {parent!r} is a link to another place; only data inside the file is read")


def group(handle: h5py.File, path: Path, key: str) -> h5py.Group:
    """The group `key`; VscgError if it is missing, a link or not a group."""
    _hard(handle, path, key)
    if not isinstance(handle[key], h5py.Group):
        raise VscgError(f"{path}: {key!r} is not a group")
    return handle[key]


def dataset(handle: h5py.File, path: Path, key: str, shape: Sequence, dtypes: Sequence[str] | None) -> h5py.Dataset:
    """The data set `key`, not read yet, after checks of link, shape, dtype and size.

    `shape` may hold None for any length and end in `...` for any further axes; `dtypes` None leaves the dtype to the
    caller. VscgError for any difference, for storage outside the file and for more data than the file can hold.
    """
    _hard(handle, path, key)
    found = handle[key]
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        raise VscgError(f"{path}: {key!r} is not an array")
    fixed = tuple(shape[:-1]) if shape and shape[-1] is ... else tuple(shape)
    own = found.shape[:len(fixed)] if fixed != tuple(shape) else found.shape
    if len(own) != len(fixed) or any(want not in (None, have) for want, have in zip(fixed, own, strict=True)):
        wanted = ",".join("any" if want is None else "..." if want is ... else str(want) for want in shape)
        raise VscgError(f"{path}: {key!r} has shape {found.shape}, expected ({wanted})")
    if dtypes is not None and found.dtype not in [np.dtype(name) for name in dtypes]:
        raise VscgError(f"{path}: {key!r} has dtype {found.dtype}, expected {' or '.join(dtypes)}")
    if found.external or found.is_virtual:
        raise VscgError(f"{path}: {key!r} keeps its data in other files; only data inside the file is read")
    if found.chunks and math.prod(found.chunks) * found.dtype.itemsize > _LARGEST_CHUNK:
        raise VscgError(f"{path}: {key!r} has chunks of {found.chunks}, too large to read in constant memory")
    size = math.prod(found.shape) * found.dtype.itemsize         # h5py's own nbytes may overflow
    stored = min(found.id.get_storage_size(), path.stat().st_size)
    filtered = found.id.get_create_plist().get_nfilters() > 0
    if size > stored * (_LARGEST_RATIO if filtered else 1):
        raise VscgError(f"{path}: {key!r} declares {size:,} bytes but only {stored:,} are stored; "
                        "the file is incomplete or made up")
    return found


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Which vectors along the last axis are one-hot: (..., C) to (...) bool."""
    return ((labels == 0) | (labels == 1)).all(-1) & (labels.sum(-1) == 1)


def verify(where: str, name: str, first: int, good: np.ndarray, fault: str) -> None:
    """Raises VscgError naming the first index where `good` is False; its first axis starts at row `first` of `name`."""
    if not good.all():
        index = np.argwhere(~good)[0]
        index[0] += first
        raise VscgError(f"{where}: {name}[{', '.join(map(str, index))}] is {fault}")


def verify_disjoint(where: str, splits: Mapping[str, np.ndarray]) -> None:
    """Raises VscgError, which begins with `where`, if a row stands twice in a split or in two splits."""
    owner: dict[int, str] = {}
    for name, rows in splits.items():
        for position, row in enumerate(rows.tolist()):
            if row in owner:
                raise VscgError(f"{where}: {name}[{position}] is row {row}, which is already in {owner[row]}")
            owner[row] = name


def attribute(handle: h5py.File, path: Path, key: str) -> str | int:
    """The attribute `key` of the file, text of fixed length or one integer; VscgError if it is missing or other.

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


class NewFile:
    """An HDF5 file that takes its name when it is complete; until then it is `.NAME.partial`, as in `replacing`.

    Of two writers of one file the second one waits for the first. Its room on the disk is taken before the first array
    is written: HDF5 crashes when it finds the disk full while it closes a file. Room that is not used is given back
    when the file is closed.

    Args:
        path: the file; its folder is made if need be.
        size: of the arrays to be written, bytes; see also `reserve`.

    Raises:
        WriteError: the folder or file cannot be made, or there is not enough room.
    """

    def __init__(self, path: Path, size: int):
        make_folder(path.parent)
        self.path, self._size, self.handle, self._file = path, _FORM, None, None
        try:
            self._file = held(path.with_name(f".{path.name}.partial"))
            free = shutil.disk_usage(path.parent).free
            if free < size:
                raise WriteError(f"{path}: needs {size / 2**30:.1f} GiB, only {free / 2**30:.1f} are free. "
                                 "Free some space or choose a folder on another disk.")
            self._file.write(_empty())
            self._file.flush()
            self.reserve(size)
            self.handle = h5py.File(self._file.name, "r+", locking=False)        # held already
        except BaseException as error:
            self.discard()
            if isinstance(error, OSError):
                raise write_error(path, error) from error
            raise

    def reserve(self, size: int) -> None:
        """Take so many bytes more of the disk; OSError if they are not there."""
        self._size += size
        if hasattr(os, "posix_fallocate"):                 # macOS has none: there the check of the free space must do
            os.posix_fallocate(self._file.fileno(), 0, self._size)

    def finish(self) -> None:
        """Close the file and give it its name; OSError or RuntimeError if it cannot be."""
        self.handle.close()
        os.fsync(self._file.fileno())
        os.replace(self._file.name, self.path)
        self._file.close()

    def discard(self) -> None:
        """Close and remove what has not got its name."""
        if self.handle:
            with suppress(OSError, RuntimeError):          # it is thrown away
                self.handle.close()
        if self._file and not self._file.closed:           # once closed, another writer may hold the next one
            Path(self._file.name).unlink(missing_ok=True)
            with suppress(OSError):
                self._file.close()


def _empty() -> bytes:
    """An HDF5 file without anything in it."""
    memory = io.BytesIO()
    h5py.File(memory, "w").close()
    return memory.getvalue()
