"""The official AVE files: their names, what each must hold, and reading them a few clips at a time."""
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from vscg.data import hdf5
from vscg.data.hdf5 import one_hot, verify, verify_disjoint
from vscg.data.labels import AUDIO_DIM, BACKGROUND, CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.errors import VscgError

ANNOTATIONS = "Annotations.txt"
ORDERS = {"train": "train_order.h5", "val": "val_order.h5", "test": "test_order.h5"}
FEATURES = {"visual": "visual_feature.h5", "audio": "audio_feature.h5"}               # annotated clips
NOISY = {"visual": "visual_feature_noisy.h5", "audio": "audio_feature_noisy.h5"}      # background-only clips
NOISY_LABELS = "labels_noisy.h5"
REQUIRED = (ANNOTATIONS, *ORDERS.values(), *FEATURES.values(), *NOISY.values(), NOISY_LABELS)
KEY, ORDER_KEY = "avadataset", "order"
_SHAPES = {"visual": (SEGMENTS, GRID, GRID, VISUAL_DIM), "audio": (SEGMENTS, AUDIO_DIM)}
BLOCK = 16                                                 # clips read at a time: 32 MB of visual features as float64


def features(handle: h5py.File, path: Path, modality: str, clips: int | None) -> h5py.Dataset:
    """The features (clips,10,7,7,512) or (clips,10,128) in an open official file, not read yet; `clips` None: any."""
    return hdf5.dataset(handle, path, KEY, (clips, *_SHAPES[modality]), ("float64", "float32"))


def clip_count(path: Path, modality: str, clips: int | None = None) -> int:
    """Number of clips in a feature file, after checks of its form, not of its values. Raises VscgError."""
    with hdf5.opened(path) as handle:
        return features(handle, path, modality, clips).shape[0]


def stream(path: Path, modality: str, clips: int, dtype: str = "float64",
           digests: dict[str, str] | None = None) -> Iterator[np.ndarray]:
    """Yields the features of a file, up to 16 clips at a time; VscgError at a value that is no finite `dtype` number.

    With `digests`, the file's SHA-256 is put there under its name when the last block has been taken. The bytes are
    hashed at the pace of the reading, so that they come from the system's cache and the disk is read once.
    """
    digest, size, limit = hashlib.sha256(), path.stat().st_size, np.finfo(dtype).max
    with hdf5.opened(path) as handle, path.open("rb") as raw:
        found = features(handle, path, modality, clips)
        for start in range(0, clips, BLOCK):
            block = found[start:min(start + BLOCK, clips)]
            verify(str(path), KEY, start, np.isfinite(block), "not a finite number")
            verify(str(path), KEY, start, np.abs(block) <= limit, f"too large for {dtype}; prepare with float32")
            yield block
            if digests is not None:
                _advance(digest, raw, size * min(start + BLOCK, clips) // clips)
        if digests is not None:
            _advance(digest, raw, size)
            digests[path.name] = digest.hexdigest()


def _advance(digest, raw: BinaryIO, goal: int) -> None:
    while raw.tell() < goal:
        digest.update(raw.read(min(2**20, goal - raw.tell())))


def read_orders(folder: Path, clips: int, names: tuple[str, ...] = tuple(ORDERS)) -> dict[str, np.ndarray]:
    """The official split, name to (n,) int64 row numbers of the annotations.

    Raises VscgError for a row outside 0..clips-1, or one that is in a split twice or in two splits.
    """
    splits = {}
    for name in names:
        path = folder / ORDERS[name]
        with hdf5.opened(path) as handle:
            rows = hdf5.dataset(handle, path, ORDER_KEY, (None,), ("int64", "int32"))[()].astype(np.int64)
        bad = np.flatnonzero((rows < 0) | (rows >= clips))
        if len(bad):
            raise VscgError(f"{path}: {ORDER_KEY}[{bad[0]}] is row {rows[bad[0]]}, outside the {clips} annotated clips")
        splits[name] = rows
    verify_disjoint(str(folder), {ORDERS[name]: rows for name, rows in splits.items()})
    return splits


def check_noisy_labels(path: Path, clips: int | None = None) -> int:
    """Checks that every row of `labels_noisy.h5` is one-hot at background, and returns the number of rows."""
    with hdf5.opened(path) as handle:
        rows = hdf5.dataset(handle, path, KEY, (clips, CLASSES), ("float32", "float64"))[()]
    verify(str(path), KEY, 0, one_hot(rows), "not one-hot over the 29 classes")
    verify(str(path), KEY, 0, rows[:, BACKGROUND] == 1, "not background")
    return len(rows)
