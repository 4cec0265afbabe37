"""Decodes a clip into windows of ten segments: 16 pictures and one second of sound for each segment.

Picture and sound are decoded side by side, by a reader each, so that memory stays flat however long the clip is.
"""
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from os import PathLike
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from vscg.data.labels import SEGMENTS
from vscg.errors import VscgError
from vscg.features.tracks import HOLE, LOST, Reader, begin, explained, opened, stated_end, track

FRAMES = 16                              # pictures in each second, at the middles of its sixteenths
SIZE = 224                               # pixels along each side; the picture is stretched to a square
TOLERANCE = 0.2                          # s that may be missing at the end of a second: tracks seldom end together
RATES = (100, 400_000)                   # Hz; what a header says beyond that would only take memory


@dataclass(frozen=True, eq=False)
class Window:
    """Ten consecutive segments of a clip."""
    start: int                           # s from the beginning of the clip
    frames: np.ndarray                   # (10,16,224,224,3) uint8, RGB
    waveform: np.ndarray                 # (10 * sample_rate,) float32 in -1..1, mean of the channels
    sample_rate: int                     # Hz, as in the file
    padded: np.ndarray                   # (10,) bool; which segments repeat the last picture, in silence, to fill up
    rest: float = 0.0                    # s that follow the clip's last window and are in none
    notes: tuple[str, ...] = ()          # with the last window: which of several tracks were taken, and which is short


def read_windows(path: str | PathLike, pad: bool = False) -> Iterator[Window]:
    """Yields the windows of ten seconds of a clip, in order; memory does not grow with the clip's length.

    The clip begins where its picture or its sound does, and lasts as long as both do: a picture stands until the next
    one, and where there is no sound it is silent. Of several tracks the default one is taken, as players do. What
    remains after the last full window, or a clip shorter than ten seconds, is filled up to a window if `pad` is true
    and at least one whole second of it is there; otherwise a remainder is left out (`rest` of the last window) and a
    short clip is refused. A second counts as whole when at most 0.2 s of it are missing. An alpha channel is ignored;
    pictures are turned and mirrored as the file asks.

    Raises VscgError: no such file, not a clip, damaged or cut off, without picture or without sound, or too short.
        Damage late in a file is found late: windows that came before the error are from a faulty clip.
    """
    path = Path(path)
    with explained(path), opened(path) as picture, opened(path) as sound:
        taken = [track(path, picture, "video"), track(path, picture, "audio")]
        (video, _), (audio, _) = taken
        heard_track = sound.streams[audio.index]
        rate = audio.codec_context.sample_rate
        if not RATES[0] <= rate <= RATES[1]:
            raise VscgError(f"{path}: damaged: its sound is said to have {rate} samples a second; get it again, or "
                            f"convert it to between {RATES[0]} and {RATES[1]}")
        origin = begin(path, video, audio)
        stated = stated_end(picture, video, audio) - origin
        seen_by, heard_by = (Reader(path, container, track, (video.index, audio.index), origin, stated)
                             for container, track in ((picture, video), (sound, heard_track)))
        held, previous, start = [], None, 0
        for seen, heard in zip_longest(_pictures(seen_by), _sounds(heard_by, rate)):
            seen_by.alone, heard_by.alone = not heard, not seen
            if seen and heard:
                held.append((seen[0], heard[0], min(seen[1], heard[1])))
            if len(held) == SEGMENTS and held[-1][2] >= 1 - TOLERANCE:
                if previous:
                    yield previous
                previous, start, held = _window(start, held, rate), start + SEGMENTS, []
        lengths, reached = [seen_by.end, heard_by.end], max(seen_by.end, heard_by.reached)
        if reached < stated - LOST:
            raise VscgError(f"{path}: damaged or cut off: it says that it lasts {stated:.1f} s, but what it holds ends "
                            f"at {reached:.1f} s; get it again")
        which = f"the picture ends at {lengths[0]:.1f} s, the sound at {lengths[1]:.1f} s"
        apart = abs(lengths[0] - lengths[1]) > LOST
        notes = (*(note for _, note in taken if note), *([which] if apart else []), *heard_by.lost)
        rest = sum(covered for *_, covered in held)
        if pad and rest >= 1 - TOLERANCE:
            if previous:
                yield previous
            yield replace(_window(start, held, rate), notes=notes)
        elif previous:
            yield replace(previous, rest=rest, notes=notes)
        else:
            raise VscgError(f"{path}: too short: picture and sound last {rest:.1f} s together"
                            f"{f' ({which})' if apart else ''}, and a clip needs {SEGMENTS}; " +
                            ("there is no whole second to fill up from" if pad else
                             "give a longer clip, or ask for it to be padded"))


def _window(start: int, held: list, rate: int) -> Window:
    """Up to ten seconds (frames, waveform, covered part) to a window; what is missing repeats the last picture."""
    missing = SEGMENTS - len(held)
    frames = [frames for frames, *_ in held]
    frames += [np.broadcast_to(frames[-1][-1:], frames[-1].shape)] * missing
    waveform = np.zeros(SEGMENTS * rate, np.float32)
    waveform[:len(held) * rate] = np.concatenate([sound for _, sound, _ in held])
    padded = np.array([covered < 1 - TOLERANCE for *_, covered in held] + [True] * missing)
    return Window(start, np.stack(frames), waveform, rate, padded)


def _pictures(reader: Reader) -> Iterator[tuple[np.ndarray, float]]:
    """Each second's (16,224,224,3) pictures and how much of the second is covered: 1, but for the last."""
    current, shown, block, seconds = None, None, [], 0
    scaler = VideoReformatter()                            # kept: each would start threads of its own
    for frame, time in reader:
        while current is not None and not reader.alone and seconds + (len(block) + 0.5) / FRAMES < time:
            shown = _square(current, scaler) if shown is None else shown
            block.append(shown)
            if len(block) == FRAMES:
                yield np.stack(block), 1.0
                block, seconds = [], seconds + 1
        current, shown = frame, None
    while current is not None and not reader.alone and reader.end > seconds:    # the last picture stands until its end
        shown = _square(current, scaler) if shown is None else shown
        yield np.stack(block + [shown] * (FRAMES - len(block))), min(1.0, reader.end - seconds)
        block, seconds = [], seconds + 1


def _square(frame: av.VideoFrame, scaler: VideoReformatter) -> np.ndarray:
    """One picture as RGB (224,224,3) uint8, as it is to be seen."""
    pixels = scaler.reformat(frame, SIZE, SIZE, "rgb24", interpolation="BILINEAR", threads=1).to_ndarray()
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is not None:                                 # from (across, down) in the file to (across, down) as seen
        (across, down), (down_across, across_down) = np.frombuffer(bytes(matrix), np.int32)[[[0, 4], [1, 3]]].tolist()
        if abs(down_across) > abs(across):
            pixels, across, down = pixels.swapaxes(0, 1), across_down, down_across
        pixels = pixels[::-1 if down < 0 else 1, ::-1 if across < 0 else 1]
    return np.ascontiguousarray(pixels)


def _sounds(reader: Reader, rate: int) -> Iterator[tuple[np.ndarray, float]]:
    """Each second's waveform, mean of the channels, and how much of the second is covered: 1, but for the last."""
    form, to_float = None, None
    waiting, yielded = np.zeros(0, np.float32), 0
    for frame, time in reader:
        if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
            to_float = av.AudioResampler(format="fltp", rate=rate)     # the channels stay; so does the first rate
        position = yielded + len(waiting)
        gap = round(time * rate) - position
        samples = np.concatenate([np.zeros(0, np.float32),
                                  *(part.to_ndarray().mean(0) for part in to_float.resample(frame))])
        if not np.isfinite(samples).all():
            raise VscgError(f"{reader.path}: damaged: its sound at {time:.1f} s has values that are no numbers; get it "
                            "again")
        if position == 0 and gap < 0:
            samples, gap = samples[-gap:], 0               # before the clip begins
        elif position and abs(gap) < HOLE * rate:
            gap = 0                                        # time stamps are rounded
        silence = (np.zeros(min(rate, gap - done), np.float32) for done in range(0, gap, rate))
        for piece in chain(silence, [samples]):
            if reader.alone:
                break
            waiting = np.concatenate([waiting, piece])
            while len(waiting) >= rate:
                yield waiting[:rate], 1.0
                waiting, yielded = waiting[rate:], yielded + rate
    if len(waiting):
        yield np.pad(waiting, (0, rate - len(waiting))), len(waiting) / rate
