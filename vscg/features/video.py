"""Decodes a clip into windows of ten segments: 16 pictures and one second of sound for each segment.

Picture and sound are decoded side by side, each by its own reader of the file, so that memory stays flat however long
the clip is and however its tracks are interleaved.
"""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from os import PathLike
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from vscg.data.labels import SEGMENTS
from vscg.errors import VscgError

FRAMES = 16                              # pictures in each second, at the middles of its sixteenths
SIZE = 224                               # pixels along each side; the picture is stretched to a square
TOLERANCE = 0.2                          # s that may be missing at the end of a second: tracks seldom end together
# What FFmpeg calls the containers that are read. Its playlists, which lead to other files, are not among them.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,mxf,nut,wav,mp3,flac,aac"
RATES = (100, 400_000)                   # Hz; what a header says beyond that would only take memory
HOLE = 0.1                               # s; a longer hole between pieces of sound is filled with silence
JUMP = 60.0                              # s; a longer step in time between two pictures or sounds is damage
LONGEST = 3600.0                         # s; so is a picture that is said to stand for longer
LOST = 1.0                               # s; a clip that ends before the time its header says, by more, is cut off


@dataclass(frozen=True, eq=False)
class Window:
    """Ten consecutive segments of a clip."""
    start: int                           # s from the beginning of the clip
    frames: np.ndarray                   # (10,16,224,224,3) uint8, RGB
    waveform: np.ndarray                 # (10 * sample_rate,) float32 in -1..1, mean of the channels
    sample_rate: int                     # Hz, as in the file
    padded: np.ndarray                   # (10,) bool; which segments repeat the last picture, in silence, to fill up
    rest: float = 0.0                    # s that follow the clip's last window and are in none


def read_windows(path: str | PathLike, pad: bool = False) -> Iterator[Window]:
    """Yields the windows of ten seconds of a clip, in order; memory does not grow with the clip's length.

    The clip lasts as long as both picture and sound do. What remains after the last full window, or a clip shorter than
    ten seconds, is filled up to a window if `pad` is true and at least one whole second of it is there; otherwise a
    remainder is left out (`rest` of the last window) and a short clip is refused. A second counts as whole when at most
    0.2 s of it are missing. An alpha channel is ignored; a rotation that the file asks for is applied.

    Raises:
        VscgError: no such file, not a clip, damaged or cut off, without picture or without sound, or too short. Damage
            late in a file is found late: windows that came before the error are from a faulty clip.
    """
    path = Path(path)
    with _explained(path), _opened(path) as picture, _opened(path) as sound:
        video, audio = _track(path, picture, "video"), _track(path, sound, "audio")
        rate = audio.codec_context.sample_rate
        if not RATES[0] <= rate <= RATES[1]:
            raise VscgError(f"{path}: damaged: its sound is said to have {rate} samples a second; get it again, or "
                            f"convert it to between {RATES[0]} and {RATES[1]}")
        held, previous, start, lengths = [], None, 0, [0.0, 0.0]
        for seen, heard in zip_longest(_pictures(path, picture, video), _sounds(path, sound, audio)):
            lengths = [length + block[1] if block else length
                       for length, block in zip(lengths, (seen, heard), strict=True)]
            if seen and heard:
                held.append((seen[0], heard[0], min(seen[1], heard[1])))
            if len(held) == SEGMENTS and held[-1][2] >= 1 - TOLERANCE:
                if previous:
                    yield previous
                previous, start, held = _window(start, held, rate), start + SEGMENTS, []
        stated = _stated_length(picture)
        if max(lengths) < stated - LOST:
            raise VscgError(f"{path}: damaged or cut off: it says that it lasts {stated:.1f} s, but what it holds ends "
                            f"at {max(lengths):.1f} s; get it again")
        rest = sum(covered for *_, covered in held)
        if pad and rest >= 1 - TOLERANCE:
            if previous:
                yield previous
            yield _window(start, held, rate)
        elif previous:
            yield replace(previous, rest=rest)
        else:
            raise VscgError(f"{path}: too short: picture and sound last {rest:.1f} s together, and a clip needs "
                            f"{SEGMENTS}; " + ("there is no whole second to fill up from" if pad else
                                               "give a longer clip, or ask for it to be padded"))


def _stated_length(container) -> float:
    """How long a clip says that it is, in s, or 0."""
    # Where a file says nothing, the reader divides its size by the bit rate of its tracks: no reason to call it cut.
    rates = sum(track.codec_context.bit_rate or 0 for track in container.streams if track.codec_context)
    guessed = abs(container.bit_rate - rates) < 0.02 * rates
    return 0.0 if guessed else (container.duration or 0) / av.time_base


def _window(start: int, held: list, rate: int) -> Window:
    """Up to ten seconds (frames, waveform, covered part) to a window; what is missing repeats the last picture."""
    missing = SEGMENTS - len(held)
    frames = [frames for frames, *_ in held]
    frames += [np.broadcast_to(frames[-1][-1:], frames[-1].shape)] * missing
    waveform = np.zeros(SEGMENTS * rate, np.float32)
    waveform[:len(held) * rate] = np.concatenate([sound for _, sound, _ in held])
    padded = np.array([covered < 1 - TOLERANCE for *_, covered in held] + [True] * missing)
    return Window(start, np.stack(frames), waveform, rate, padded)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns what the decoders raise into one VscgError."""
    try:
        yield
    except FileNotFoundError as error:
        raise VscgError(f"{path}: no such file") from error
    except UnicodeEncodeError as error:
        raise VscgError(f"{ascii(str(path))}: the file's name is not UTF-8; rename it") from error
    except (av.FFmpegError, OSError) as error:
        raise VscgError(f"{path}: not a clip, or damaged: {error.strerror or error}; get it again, or convert it to "
                        "mp4 or webm") from error


def _opened(path: Path):
    # Neither another address nor another file: a playlist is no clip. Bad bytes in a title are no reason to refuse one.
    return av.open(f"file:{path}", options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
                   metadata_errors="replace")


def _track(path: Path, container, kind: str):
    """The first track of a kind that can be decoded; a cover picture is not one."""
    word = {"video": "picture", "audio": "sound"}[kind]
    tracks = [track for track in container.streams if track.type == kind
              and not track.disposition & Disposition.attached_pic]
    if not tracks:
        raise VscgError(f"{path}: it has no {word} track; the systems both look and listen, so give a clip with "
                        "picture and sound")
    for track in tracks:
        if track.codec_context is not None:
            return track
    raise VscgError(f"{path}: its {word} is in a code that cannot be read here; convert it to mp4 or webm")


def _timed(path: Path, container, track) -> Iterator[tuple[object, float, float]]:
    """Pictures or pieces of sound with their time from the beginning of the clip and their length, in s."""
    origin, expected = (container.start_time or 0) / av.time_base, 0.0
    step = float(1 / track.average_rate) if track.type == "video" and track.average_rate else 0.0
    for frame in container.decode(track):
        time = expected if frame.time is None else frame.time - origin
        if not -1 < time - expected < JUMP:
            raise VscgError(f"{path}: damaged: the time jumps from {expected:.1f} s to {time:.1f} s; get it again")
        if track.type == "audio":
            length = frame.samples / max(1, frame.sample_rate)
        else:
            length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step
        if length > LONGEST:
            raise VscgError(f"{path}: damaged: what is shown at {time:.1f} s is said to last {length:.1f} s; get it "
                            "again")
        expected = max(expected, time + length)
        yield frame, time, length


def _pictures(path: Path, container, track) -> Iterator[tuple[np.ndarray, float]]:
    """Each second's (16,224,224,3) pictures and how much of the second is covered: 1, but for the last."""
    current, shown, block, seconds, end = None, None, [], 0, 0.0
    for frame, time, length in _timed(path, container, track):
        while current is not None and seconds + (len(block) + 0.5) / FRAMES < time:
            shown = _square(current) if shown is None else shown
            block.append(shown)
            if len(block) == FRAMES:
                yield np.stack(block), 1.0
                block, seconds = [], seconds + 1
        current, shown, end = frame, None, max(end, time + length)
    while current is not None and end > seconds:           # the last picture stands until its end
        shown = _square(current) if shown is None else shown
        yield np.stack(block + [shown] * (FRAMES - len(block))), min(1.0, end - seconds)
        block, seconds = [], seconds + 1


def _square(frame: av.VideoFrame) -> np.ndarray:
    """One picture as RGB (224,224,3) uint8, upright."""
    pixels = frame.reformat(SIZE, SIZE, "rgb24", interpolation="BILINEAR").to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))


def _sounds(path: Path, container, track) -> Iterator[tuple[np.ndarray, float]]:
    """Each second's waveform, mean of the channels, and how much of the second is covered: 1, but for the last."""
    rate = track.codec_context.sample_rate
    to_float = av.AudioResampler(format="fltp")            # the sample format alone; rate and channels stay
    waiting, yielded = np.zeros(0, np.float32), 0
    for frame, time, _ in _timed(path, container, track):
        if frame.sample_rate != rate:
            raise VscgError(f"{path}: its sound changes from {rate} to {frame.sample_rate} Hz at {time:.1f} s; convert "
                            "it to one sample rate")
        position = yielded + len(waiting)
        gap = round(time * rate) - position
        try:
            samples = np.concatenate([part.to_ndarray().mean(0) for part in to_float.resample(frame)])
        except ValueError as error:
            raise VscgError(f"{path}: its sound changes its form at {time:.1f} s ({error}); convert it") from error
        if not np.isfinite(samples).all():
            raise VscgError(f"{path}: damaged: its sound at {time:.1f} s has values that are no numbers; get it again")
        if position == 0 and gap < 0:
            samples, gap = samples[-gap:], 0               # before the clip begins
        elif position and abs(gap) < HOLE * rate:
            gap = 0                                        # time stamps are rounded
        waiting = np.concatenate([waiting, np.zeros(max(gap, 0), np.float32), samples])
        while len(waiting) >= rate:
            yield waiting[:rate], 1.0
            waiting, yielded = waiting[rate:], yielded + rate
    if len(waiting):
        yield np.pad(waiting, (0, rate - len(waiting))), len(waiting) / rate
