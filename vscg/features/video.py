"""Decodes a clip into windows of ten segments: 16 pictures and one second of sound for each segment.

Picture and sound are decoded side by side, by a reader each, so that memory stays flat however long the clip is.
"""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from os import PathLike
from pathlib import Path

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from vscg.data.labels import SEGMENTS
from vscg.errors import VscgError

FRAMES = 16                              # pictures in each second, at the middles of its sixteenths
SIZE = 224                               # pixels along each side; the picture is stretched to a square
TOLERANCE = 0.2                          # s that may be missing at the end of a second: tracks seldom end together
# What FFmpeg calls the containers that are read, and the suffixes of their files; those of sound files too, so that
# they are reported. FFmpeg's playlists, which lead to other files, are not among them.
CONTAINERS = {
    "mov": ".3g2 .3gp .f4v .m4a .m4v .mov .mp4 .qt", "matroska": ".mk3d .mka .mkv .webm", "avi": ".avi .divx",
    "mpegts": ".m2t .m2ts .mts .ts", "mpeg": ".m2p .mod .mpeg .mpg .vob", "flv": ".flv", "asf": ".asf .wma .wmv",
    "ogg": ".oga .ogg .ogv .ogx .opus", "mxf": ".mxf", "nut": ".nut", "wav": ".wav", "mp3": ".mp3", "flac": ".flac",
    "aac": ".aac"}
RATES = (100, 400_000)                   # Hz; what a header says beyond that would only take memory
HOLE = 0.1                               # s; a longer hole between pieces of sound is filled with silence
RESTARTS = 0x200                         # FFmpeg's flag of containers whose clock may start anew: broadcasts, DVDs, Ogg
LEAP = 10.0                              # s; there a longer step is another clock, elsewhere a picture that stands
LONGEST = 3600.0                         # s beyond the clip's own length that a time may be; farther it is damage
LOST = 1.0                               # s; a clip that ends before the time its header says, by more, is cut off
UNWANTED = Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.comment


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
    with _explained(path), _opened(path) as picture, _opened(path) as sound:
        taken = [_track(path, picture, "video"), _track(path, picture, "audio")]
        (video, _), (audio, _) = taken
        heard_track = sound.streams[audio.index]
        rate = audio.codec_context.sample_rate
        if not RATES[0] <= rate <= RATES[1]:
            raise VscgError(f"{path}: damaged: its sound is said to have {rate} samples a second; get it again, or "
                            f"convert it to between {RATES[0]} and {RATES[1]}")
        origin = _begin(path, video, audio)
        stated = _stated_end(picture, video, audio) - origin
        seen_by, heard_by = (_Reader(path, container, track, (video.index, audio.index), origin, stated)
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


def _begin(path: Path, *tracks) -> float:
    """When the first of two tracks begins, in s on the file's own clock."""
    first: dict[int, float] = {}
    with _opened(path) as file:
        for packet in file.demux([file.streams[track.index] for track in tracks]):
            if packet.pts is not None:
                first.setdefault(packet.stream.index, float(packet.pts * packet.time_base))
            if len(first) == len(tracks):
                break
    # What a header says is earlier where a track begins late, a packet where it has sound to be thrown away.
    stated = {track.index: float(track.start_time * track.time_base)
              for track in tracks if track.start_time is not None}
    return min((max(first.get(track.index, -np.inf), stated.get(track.index, -np.inf)) for track in tracks
                if track.index in first | stated), default=0.0)


def _stated_end(container, *tracks) -> float:
    """When a clip ends by its header, in s on the file's own clock; minus infinity where that says nothing."""
    # These containers say nothing, so that the reader looks at the file's end; others get the file's size divided by
    # the bit rate of their tracks. Neither is a reason to call a clip cut off.
    rates = sum(track.codec_context.bit_rate or 0 for track in container.streams if track.codec_context)
    if container.format.flags & RESTARTS or not container.duration or abs(container.bit_rate - rates) < 0.02 * rates:
        return -np.inf
    if container.format.name == "avi":                     # a duration is corrected where the index is cut off
        return max(float(track.frames / track.average_rate) for track in tracks if track.type == "video")
    if all(track.duration for track in tracks):            # the longest track of all may be one of text
        return max(float(((track.start_time or 0) + track.duration) * track.time_base) for track in tracks)
    return container.duration / av.time_base


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
    except av.error.MemoryError as error:                  # FFmpeg's own; Python's says nothing about the clip
        raise VscgError(f"{path}: damaged, or its pictures are too large: it asks for more memory than there is; get "
                        "it again, or convert it to mp4 or webm") from error
    except BlockingIOError as error:                       # no thread could be started
        raise MemoryError(error.strerror) from error
    except (av.FFmpegError, OSError) as error:
        raise VscgError(f"{path}: not a clip, or damaged: {error.strerror or error}; get it again, or convert it to "
                        "mp4 or webm") from error


def _opened(path: Path) -> av.container.InputContainer:
    # Neither another address nor another file: a playlist is no clip. Bad bytes in a title are no reason to refuse one.
    return av.open(f"file:{path}", options={"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)},
                   metadata_errors="replace")


def _track(path: Path, container: av.container.InputContainer, kind: str) -> tuple[av.stream.Stream, str]:
    """The track of a kind that players take, and a note which one if there are several; a cover picture is not one.

    It is the default track or else the first; those for the deaf, for the blind and with comments come last.
    """
    word = {"video": "picture", "audio": "sound"}[kind]
    tracks = [track for track in container.streams if track.type == kind
              and not track.disposition & Disposition.attached_pic]
    if not tracks:
        raise VscgError(f"{path}: it has no {word} track; the systems both look and listen, so give a clip with "
                        "picture and sound")
    readable = [track for track in tracks if track.codec_context is not None]
    if not readable:
        raise VscgError(f"{path}: its {word} is in a code that cannot be read here; convert it to mp4 or webm")
    best = min(readable, key=lambda track: (not track.disposition & Disposition.default,
                                            bool(track.disposition & UNWANTED)))
    kept = "the default" if best.disposition & Disposition.default else "none is the default"
    return best, f"{word}: track {tracks.index(best) + 1} of {len(tracks)} ({kept})" if len(tracks) > 1 else ""


@dataclass
class _Reader:
    """One track of an open file, decoded, with times in s from the beginning of the clip."""
    path: Path
    container: av.container.InputContainer
    track: av.stream.Stream
    both: tuple[int, int]                # the two tracks of the clip
    origin: float                        # where the clip begins on the file's own clock
    stated: float                        # when it ends by its header
    end: float = 0.0                     # of what was decoded so far
    reached: float = 0.0                 # where the packets of all tracks end, so far
    offsets: list[float] = field(default_factory=lambda: [0.0])
    lost: list[str] = field(default_factory=list)          # where nothing of any track comes for a while
    alone: bool = False                  # whether the other track has ended: what still comes is only measured

    def __iter__(self) -> Iterator[tuple[av.frame.Frame, float]]:
        """Pictures or pieces of sound, each with the time when it begins."""
        step = float(1 / self.track.average_rate) if self.track.type == "video" and self.track.average_rate else 0.0
        for frame in self._frames():
            time = self.end if frame.time is None else frame.time - self.origin
            if self.track.type == "audio":
                length = frame.samples / max(1, frame.sample_rate)
            else:
                length = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else step
            if time < self.end - 1:
                raise VscgError(f"{self.path}: damaged: its times go back from {self.end:.1f} s to {time:.1f} s; get "
                                "it again, or convert it")
            if time + length > max(self.end, self.stated) + LONGEST:
                raise VscgError(f"{self.path}: damaged: what comes after {self.end:.1f} s is said to last until "
                                f"{time + length:.1f} s; get it again, or convert it")
            self.end = max(self.end, time + length)
            yield frame, time

    def _frames(self) -> Iterator[av.frame.Frame]:
        """What the decoder makes of the track; what comes before the first thing that it can decode is passed over."""
        fault, begun = None, False
        for packet in self._packets():
            if packet.stream.index != self.track.index:
                continue
            if packet.dts is not None and not packet.size:     # the picture before stands, or it is silent
                self.end = max(self.end, float(packet.dts * packet.time_base) - self.origin)
                continue
            try:
                frames = packet.decode()
            except av.InvalidDataError as error:
                if begun:
                    raise
                fault = error                              # a broadcast is recorded from the middle of something on
                continue
            begun = begun or bool(frames)
            yield from frames
        if fault and not begun:
            raise fault

    def _packets(self) -> Iterator[av.Packet]:
        """The packets of all tracks as they lie in the file, on one clock, which both readers correct alike."""
        now, last = None, {}             # where both tracks are, and each, in s on the file's first clock
        for packet in self.container.demux():
            if packet.dts is not None:
                base, index = packet.time_base, packet.stream.index
                length = float((packet.duration or 0) * base)
                if self.container.format.flags & RESTARTS and index in self.both:
                    time = float(packet.dts * base)
                    offset = 0.0 if now is None else self._offset(time, now, *last.get(index, (now - LEAP, now)))
                    packet.dts += round(offset / base)
                    packet.pts = packet.pts if packet.pts is None else packet.pts + round(offset / base)
                    last[index] = time + offset, time + offset + length
                    now = max(due for _, due in last.values())
                begin = float((packet.dts if packet.pts is None else packet.pts) * base)
                gap = begin - self.origin - self.reached
                if packet.stream.index in self.both and self.reached and gap > LOST:
                    self.lost.append(f"neither picture nor sound from {self.reached:.1f} s to {begin - self.origin:.1f}"
                                     " s: a part of the file may be missing")
                self.reached = max(self.reached, begin + length - self.origin)
            yield packet

    def _offset(self, time: float, now: float, before: float, due: float) -> float:
        """What to add to a packet's time: where the clock starts anew, the packet comes when its track is due."""
        # At the seam some packets are still on the clock before. A track may leap alone: a picture that stands.
        fitting = [offset for offset in self.offsets[-2:] if before - HOLE < time + offset < now + LEAP]
        if not fitting:
            self.offsets.append(due - time)
            return due - time
        return min(fitting, key=lambda offset: abs(time + offset - due))


def _pictures(reader: _Reader) -> Iterator[tuple[np.ndarray, float]]:
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


def _sounds(reader: _Reader, rate: int) -> Iterator[tuple[np.ndarray, float]]:
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
