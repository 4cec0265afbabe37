"""A small stand-in for AVE: the official files with random features, in the official form, and their prepared file."""
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from vscg.data import ave
from vscg.data.ave import prepare_ave
from vscg.data.labels import AUDIO_DIM, BACKGROUND, CATEGORIES, CLASSES, EVENT_CLASSES, GRID, SEGMENTS, VISUAL_DIM
from vscg.data.planted import classes_of

HELD_OUT = 402 / 3339        # AVE's validation clips, and test clips, for each training clip
NOISY = 2                    # background-only clips


@dataclass(frozen=True)
class StandIn:
    """A folder in the official form, with `prepared.h5`, the prepared file made from it."""

    folder: Path

    @property
    def clips(self) -> int:
        """Annotated clips."""
        return ave.clip_count(self.folder / ave.FEATURES["audio"], "audio")

    @property
    def feature_bytes(self) -> int:
        """Size of the two feature files of the annotated clips."""
        return sum((self.folder / name).stat().st_size for name in ave.FEATURES.values())


def make(folder: Path, train: int) -> StandIn:
    """Writes a stand-in with `train` training clips, and for validation and test each as many as AVE has to them.

    The values are exact in float16: a loop that reads the float64 file and one that reads the prepared float16 file get
    the same numbers. They carry evidence of the class, so that a network can learn from them.
    """
    held_out = max(2, round(train * HELD_OUT))
    clips, rng = train + 2 * held_out, np.random.default_rng(0)
    folder.mkdir(parents=True)
    category, start = rng.integers(0, EVENT_CLASSES, clips), rng.integers(0, 5, clips)
    end = start + rng.integers(2, 6, clips)
    (folder / ave.ANNOTATIONS).write_text("".join(
        f"{CATEGORIES[c]}&stand-{i:05d}&good&{a}&{b}\n" for i, (c, a, b) in enumerate(zip(category, start, end,
                                                                                          strict=True))))
    rows = rng.permutation(clips)
    for split, part in zip(("train", "val", "test"), np.split(rows, [train, train + held_out]), strict=True):
        _write(folder / ave.ORDERS[split], ave.ORDER_KEY, np.sort(part))
    for files, labels in ((ave.FEATURES, classes_of({"category": category, "start": start, "end": end})),
                          (ave.NOISY, np.full((NOISY, SEGMENTS), BACKGROUND))):
        _features(folder / files["visual"], labels, (GRID, GRID, VISUAL_DIM), rng)
        _features(folder / files["audio"], labels, (AUDIO_DIM,), rng)
    _write(folder / ave.NOISY_LABELS, ave.KEY, np.eye(CLASSES, dtype=np.float32)[[BACKGROUND] * NOISY])
    prepare_ave(folder, folder / "prepared.h5")
    return StandIn(folder)


def _features(path: Path, labels: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """Float64 features (N,10,*shape) of segments with `labels` (N,10), clip by clip: noise and the class's pattern."""
    pattern = np.random.default_rng(1).random((CLASSES, shape[-1]), np.float32)
    pattern = pattern.reshape(CLASSES, *[1] * (len(shape) - 1), shape[-1])
    with h5py.File(path, "w") as handle:
        found = handle.create_dataset(ave.KEY, (len(labels), SEGMENTS, *shape), "float64")
        for row, classes in enumerate(labels):
            noise = rng.random((SEGMENTS, *shape), np.float32)
            found[row] = (noise + pattern[classes]).astype(np.float16)


def _write(path: Path, key: str, values: np.ndarray) -> None:
    with h5py.File(path, "w") as handle:
        handle[key] = values
