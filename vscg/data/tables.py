"""Annotation tables of data sets in AVE's manner, each in its own form, read as one: who, what, and in which segments.

Three forms, told apart by the header; columns are found by their names, in any order and case, others are passed over:

- AVE: fields between `&`, `Category&VideoID&Quality&StartTime&EndTime`; without a header these five, in this order.
- times: CSV with the video's id, its category, and the event's onset and offset in seconds.
- zeros and ones: CSV with the video's id, its category, and a column of 0 and 1 for each segment (named by its number,
  as in `0`, `1` or `seg_0`, `seg_1`), or one column `labels` with all of them, as in `[0, 1, 1]` or `011`.
"""
import codecs
import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from vscg.errors import VscgError

AVE_HEADER = ("Category", "VideoID", "Quality", "StartTime", "EndTime")
NAMES = {                                # column -> what headers call it, in small letters and digits
    "id": ("videoid", "vid", "id", "video", "clip", "clipid", "youtubeid", "ytid", "name", "filename",
           "vidname"),
    "category": ("category", "class", "event", "eventcategory", "label", "clsname"),
    "onset": ("starttime", "start", "onset", "begin"), "offset": ("endtime", "end", "offset"),
    "split": ("split", "set", "subset", "partition"), "flags": ("labels", "flags", "temporallabels"),
}
BOTH = "both onset and offset, and zeros and ones for the segments; leave one of them out"
SPLITS = {"train": "train", "val": "val", "test": "test", "training": "train", "validation": "val"}


@dataclass(frozen=True)
class Mark:
    """A line of a table: a clip, and where its event is."""
    where: str                           # file and line, for messages
    video_id: str
    category: str                        # "background" of a clip without event
    split: str                           # train, val or test
    interval: tuple[float, float] | None = None      # s
    flags: np.ndarray | None = None      # (T,) bool

    def events(self, segments: int) -> np.ndarray:
        """Which of a clip's segments hold the event, (segments,) bool; of an interval those that are half in it.

        Segment t lasts from second t to t + 1. Raises VscgError where the table knows of other segments.
        """
        if self.flags is not None:
            if len(self.flags) != segments:
                raise VscgError(f"{self.where}: {len(self.flags)} zeros and ones, but the features of {self.video_id} "
                                f"have {segments} segments")
            return self.flags
        onset, offset = self.interval
        if offset > segments:
            raise VscgError(f"{self.where}: the event ends at {offset:g} s, but the features of {self.video_id} have "
                            f"{segments} segments of one second")
        second = np.arange(segments)
        return np.minimum(second + 1, offset) - np.maximum(second, onset) >= 0.5 - 1e-9      # 0.7 - 0.2


def read_tables(paths: Sequence[str | PathLike]) -> list[Mark]:
    """The lines of one table that has a column `split`, or of three tables: training, validation and test clips.

    VscgError, with file and line: no such file, no text, a column that is missing, or a line of another form.
    """
    if len(paths) == 3:
        return [replace(mark, split=split) for split, path in zip(("train", "val", "test"), paths, strict=True)
                for mark in _read(path)]
    if len(paths) != 1:
        raise VscgError(f"{len(paths)} annotation tables: give one with a column 'split', or three, of the training, "
                        "validation and test clips in this order")
    marks = _read(paths[0])
    for mark in marks:
        if mark.split not in SPLITS:
            raise VscgError(f"{mark.where}: the split is {mark.split!r}; give train, val or test in a column 'split', "
                            "or three tables: of the training, validation and test clips")
    return marks


def _read(path: str | PathLike) -> list[Mark]:
    try:
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):  # a pipe is read once, here twice
            raise VscgError(f"{path}: no regular file; put a file there")
        text = Path(path).read_bytes().removeprefix(codecs.BOM_UTF8).decode()
    except OSError as error:
        raise VscgError(f"{path}: cannot be read ({error.strerror}); name an annotation table") from error
    except UnicodeDecodeError as error:
        raise VscgError(f"{path}: not UTF-8 text; save the table as text in UTF-8, in Excel as 'CSV UTF-8'") from error
    lines = re.split("\r\n|\r|\n", text)          # not at other signs that str.splitlines takes for ends of lines
    # Empty lines, and what Excel writes above a header.
    above = next((n for n, line in enumerate(lines) if line.strip() and not re.fullmatch("sep=.?", line.strip())), None)
    if above is None:
        raise VscgError(f"{path}: the table is empty")
    lines = lines[above:]
    first = lines[0]
    delimiter = max("&,;\t", key=first.count)
    headless = "&" in first and first.partition("&")[0].strip().lower() != "category"
    if headless:
        lines.insert(0, "&".join(AVE_HEADER))
    shift = above - headless     # line numbers of the file, with or without a header
    header, *rows = [_fields(line, delimiter, f"{path}, line {number}")
                     for number, line in enumerate(lines, 1 + shift)]
    for number, row in enumerate(rows, 2 + shift):
        if any(field.strip() for field in row[len(header):]):
            raise VscgError(f"{path}, line {number}: {len(row)} fields, but the header has {len(header)}; " + (
                "no field may hold '&'" if delimiter == "&" else
                f"put a field that holds {delimiter!r} between quotation marks"))
    columns, flags = _columns(header, path)
    missing = [name for name in ("id", "category") if name not in columns]
    if not flags and "flags" not in columns:
        missing += [name for name in ("onset", "offset") if name not in columns]
    if missing:
        raise VscgError(f"{path}: no column for {' and '.join(missing)} in the header {', '.join(header)[:200]}; "
                        "expected are a video's id, its category, and onset and offset, or a column of 0 and 1 for "
                        "each segment; read are " + "; ".join(f"{name}: {', '.join(NAMES[name])}" for name in missing))
    return [_mark(row, columns, flags, f"{path}, line {number}")
            for number, row in enumerate(rows, 2 + shift) if any(field.strip() for field in row)]


def _fields(line: str, delimiter: str, where: str) -> list[str]:
    """Of one line alone: an open quotation mark would take in the lines behind it."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True,
                               quoting=csv.QUOTE_NONE if delimiter == "&" else csv.QUOTE_MINIMAL), [])
    except csv.Error as error:
        raise VscgError(f"{where}: no line of a table ({error}); mend its quotation marks") from error


def _columns(header: Sequence[str], path: str | PathLike) -> tuple[dict[str, int], list[int]]:
    """Column numbers by what they hold, and those of the zeros and ones in the order of the segments."""
    plain = [re.sub(r"[(\[] *(s|sec|seconds?) *[)\]]|[^a-z0-9]", "", name.lower()) for name in header]
    columns = {key: next(plain.index(name) for name in names if name in plain)
               for key, names in NAMES.items() if any(name in plain for name in names)}
    numbered = [(int(found[1]), at) for at, name in enumerate(plain)
                if (found := re.fullmatch("[a-z]*?([0-9]{1,9})", name))]
    if "flags" in columns:
        return columns, []
    if "onset" in columns and "offset" in columns:         # with these a number at the end of a name is something else
        if sum(bool(re.fullmatch("(seg|segment)?[0-9]+", plain[at])) for _, at in numbered) > 1:
            raise VscgError(f"{path}: {BOTH}")
        return columns, []
    if len({number for number, _ in numbered}) < len(numbered):
        raise VscgError(f"{path}: two columns for one segment in the header {', '.join(header)[:200]}; give one of 0 "
                        "and 1 for each")
    return columns, [at for _, at in sorted(numbered)]


def _mark(row: list[str], columns: dict[str, int], flags: list[int], where: str) -> Mark:
    wanted = max([*columns.values(), *flags]) + 1
    if len(row) < wanted:
        raise VscgError(f"{where}: {len(row)} field(s), expected at least {wanted}")
    row = [field.strip() for field in row]
    video_id, category, split = (row[columns[key]] if key in columns else "" for key in ("id", "category", "split"))
    if not video_id or not category:
        raise VscgError(f"{where}: the {'category' if video_id else 'video id'} is empty")
    if Path(video_id).name != video_id:
        raise VscgError(f"{where}: the video id {video_id[:60]!r} is no file's name")
    found = {"split": SPLITS.get(split.lower(), split)}
    if flags or not {"onset", "offset"} <= columns.keys():
        values = ([row[at] for at in flags] if flags else
                  [value for value in re.split(r"[\s,;|'\"\[\](){}]+", row[columns["flags"]]) if value])
        if not flags and len(values) == 1:                 # 0110
            values = list(values[0])
        if not values or any(value not in ("0", "1", "0.0", "1.0", "0.", "1.") for value in values):
            raise VscgError(f"{where}: the segments are {' '.join(values)[:60]!r}, expected zeros and ones")
        found["flags"] = np.array([float(value) == 1 for value in values])
    else:
        # Four signs and more: "10" may be a class's number.
        if "flags" in columns and re.fullmatch(r"[\s,;|\[\](){}01.]{4,}", row[columns["flags"]]):
            raise VscgError(f"{where}: {BOTH}")
        given = [row[columns[key]] for key in ("onset", "offset")]
        if category.lower() == "background" and not any(given):
            given = ["0", "0"]
        try:
            onset, offset = map(float, given)
        except ValueError as error:
            raise VscgError(f"{where}: onset and offset are {row[columns['onset']][:20]!r} and "
                            f"{row[columns['offset']][:20]!r}, expected seconds, such as 3.5") from error
        if not 0 <= onset <= offset < math.inf:
            raise VscgError(f"{where}: the event lasts from {onset:g} to {offset:g} s, expected 0 <= onset <= offset")
        found["interval"] = onset, offset
    return Mark(where, video_id, category, **found)
