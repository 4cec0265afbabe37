"""Two feature files of the same clips side by side: why do features of one's own give other accuracies than AVE's?"""
from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from vscg.data.ave import KEY
from vscg.data.labels import read_annotations
from vscg.data.prepared import BLOCK, array, is_prepared, opened, read_layout
from vscg.errors import VscgError

NEAR = 10                # neighbours of a clip
SAME = "nearest row of the other file is the same row"
CORRELATION = "correlation of the same rows' seconds"
AGREE, CHANCE = "nearest clip has the same category", "the same by chance"
SHARED = "of ten nearest clips both files name"
TAKEN = "rows of the other file that are nearest to any"


@dataclass(frozen=True)
class Modality:
    """What one file holds of a modality: N clips of T segments, vectors of D numbers."""
    means: np.ndarray                    # (N,T,D) float32, of the regions of a map
    numbers: dict[str, float]            # by name
    whole: bool                          # whether all numbers are whole ones from 0 to 255


@dataclass(frozen=True)
class Comparison:
    """The numbers of two files side by side, and what probably made the difference, in words."""
    table: pd.DataFrame                  # columns: modality, number, and the two files
    causes: tuple[str, ...]

    def __str__(self) -> str:
        table = self.table.to_string(index=False, na_rep="",
                                     float_format=lambda value: f"{value:.{4 if value % 1 else 15}g}")
        return "\n".join([table, *(f"- {cause}" for cause in self.causes or ["none of the usual causes is seen"])])


def compare(first: str | PathLike, second: str | PathLike, annotations: str | PathLike | None = None) -> Comparison:
    """Looks at two files of features of the same clips, and names the usual causes of lower accuracies that it sees.

    Args:
        first, second: prepared files, or HDF5 files with one array (N,T,...,D), as the official ones are; the first one
            is trusted. The modalities that both have are compared, without the split "background"; the rows of prepared
            files are matched by the clips' ids, others by their numbers.
        annotations: the official `Annotations.txt`, by whose categories the order of a file without labels is judged.
    A clip's vector is the mean over its segments and regions; rows are near by the cosine of these vectors, less the
    file's mean. Where the order is right, a clip's nearest is mostly of its own category, else as often as by chance.
    Raises VscgError: a file that is damaged or holds no features, or no modality that both have.
    """
    paths = [Path(path) for path in (first, second)]
    marks = read_annotations(annotations) if annotations else None
    found = [_read(path) for path in paths]
    shared = [kind for kind in ("visual", "audio") if all(kind in features for features, *_ in found)]
    if not shared:
        raise VscgError(f"{paths[1]}: nothing to compare with {paths[0]}: one has {' and '.join(found[0][0])}, the "
                        f"other {' and '.join(found[1][0])} features")
    rows, causes = [], []
    ids = [names for _, _, names in found]
    if all(ids):
        found = _matched(paths, found)
        rows.append(("both", "clips of the same id", *2 * [len(found[0][2])]))
    for kind in shared:
        pair = [features[kind] for features, *_ in found]
        columns = []
        for one, (_, category, _) in zip(pair, found, strict=True):
            category = marks.category if category is None and marks else category
            known = category is not None and len(category) == len(one.means)
            columns.append(one.numbers | (_order(one, category) if known else {}))
        both = _between(*pair)
        names = dict.fromkeys([*columns[0], *columns[1]])
        rows += [(kind, name, *(column.get(name, np.nan) for column in columns)) for name in names]
        rows += [(kind, name, value, value) for name, value in both.items()]
        causes += [f"{kind}: {cause}" for cause in _causes(pair, columns, both)]
    counts = [len(features[shared[0]].means) for features, *_ in found]
    if marks and len(marks) not in [count for count, (_, category, _) in zip(counts, found, strict=True)
                                    if category is None]:
        causes.append(f"the {len(marks):,} lines of {Path(annotations).name} were not used: they are for files of as "
                      "many clips without categories of their own")
    if marks and counts[0] == len(marks) != counts[1]:
        again = len(marks) - len(set(marks.video_ids))
        causes.append(f"{len(marks)} lines of {Path(annotations).name} are of {len(marks) - again} videos: {again} "
                      "lines are of a video that has a line already, and each line needs a row of its own")
    return Comparison(pd.DataFrame(rows, columns=["modality", "number", *map(str, paths)]), tuple(causes))


def _read(path: Path) -> tuple[dict[str, Modality], np.ndarray | None, list[str]]:
    """The modalities of a file, and, of a prepared one, its clips' categories and ids."""
    with opened(path) as handle:
        if is_prepared(handle, path):
            data = read_layout(handle, path)
            rows = np.setdiff1d(np.arange(len(data)), data.splits["background"])
            category = data.category[()][rows]
            known = (category != data.dims.background).any()           # of what `extract` wrote no clip has one
            return ({kind: _look(path, getattr(data, kind), rows) for kind in ("visual", "audio")},
                    category if known else None, [data.video_ids[row] for row in rows])
        keys = [key for key in handle if isinstance(handle[key], h5py.Dataset)]
        if KEY not in keys and len(keys) != 1:
            raise VscgError(f"{path}: neither a prepared file nor one array of features; it has "
                            f"{', '.join(keys[:8]) or 'none'}")
        values = array(handle, path, KEY if KEY in keys else keys[0], (None, None, None, ...))
        named = [kind for kind in ("visual", "audio") if kind in path.name.lower()]
        if values.ndim == 3 and len(named) != 1:           # of pictures they may be averaged over the regions
            raise VscgError(f"{path}: features of sound or of pictures? Its name must hold the word audio or visual")
        kind = "visual" if values.ndim > 3 else named[0]
        return {kind: _look(path, values, np.arange(len(values)))}, None, []


def _matched(paths: list[Path], found: list[tuple]) -> list[tuple]:
    """The files cut to the clips that both have, in the first one's order; the k-th row of an id goes with the k-th."""
    ids = [pd.Series(of_file) for *_, of_file in found]
    first, second = (pd.MultiIndex.from_arrays([names, names.groupby(names).cumcount()]) for names in ids)
    both = first.intersection(second, sort=False)
    if both.empty:
        raise VscgError(f"{paths[1]}: no clip has an id that is in {paths[0]}, whose first is {found[0][2][0]!r}; "
                        f"here it is {found[1][2][0]!r}")
    return [({kind: replace(one, means=one.means[at]) for kind, one in features.items()},
             None if category is None else category[at], [names[row] for row in at])
            for (features, category, names), at in
            zip(found, (first.get_indexer(both), second.get_indexer(both)), strict=True)]


def _blocks(path: Path, values: h5py.Dataset, rows: np.ndarray) -> Iterator[np.ndarray]:
    with tqdm(total=len(rows), desc=path.name, unit="clip", disable=None) as bar:
        for first in range(0, len(rows), BLOCK):
            block = values[rows[first:first + BLOCK]].astype(np.float32)
            if not np.isfinite(block).all():
                bad = rows[first + int((~np.isfinite(block)).reshape(len(block), -1).any(1).argmax())]
                raise VscgError(f"{path}: row {bad} has a number that is not finite; compute that clip's features anew")
            yield block
            bar.update(len(block))


def _look(path: Path, values: h5py.Dataset, rows: np.ndarray) -> Modality:
    """One pass over some clips, in rising order."""
    count = len(rows)
    if not count or 0 in values.shape:
        raise VscgError(f"{path}: there is no clip in it")
    sums, means, largest, whole = np.zeros(4), [], -np.inf, True
    for block in _blocks(path, values, rows):
        exact = block.astype(np.float64)
        sums += [(block == 0).sum(), (block < 0).sum(), exact.sum(), (exact**2).sum()]
        largest, whole = max(largest, float(block.max())), whole and bool(
            ((block == np.rint(block)) & (block >= 0) & (block <= 255)).all())
        means.append(block.reshape(*block.shape[:2], -1, block.shape[-1]).mean(2))
    zero, negative, mean, square = (sums / (count * np.prod(values.shape[1:], dtype=float))).tolist()
    means = np.concatenate(means)
    channels = means.reshape(-1, means.shape[-1])
    varying = channels[:, channels.std(0) > 0]
    together = np.abs(np.corrcoef(varying.T)) if varying.shape[1] > 1 else np.ones((1, 1))
    apart = (together.sum() - len(together)) / max(1, together.size - len(together))
    return Modality(means, {
        "clips": count, "segments": values.shape[1], "regions": float(np.prod(values.shape[2:-1])),
        "width": values.shape[-1], "share of zeros": zero, "share of negative numbers": negative, "mean": mean,
        "standard deviation": max(0.0, square - mean**2)**0.5, "maximum": largest,
        "mean |correlation| of two channels": float(apart)}, whole)


def _vectors(means: np.ndarray) -> np.ndarray:
    """One vector for each clip, less the file's mean and of length 1: (N,T,D) or (N,D) to (N,D)."""
    vectors = means.mean(1) if means.ndim == 3 else means
    vectors = vectors - vectors.mean(0)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _nearest(rows: np.ndarray, others: np.ndarray, count: int, itself: bool) -> np.ndarray:
    """The `count` rows of `others` that are nearest to each of `rows`, the nearest first: (N,count)."""
    found = []
    for first in range(0, len(rows), 512):
        cosine = rows[first:first + 512] @ others.T
        if not itself:
            cosine[np.arange(len(cosine)), first + np.arange(len(cosine))] = -np.inf
        best = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        found.append(np.take_along_axis(best, np.argsort(-np.take_along_axis(cosine, best, 1), axis=1), 1))
    return np.concatenate(found)


def _order(one: Modality, category: np.ndarray) -> dict[str, float]:
    """Does the order of the rows fit the labels?"""
    if len(category) < 3:
        return {}
    vectors, share = _vectors(one.means), np.bincount(category) / len(category)
    near = _nearest(vectors, vectors, 1, itself=False)[:, 0]
    return {AGREE: float((category[near] == category).mean()), CHANCE: float((share**2).sum())}


def _between(a: Modality, b: Modality) -> dict[str, float]:
    """How the rows of two files go together, as far as their shapes allow to say."""
    (clips, segments, width), other = a.means.shape, b.means.shape
    numbers = {}
    if clips == other[0] > NEAR + 1:
        own = [_nearest(v, v, NEAR, itself=False) for v in (_vectors(a.means), _vectors(b.means))]
        numbers[SHARED] = float(np.mean([len(np.intersect1d(*both)) for both in zip(*own, strict=True)]) / NEAR)
    if width == other[2]:
        near = _nearest(_vectors(a.means), _vectors(b.means), 1, itself=True)[:, 0]
        numbers[SAME] = float((near == np.arange(clips)).mean())
        numbers[TAKEN] = len(np.unique(near)) / other[0]
    if a.means.shape == other:
        for shift in (0, *((-1, 1) if segments > 1 else ())):
            here = a.means[:, max(0, -shift):segments - max(0, shift)]
            there = b.means[:, max(0, shift):segments - max(0, -shift)]
            value = float((_vectors(here.reshape(-1, width)) * _vectors(there.reshape(-1, width))).sum(1).mean())
            numbers[CORRELATION if not shift else f"the same, {'next' if shift > 0 else 'previous'} second"] = value
    return numbers


def _causes(pair: list[Modality], columns: list[dict], both: dict[str, float]) -> list[str]:
    """The usual causes that are seen in the second file and not in the first; other frames where there is no other."""
    (a, b), (first, second), causes = pair, columns, []

    def say(name: str, why: str) -> None:
        causes.append(f"{name}: {why}")

    negative, apart = "share of negative numbers", "mean |correlation| of two channels"
    if first[negative] == 0 < second[negative]:
        say("no ReLU", f"{100 * second[negative]:.0f}% of the second file's numbers are negative, none of the first: "
            "the published features are taken after the last ReLU")
    if b.whole and not a.whole:
        say("whole numbers from 0 to 255", "VGGish's post-processing (PCA, whitening, 8 bits) was applied; the "
            "published features are those before it")
    noise = (len(b.means) * b.means.shape[1])**-0.5
    if first[apart] > max(4 * second[apart], 3 * noise):
        say("PCA or whitening", f"two channels correlate by {second[apart]:.2f} on average, in the first file by "
            f"{first[apart]:.2f}: the published features have none of it")
    if len(a.means) != len(b.means):
        words = ("one row for each video, while a video that is annotated twice needs two"
                 if {len(a.means), len(b.means)} == {4143, 4097} else "rows cannot stand for the same lines")
        say("other rows", f"{len(a.means):,} clips against {len(b.means):,}: {words}")
    elif SAME in both and both[SAME] < 0.5 < both[TAKEN]:
        say("other order", f"{100 * (1 - both[SAME]):.0f}% of the rows are nearest to another row of the second file: "
            "sort them as the lines of the annotations are")
    elif SAME not in both and SHARED in both and both[SHARED] < 2 * NEAR / len(a.means):
        say("other order", "which clips are near to each other is no more alike in the two files than by chance: "
            "sort the rows as the lines of the annotations are")
    if AGREE in first and AGREE in second and second[AGREE] < 1.5 * second[CHANCE] < first[AGREE]:
        say("order against the annotations", "a clip's nearest is of its category no more often than by chance: the "
            "rows are not in the order of the lines")
    spread = float(b.means.std() / max(a.means.std(), 1e-30))          # of the rows that both have
    if not 0.5 <= spread <= 2 and not b.whole:
        say("other scale", f"the spread is {spread:.2g} times that of the first file: pictures or sound are scaled "
            "otherwise before the network, or features after it")
    if not causes and CORRELATION in both and both[SAME] >= 0.5:
        moved = {shift: both.get(f"the same, {shift} second", -1.0) for shift in ("previous", "next")}
        best = max(moved, key=moved.get)
        if moved[best] > both[CORRELATION] + 0.02:
            say("other frames", f"each second of the first file goes best with the {best} second of the second file, "
                f"{moved[best]:.2f} against {both[CORRELATION]:.2f}: the segments begin at other times")
        elif both[CORRELATION] < 0.95:
            say("other frames", f"the same clips in the same order, but their seconds correlate by "
                f"{both[CORRELATION]:.2f} only: other pictures or sounds of a second, other resizing, or other weights")
    return causes
