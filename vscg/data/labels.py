"""Labels of AVE: from `Annotations.txt` to one-hot segment labels, and which segments hold the event."""
import codecs
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vscg.errors import VscgError

SEGMENTS = 10                            # segments of 1 s in a clip of 10 s
EVENT_CLASSES = 28
CLASSES = EVENT_CLASSES + 1              # the events and background
BACKGROUND = 28                          # class index of background, after the events
GRID = 7                                 # regions along each side of the visual map
AUDIO_DIM = 128                          # VGGish features per segment
VISUAL_DIM = 512                         # VGG-19 features per region
CATEGORIES = (                           # class index = order of first appearance in the official Annotations.txt
    "Church bell", "Male speech, man speaking", "Bark", "Fixed-wing aircraft, airplane", "Race car, auto racing",
    "Female speech, woman speaking", "Helicopter", "Violin, fiddle", "Flute", "Ukulele", "Frying (food)", "Truck",
    "Shofar", "Motorcycle", "Acoustic guitar", "Train horn", "Clock", "Banjo", "Goat", "Baby cry, infant cry", "Bus",
    "Chainsaw", "Cat", "Horse", "Toilet flush", "Rodents, rats, mice", "Accordion", "Mandolin")
# Classes that sound and look alike: speech; engines; strings; winds; animals; water and fat; bell and clock.
GROUPS = ((1, 5), (3, 6, 4, 11, 13, 20, 21, 15), (7, 14, 17, 9, 27), (8, 26, 12), (2, 18, 22, 23, 25, 19), (10, 24),
          (0, 16))


@dataclass(frozen=True)
class Dims:
    """Sizes of a data set, and of the systems that are built for it; AVE's by default."""
    audio: int = AUDIO_DIM               # D_a, numbers of a segment's sound
    visual: int = VISUAL_DIM             # D_v, numbers of a region
    grid: int = GRID                     # regions along each side of the visual map
    segments: int = SEGMENTS             # T
    categories: tuple[str, ...] = CATEGORIES      # names of the events, in the order of their class indices

    @property
    def events(self) -> int:
        """Number of event classes."""
        return len(self.categories)

    @property
    def classes(self) -> int:
        """The events and background."""
        return self.events + 1

    @property
    def background(self) -> int:
        """Class index of background, after the events."""
        return self.events

    @property
    def regions(self) -> int:
        """R, regions of a map."""
        return self.grid**2

    def rows(self) -> dict[str, tuple[int, ...]]:
        """Shape of one clip in each array of a prepared file."""
        return {"visual": (self.segments, self.grid, self.grid, self.visual), "audio": (self.segments, self.audio),
                "labels": (self.segments, self.classes), "category": ()}

    def __str__(self) -> str:
        return (f"audio {self.audio}, visual {self.visual} on {self.grid}x{self.grid}, {self.segments} segments, "
                f"{self.events} events")


AVE = Dims()


@dataclass(frozen=True)
class Annotations:
    """One event per clip, N clips in file order; it fills the seconds from `start` to `end` (excluded)."""
    category: np.ndarray                 # (N,) int64, 0..27
    start: np.ndarray                    # (N,) int64, 0..10
    end: np.ndarray                      # (N,) int64, start..10; start = end is a clip without an event segment
    video_ids: tuple[str, ...]           # YouTube ids; a video may be annotated more than once

    def __len__(self) -> int:
        return len(self.category)


def read_annotations(path: str | PathLike) -> Annotations:
    """Reads `Annotations.txt`: one clip a line, `category&video id&quality&start&end`, in seconds.

    A byte order mark, a header line (its first field is "Category") and empty lines at the end are passed over. Raises
    VscgError, with file and line number, for a line that is not of this form or names an unknown category.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise VscgError(f"{path}: cannot be read ({error.strerror}); name the official Annotations.txt") from error
    while lines and not lines[-1].strip():
        lines.pop()
    header = bool(lines) and lines[0].partition(b"&")[0].strip().lower() == b"category"
    rows = [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if number > header]
    if not rows:
        raise VscgError(f"{path}, line 1: the file is empty; get it with `python -m vscg data download`")
    category, video_ids, start, end = zip(*rows, strict=True)
    return Annotations(np.array(category, np.int64), np.array(start, np.int64), np.array(end, np.int64), video_ids)


def _parse(line: bytes, where: str) -> tuple[int, str, int, int]:
    try:
        fields = line.decode("utf-8").split("&")
    except UnicodeDecodeError as error:
        raise VscgError(f"{where}: not UTF-8 text; is this the official Annotations.txt?") from error
    if len(fields) != 5:
        raise VscgError(f"{where}: {len(fields)} field(s) instead of 5, category&video id&quality&start&end")
    category, video_id, _, start, end = fields
    if category not in CATEGORIES:
        raise VscgError(f"{where}: unknown category {category[:60]!r}; the 28 names are in vscg.data.labels.CATEGORIES")
    if not re.fullmatch("[A-Za-z0-9_-]{11}", video_id):
        raise VscgError(f"{where}: {video_id[:60]!r} is not a YouTube video id of 11 characters")
    for name, text in (("start", start), ("end", end)):
        if not re.fullmatch("[0-9]{1,2}", text) or int(text) > SEGMENTS:
            raise VscgError(f"{where}: {name} is {text[:20]!r}, expected a whole second from 0 to {SEGMENTS}")
    if int(start) > int(end):
        raise VscgError(f"{where}: the event starts at {start} s, after its end at {end} s")
    return CATEGORIES.index(category), video_id, int(start), int(end)


def labels_from_annotations(source: str | PathLike | Annotations) -> np.ndarray:
    """One-hot segment labels (N,10,29) float32: the event's class inside its interval, background outside.

    `source` is the path of an `Annotations.txt` or what `read_annotations` returned. Errors as `read_annotations`.
    """
    marks = source if isinstance(source, Annotations) else read_annotations(source)
    seconds = np.arange(SEGMENTS)
    event = (seconds >= marks.start[:, None]) & (seconds < marks.end[:, None])
    return np.eye(CLASSES, dtype=np.float32)[np.where(event, marks.category[:, None], BACKGROUND)]


def event_mask(labels: np.ndarray) -> np.ndarray:
    """Which segments hold the event: (N,T) bool from labels (N,T,C), background last."""
    return labels[..., -1] == 0
