"""What an extraction keeps of its clips until all are done, and the prepared file that is made of it."""
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from vscg.data.labels import BACKGROUND, CLASSES, SEGMENTS, Dims
from vscg.data.prepared import ID_LENGTH, PreparedWriter
from vscg.errors import VscgError
from vscg.features.video import Window
from vscg.machine.files import value_hash, write_atomically


@dataclass(frozen=True)
class Report:
    """What was extracted, and which clips were left out; `str()` of it is for reading."""
    path: Path
    video_ids: tuple[str, ...]                             # one a window: the file's name and where the window begins
    notes: tuple[str, ...]                                 # what was padded, left over, chosen or is no clip
    skipped: tuple[str, ...]                               # why, for each clip that could not be read
    left_out: tuple[str, ...] = ()                         # what else is in the folder, no clips by their names

    def __str__(self) -> str:
        head = f"{self.path}: {len(self.video_ids)} windows of {SEGMENTS} s, {len(self.skipped)} clips skipped"
        lines = [*self.notes, *(f"skipped: {why}" for why in self.skipped)]
        lines += [f"left out, no clips by their names: {listed(self.left_out)}"] if self.left_out else []
        return "\n  ".join([head, *lines])


def listed(names: tuple[str, ...]) -> str:
    """The first twenty names, and how many more there are."""
    return ", ".join([*names[:20], *([f"and {len(names) - 20} more"] if len(names) > 20 else [])])


@dataclass(frozen=True)
class Clip:
    """A clip whose windows are all there."""
    path: Path
    digest: str                                            # SHA-256 of the file
    parts: tuple[Path, ...]                                # one file for each window
    rest: float                                            # s that are in no window
    notes: tuple[str, ...]                                 # of its last window


def window_file(note: Path, number: int) -> Path:
    """Where window `number`, from 1, of the clip is kept whose note `write_note` writes."""
    return note.with_name(f"{note.stem}-{number}.safetensors")


def write_window(path: Path, visual: np.ndarray, audio: np.ndarray, window: Window) -> None:
    """Keep a window's features."""
    write_atomically(path, save({"visual": visual.astype(np.float16), "audio": audio, "padded": window.padded,
                                 "start": np.array(window.start)}))


def read_window(path: Path) -> dict[str, np.ndarray]:
    """What `write_window` kept; VscgError if it is damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _dims(window: dict[str, np.ndarray]) -> Dims:
    return Dims(window["audio"].shape[-1], window["visual"].shape[-1], window["visual"].shape[1])


def write_note(note: Path, windows: int, last: Window) -> None:
    """Say that all windows of a clip are kept."""
    write_atomically(note, json.dumps({"windows": windows, "rest": last.rest, "notes": last.notes}).encode())


def read_clip(path: Path, digest: str, note: Path) -> Clip:
    """The clip whose windows are all kept, by its note; VscgError if that is damaged."""
    try:
        kept = json.loads(note.read_bytes())
        count, rest, notes = kept["windows"], float(kept["rest"]), tuple(map(str, kept["notes"]))
        if type(count) is not int or not 0 < count < 10**6 or not 0 <= rest < float("inf"):
            raise ValueError("it does not say how many windows there are")
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise _damaged(note, error) from error
    return Clip(path, digest, tuple(window_file(note, number) for number in range(1, count + 1)), rest, notes)


def _damaged(path: Path, error: Exception) -> VscgError:
    return VscgError(f"{path}: damaged ({str(error)[:200]}); remove its folder and extract again")


def assemble(target: Path, clips: list[Clip], skipped: list[str], sources: dict) -> Report:
    """The prepared file from the windows of all clips."""
    rows = sum(len(clip.parts) for clip in clips)
    labels = np.zeros((1, SEGMENTS, CLASSES), np.uint8)
    labels[..., BACKGROUND] = 1
    fingerprint = value_hash([sources, [(clip.path.name, clip.digest) for clip in clips]])
    video_ids, notes, dims = [], [], _dims(read_window(clips[0].parts[0]))
    with PreparedWriter(target, rows, "clips", fingerprint, sources, dims=dims) as writer:
        for clip in clips:
            for part in clip.parts:
                window = read_window(part)
                video_ids.append(_id(clip, int(window["start"])))
                writer.append(window["visual"][None], window["audio"][None], labels, np.array([BACKGROUND]),
                              video_ids[-1:], padded=window["padded"][None])
                if window["padded"].any():
                    notes.append(f"{video_ids[-1]}: {window['padded'].sum()} of {SEGMENTS} segments are padding")
            notes += [f"{clip.path.name}: {note}" for note in clip.notes]
            if clip.rest >= 0.05:
                notes.append(f"{clip.path.name}: the last {clip.rest:.1f} s are in no window")
        writer.splits(train=(), val=(), test=range(rows))
    return Report(target, tuple(video_ids), tuple(notes), tuple(skipped))


def _id(clip: Clip, start: int) -> str:
    """The file's name and the second where the window begins, in at most 64 bytes."""
    name, where = os.fsencode(clip.path.name).decode(errors="replace"), f"@{start}s"
    room = ID_LENGTH - len(where)
    if len(name.encode()) > room:                          # the sum keeps names apart whose beginnings are equal
        name = name.encode()[:room - 9].decode(errors="ignore") + "~" + clip.digest[:8]
    return name + where
