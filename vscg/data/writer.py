"""Writes a prepared data file whole or not at all; its form stands in `data.prepared`."""
import io
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from os import PathLike
from pathlib import Path

import h5py
import numpy as np

from vscg.data.labels import AVE, Dims
from vscg.data.prepared import DTYPES, FORMAT, ID_LENGTH, NAME_LENGTH, SPLITS, VERSION, is_prepared, opened, verify_rows
from vscg.errors import VscgError, choose
from vscg.machine.files import WriteError, make_folder, replacing, write_error

_FORM = 2**20                                              # bytes of names, splits and attributes beside the arrays


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
        choose("visual_dtype", visual_dtype, DTYPES["visual"])
        check_target(Path(path))
        self.path, self.clips, self.name, self.dims = Path(path), clips, name, dims
        self.dtypes = {key: np.dtype(names[0]) for key, names in DTYPES.items()} | {"visual": np.dtype(visual_dtype)}
        self.fingerprint, self.sources = fingerprint, dict(sources or {})
        self._row, self._room, self._splits = 0, _FORM + NAME_LENGTH * dims.events, None

    def __enter__(self) -> "PreparedWriter":
        rows = self.dims.rows()
        size = self.clips * (sum(math.prod(rows[key]) * self.dtypes[key].itemsize for key in rows) + ID_LENGTH
                             + np.dtype(np.int64).itemsize)       # of its row number in a split
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
