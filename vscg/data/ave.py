"""The official AVE files: checked, made one prepared file, and what is odd about them without being a fault."""
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np
from tqdm import tqdm

from vscg.data import prepared
from vscg.data.labels import AVE, BACKGROUND, CLASSES, SEGMENTS, labels_from_annotations, read_annotations
from vscg.data.prepared import BLOCK, array, one_hot, opened, read_layout, verify
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.machine.files import file_sum

ANNOTATIONS = "Annotations.txt"
ORDERS = {"train": "train_order.h5", "val": "val_order.h5", "test": "test_order.h5"}
FEATURES = {"visual": "visual_feature.h5", "audio": "audio_feature.h5"}               # annotated clips
NOISY = {"visual": "visual_feature_noisy.h5", "audio": "audio_feature_noisy.h5"}      # background-only clips
NOISY_LABELS, CLIP_LABELS = "labels_noisy.h5", "mil_labels.h5"
REQUIRED = (ANNOTATIONS, *ORDERS.values(), *FEATURES.values(), *NOISY.values(), NOISY_LABELS)
KEY, ORDER_KEY = "avadataset", "order"
FLOATS = ("float64", "float32")


@dataclass(frozen=True)
class Report:
    """What was looked at and found to be sound, and what is odd without being a fault; `str()` of it is for reading."""
    path: Path
    lines: tuple[str, ...]
    absent: tuple[str, ...] = ()       # official files that are not in the folder, or ids of clips without features

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: no fault found", *(f"  {line}" for line in self.lines)])


def check(path: str | PathLike) -> Report:
    """Checks an official AVE folder (whichever files are there) or a prepared file, in constant memory.

    Looks at keys, shapes, dtypes, finite values, one-hot rows, splits and repeated videos. Raises VscgError, naming the
    file, the data set and the first bad index, for a fault. Repeated videos are reported: the real AVE has them.
    """
    path = Path(path)
    return _check_official(path) if path.is_dir() else _check_prepared(path)


def _check_official(folder: Path) -> Report:
    there = {name for name in (*REQUIRED, CLIP_LABELS) if (folder / name).is_file()}
    absent = tuple(name for name in REQUIRED if name not in there)
    if ANNOTATIONS in absent:
        raise VscgError(f"{folder}: {ANNOTATIONS} is missing; get it with `python -m vscg data download {folder}`")
    marks = read_annotations(folder / ANNOTATIONS)
    lines = [f"{ANNOTATIONS}: {len(marks)} clips of {len(set(marks.video_ids))} videos, "
             f"{np.sum(marks.start == marks.end)} without an event segment"]
    if present := [name for name, file in ORDERS.items() if file in there]:
        lines += split_lines(marks.video_ids, marks.category, read_orders(folder, len(marks), present))
    if CLIP_LABELS in there:
        with opened(folder / CLIP_LABELS) as handle:
            tags = array(handle, folder / CLIP_LABELS, KEY, (len(marks), CLASSES), FLOATS)[()]
        same = tags == np.eye(CLASSES)[marks.category]
        verify(folder / CLIP_LABELS, KEY, 0, same.all(-1), "not the category of the annotation")
        lines.append(f"{CLIP_LABELS}: equals the categories of the annotations")
    background = None
    if NOISY_LABELS in there:
        background = check_noisy_labels(folder / NOISY_LABELS)
        lines.append(f"{NOISY_LABELS}: {background} rows, all background")
    for files, clips in ((FEATURES, len(marks)), (NOISY, background)):
        for modality, name in files.items():
            if name in there:
                clips = clip_count(folder / name, modality, clips)
                with tqdm(total=clips, desc=name, unit="clip", disable=None) as bar:
                    for block in stream(folder / name, modality, clips):
                        bar.update(len(block))
                lines.append(f"{name}: {clips} clips, all values finite")
    return Report(folder, (*lines, *(f"absent: {name}" for name in absent)), absent)


def _check_prepared(path: Path) -> Report:
    with opened(path) as handle:
        data = read_layout(handle, path)
        with tqdm(total=len(data), desc=path.name, unit="clip", disable=None) as bar:
            for _, block in prepared.blocks(data):
                bar.update(len(block["category"]))
        kinds = ", ".join(f"{key} {getattr(data, key).dtype}" for key in prepared.DTYPES)
        lines = [f"prepared data set {data.name!r}, fingerprint {data.fingerprint[:12]}, {len(data)} clips ({kinds})",
                 f"sizes: {data.dims}",
                 "all features finite, all labels one-hot and of the clip's category",
                 *split_lines(data.video_ids, data.category[()], data.splits),
                 *category_lines(data.dims.categories, data.category[()], data.splits)]
    return Report(path, tuple(lines))


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
    uncovered = np.setdiff1d(np.arange(clips), np.concatenate(list(splits.values())))
    repeated = repeated_videos(video_ids).values()
    agreeing = sum(len({category[row] for row in rows}) < len(rows) for rows in repeated)
    return [f"splits: {sizes}; they share no row",
            f"{len(uncovered)} of {clips} clips are in no split, the first is row {uncovered[0]}" if len(uncovered)
            else f"every one of the {clips} clips is in a split",
            f"{len(repeated)} videos are annotated more than once, {agreeing} of them with one category twice",
            *(f"{len(videos)} videos are in both {a} and {b}, the first is {min(videos)}"
              for (a, b), videos in shared_videos(video_ids, splits).items() if videos)]


def category_lines(names: Sequence[str], category: np.ndarray, splits: Mapping[str, np.ndarray]) -> list[str]:
    """Readable lines on the clips of each category, `names`, in the splits, and on what training will not see."""
    counts = {name: [int(np.sum(category[splits[part]] == number)) for part in ("train", "val", "test")]
              for number, name in enumerate(names)}
    unseen = [name for name, (train, *others) in counts.items() if not train and any(others)]
    empty = [part for part in ("train", "val", "test") if not len(splits[part])]
    return ["clips in train, val and test: " + "; ".join(f"{name} {'/'.join(map(str, each))}"
                                                         for name, each in counts.items()),
            *([f"no training clip, though others have it: {', '.join(unseen)}"] if unseen else []),
            *([f"no clip in {' and '.join(empty)}: a run needs all three splits"] if empty else [])]


def read_orders(folder: Path, clips: int, names: Sequence[str] = tuple(ORDERS)) -> dict[str, np.ndarray]:
    """The official split, name to (n,) int64 row numbers of the annotations; VscgError as `verify_splits`."""
    splits = {}
    for name in names:
        with opened(path := folder / ORDERS[name]) as handle:
            splits[name] = array(handle, path, ORDER_KEY, (None,), ("int64", "int32"))[()].astype(np.int64)
    prepared.verify_splits(folder, {ORDERS[name]: rows for name, rows in splits.items()}, clips)
    return splits


def check_noisy_labels(path: Path) -> int:
    """Checks that every row of `labels_noisy.h5` is one-hot at background, and returns the number of rows."""
    with opened(path) as handle:
        rows = array(handle, path, KEY, (None, CLASSES), FLOATS)[()]
    verify(path, KEY, 0, one_hot(rows), "not one-hot over the 29 classes")
    verify(path, KEY, 0, rows[:, BACKGROUND] == 1, "not background")
    return len(rows)


def _features(handle: h5py.File, path: Path, modality: str, clips: int | None) -> h5py.Dataset:
    """The features (clips,10,7,7,512) or (clips,10,128) in an open official file, not read yet; `clips` None: any."""
    return array(handle, path, KEY, (clips, *AVE.rows()[modality]), FLOATS)


def clip_count(path: Path, modality: str, clips: int | None = None) -> int:
    """Number of clips in a feature file, after checks of its form, not of its values. Raises VscgError."""
    with opened(path) as handle:
        return len(_features(handle, path, modality, clips))


def stream(path: Path, modality: str, clips: int, dtype: str = "float64",
           digests: dict[str, str] | None = None) -> Iterator[np.ndarray]:
    """Yields the features of a file, up to 16 clips at a time; VscgError at a value that is no finite `dtype` number.

    With `digests` the file's SHA-256 is put there, hashed at the pace of the reading: the disk is read once.
    """
    digest, size, limit = hashlib.sha256(), path.stat().st_size, np.finfo(dtype).max
    with opened(path) as handle, path.open("rb") as raw:
        found = _features(handle, path, modality, clips)
        for start in range(0, clips, BLOCK):
            block = found[start:start + BLOCK]
            verify(path, KEY, start, np.isfinite(block), "not a finite number")
            verify(path, KEY, start, np.abs(block) <= limit, f"too large for {dtype}; prepare with float32")
            yield block
            if digests is not None:
                _advance(digest, raw, size * min(start + BLOCK, clips) // clips)
        if digests is not None:
            _advance(digest, raw, size)
            digests[path.name] = digest.hexdigest()


def _advance(digest, raw: BinaryIO, goal: int) -> None:
    while raw.tell() < goal:
        if not (part := raw.read(min(2**20, goal - raw.tell()))):
            raise OSError("it has become shorter while it was read")
        digest.update(part)


def prepare_ave(source_dir: str | PathLike, target: str | PathLike, visual_dtype: str = "float16") -> Report:
    """Streams the official AVE files in `source_dir` into the prepared file `target`; returns what was written.

    The N annotated clips come first, as in `Annotations.txt`, then the M background-only clips as rows N to N+M-1. The
    SHA-256 of every source file is recorded; the fingerprint is that of these sums and `visual_dtype`, float16 or
    float32. Interrupted, no file appears under `target`, and the next call starts anew. Raises VscgError for missing
    files (all are listed) and for every fault in them, with file, data set and index.
    """
    folder, target = Path(source_dir), Path(target)
    if not folder.is_dir():
        raise VscgError(f"{folder}: no such folder; check the path")
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise VscgError(f"{folder}: missing {', '.join(missing)}; get them with "
                        f"`python -m vscg data download {folder} --features`")
    marks = read_annotations(folder / ANNOTATIONS)
    clips, background = len(marks), check_noisy_labels(folder / NOISY_LABELS)
    splits = {**read_orders(folder, clips), "background": np.arange(clips, clips + background)}
    for files, count in ((FEATURES, clips), (NOISY, background)):
        for modality, name in files.items():               # all forms are checked before the hour of copying begins
            clip_count(folder / name, modality, count)
    labels = np.zeros((clips + background, SEGMENTS, CLASSES), np.uint8)
    labels[:clips] = labels_from_annotations(marks)
    labels[clips:, :, BACKGROUND] = 1
    category = np.concatenate([marks.category, np.full(background, BACKGROUND)])
    video_ids = (*marks.video_ids, *(f"background-{number:03d}" for number in range(background)))

    digests = {name: file_sum(folder / name) for name in (ANNOTATIONS, *ORDERS.values(), NOISY_LABELS)}
    with (PreparedWriter(target, clips + background, "ave", visual_dtype=visual_dtype) as writer,
          tqdm(total=clips + background, desc=f"prepare {target.name}", unit="clip", disable=None) as bar):
        row = 0
        for files, count in ((FEATURES, clips), (NOISY, background)):
            visual = stream(folder / files["visual"], "visual", count, visual_dtype, digests)
            audio = stream(folder / files["audio"], "audio", count, "float32", digests)
            for seen, heard in zip(visual, audio, strict=True):
                rows = slice(row, row + len(seen))
                writer.append(seen, heard, labels[rows], category[rows], video_ids[rows])
                bar.update(len(seen))
                row = rows.stop
        identity = json.dumps({"sources": digests, "visual_dtype": visual_dtype}, sort_keys=True)
        writer.sources, writer.fingerprint = digests, hashlib.sha256(identity.encode()).hexdigest()
        writer.splits(**splits)
    return Report(target, (
        f"{clips} annotated and {background} background-only clips, {target.stat().st_size / 2**30:.2f} GiB, visual "
        f"{visual_dtype}", f"fingerprint {writer.fingerprint}", *split_lines(video_ids, category, splits)))


def made_from(path: Path, folder: Path) -> bool:
    """Whether a prepared file was made from those official files that are in `folder`, as far as a moment can tell.

    The recorded SHA-256 is compared; of the large visual features some clips are instead.
    """
    with opened(path) as handle:
        data, sources = read_layout(handle, path), json.loads(prepared.attribute(handle, path, "sources"))
        if not set(REQUIRED) <= set(sources):              # whatever it is, it was not made by `prepare_ave`
            raise VscgError(f"the file {path} was not made from the official AVE files, so it is not replaced; move it "
                            "away, then it is made from them, or give its path as the data set")
        annotated = len(data) - len(data.splits["background"])
        places = {FEATURES["visual"]: slice(0, annotated), NOISY["visual"]: slice(annotated, len(data))}
        return all(_same_clips(folder / name, data.visual, places[name]) if name in places
                   else file_sum(folder / name) == recorded
                   for name, recorded in sources.items() if (folder / name).is_file())


def _same_clips(path: Path, stored: h5py.Dataset, place: slice) -> bool:
    """Whether an official file's visual features are those in some rows of a prepared file: a dozen clips of them."""
    with opened(path) as handle:
        found = _features(handle, path, "visual", None)
        return len(found) == place.stop - place.start and all(
            np.array_equal(found[row].astype(stored.dtype), stored[place.start + row])
            for row in range(0, len(found), max(1, len(found) // 10)))
