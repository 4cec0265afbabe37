"""Checks data before it is used: the official AVE files or a prepared file."""
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vscg.data import hdf5, official
from vscg.data.hdf5 import verify
from vscg.data.labels import CLASSES, presence_target, read_annotations
from vscg.data.prepared import read_layout, verify_rows
from vscg.errors import VscgError


@dataclass(frozen=True)
class Report:
    """What was looked at and found to be sound, and what is odd without being a fault; `str()` of it is for reading."""
    path: Path
    lines: tuple[str, ...]
    absent: tuple[str, ...] = ()                           # official files that are not in the folder

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: no fault found", *(f"  {line}" for line in self.lines)])


def check(path: str | PathLike) -> Report:
    """Checks an official AVE folder (whichever files are there) or a prepared file, in constant memory.

    Looks at keys, shapes, dtypes, finite values, one-hot rows, splits and repeated videos. Raises VscgError, naming the
    file, the data set and the first bad index, for a fault. Repeated videos are reported: the real AVE has them.
    """
    path = Path(path)
    return _check_official(path) if path.is_dir() else _check_prepared(path)


def repeated_videos(video_ids: Sequence[str]) -> dict[str, list[int]]:
    """Videos that are annotated more than once: id to the rows of its clips."""
    rows = defaultdict(list)
    for row, video in enumerate(video_ids):
        rows[video].append(row)
    return {video: found for video, found in rows.items() if len(found) > 1}


def shared_videos(video_ids: Sequence[str], splits: Mapping[str, np.ndarray]) -> dict[tuple[str, str], set[str]]:
    """For each pair of splits, the ids of the videos that have a clip in both."""
    members = {name: {video_ids[row] for row in rows} for name, rows in splits.items()}
    return {(a, b): members[a] & members[b] for a, b in combinations(members, 2)}


def split_lines(video_ids: Sequence[str], category: np.ndarray, splits: Mapping[str, np.ndarray]) -> list[str]:
    """Readable lines on the coverage of the splits of N clips and on repeated videos; `category` is (N,)."""
    clips = len(category)
    sizes = ", ".join(f"{len(rows)} {name}" for name, rows in splits.items())
    lines = [f"splits: {sizes}; they share no row"]
    uncovered = np.setdiff1d(np.arange(clips), np.concatenate(list(splits.values())))
    lines.append(f"{len(uncovered)} of {clips} clips are in no split, the first is row {uncovered[0]}" if len(uncovered)
                 else f"every one of the {clips} clips is in a split")
    repeated = repeated_videos(video_ids)
    agreeing = sum(len({category[row] for row in rows}) < len(rows) for rows in repeated.values())
    lines.append(f"{len(repeated)} videos are annotated more than once, {agreeing} of them with one category twice")
    for (a, b), videos in shared_videos(video_ids, splits).items():
        if videos:
            lines.append(f"{len(videos)} videos are in both {a} and {b}, the first is {min(videos)}")
    return lines


def _check_official(folder: Path) -> Report:
    there = {name for name in (*official.REQUIRED, "mil_labels.h5") if (folder / name).is_file()}
    absent = tuple(name for name in official.REQUIRED if name not in there)
    if official.ANNOTATIONS in absent:
        raise VscgError(f"{folder}: {official.ANNOTATIONS} is missing; get it with `python -m vscg data download`")
    marks = read_annotations(folder / official.ANNOTATIONS)
    lines = [f"{official.ANNOTATIONS}: {len(marks)} clips of {len(set(marks.video_ids))} videos, "
             f"{np.sum(marks.start == marks.end)} without an event segment"]
    present = tuple(name for name, file in official.ORDERS.items() if file in there)
    if present:
        splits = official.read_orders(folder, len(marks), present)
        lines += split_lines(marks.video_ids, marks.category, splits)
    if "mil_labels.h5" in there:
        path = folder / "mil_labels.h5"
        with hdf5.opened(path) as handle:
            found = hdf5.dataset(handle, path, official.KEY, (len(marks), CLASSES), ("float32", "float64"))
            same = (found[()] == presence_target(marks)).all(-1)
        verify(str(path), official.KEY, 0, same, "not the category of the annotation")
        lines.append("mil_labels.h5: equals the categories of the annotations")
    background = None
    if official.NOISY_LABELS in there:
        background = official.check_noisy_labels(folder / official.NOISY_LABELS)
        lines.append(f"{official.NOISY_LABELS}: {background} rows, all background")
    for files, clips in ((official.FEATURES, len(marks)), (official.NOISY, background)):
        for modality, name in files.items():
            if name in there:
                clips = official.clip_count(folder / name, modality, clips)
                with tqdm(total=clips, desc=name, unit="clip", disable=None) as bar:
                    for block in official.stream(folder / name, modality, clips):
                        bar.update(len(block))
                lines.append(f"{name}: {clips} clips, all values finite")
    lines += [f"absent: {name}" for name in absent]
    return Report(folder, tuple(lines), absent)


def _check_prepared(path: Path) -> Report:
    with hdf5.opened(path) as handle:
        layout = read_layout(handle, path)
        clips, category = len(layout.video_ids), []
        with tqdm(total=clips, desc=path.name, unit="clip", disable=None) as bar:
            for rows, block in layout.blocks():
                verify_rows(str(path), rows.start, block)
                category.append(block["category"])
                bar.update(rows.stop - rows.start)
        kinds = ", ".join(f"{key} {array.dtype}" for key, array in layout.arrays.items())
    lines = [f"prepared data set {layout.name!r}, fingerprint {layout.fingerprint[:12]}, {clips} clips ({kinds})",
             "all features finite, all labels one-hot and of the clip's category"]
    return Report(path, (*lines, *split_lines(layout.video_ids, np.concatenate(category), layout.splits)))
