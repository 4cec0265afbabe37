"""The tracks of a film: which of them are taken, on which clock, and how they are decoded."""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from vscg.errors import VscgError

# What FFmpeg calls the containers that are read, and the suffixes of their files; those of sound files too, so that
# they are reported. FFmpeg's playlists, which lead to other files, are not among them.
CONTAINERS = {
    "mov": ".3g2 .3gp .f4v .m4a .m4v .mov .mp4 .qt", "matroska": ".mk3d .mka .mkv .webm", "avi": ".avi .divx",
    "mpegts": ".m2t .m2ts .mts .ts", "mpeg": ".m2p .mod .mpeg .mpg .vob", "flv": ".flv", "asf": ".asf .wma .wmv",
    "ogg": ".oga .ogg .ogv .ogx .opus", "mxf": ".mxf", "nut": ".nut", "wav": ".wav", "mp3": ".mp3", "flac": ".flac",
    "aac": ".aac"}
HOLE = 0.1                               # s; a longer hole between pieces of sound is filled with silence
RESTARTS = 0x200                         # FFmpeg's flag of containers whose clock may start anew: broadcasts, DVDs, Ogg
LEAP = 10.0                              # s; there a longer step is another clock, elsewhere a picture that stands
LONGEST = 3600.0                         # s beyond the clip's own length that a time may be; farther it is damage
LOST = 1.0                               # s; a clip that ends before the time its header says, by more, is cut off
UNWANTED = Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.comment


@contextmanager
def explained(path: Path) -> Iterator[None]:
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


def opened(path: Path) -> av.container.InputContainer:
    # Neither another address nor another file: a playlist is no clip. Bad bytes in a title are no reason to refuse one.
    return av.open(f"file:{path}", options={"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)},
                   metadata_errors="replace")


def track(path: Path, container: av.container.InputContainer, kind: str) -> tuple[av.stream.Stream, str]:
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


def begin(path: Path, *tracks) -> float:
    """When the first of two tracks begins, in s on the file's own clock."""
    first: dict[int, float] = {}
    with opened(path) as file:
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


def stated_end(container, *tracks) -> float:
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


@dataclass
class Reader:
    """One track of an open file, decoded, with times in s from the beginning of the clip."""
    path: Path
    container: av.container.InputContainer
    track: av.stream.Stream
    both: tuple[int, int]                # the two tracks of the clip
    origin: float                        # where the clip begins on the file's own clock
    stated: float                        # when it ends by its header
    end: float = 0.0                     # of what was decoded so far
    reached: float = 0.0                 # where the packets of all tracks end, so far
    decoded: float = 0.0                 # the same on the clock by which they are decoded
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
                begin, shown = (float(time * base) - self.origin for time in
                                (packet.dts, packet.dts if packet.pts is None else packet.pts))
                # By the order of decoding: a picture that others are predicted from comes before its time.
                if packet.stream.index in self.both and self.decoded and begin - self.decoded > LOST:
                    self.lost.append(f"neither picture nor sound from {self.decoded:.1f} s to {begin:.1f} s: a part of "
                                     "the file may be missing")
                self.decoded, self.reached = max(self.decoded, begin + length), max(self.reached, shown + length)
            yield packet

    def _offset(self, time: float, now: float, before: float, due: float) -> float:
        """What to add to a packet's time: where the clock starts anew, the packet comes when its track is due."""
        # At the seam some packets are still on the clock before. A track may leap alone: a picture that stands.
        fitting = [offset for offset in self.offsets[-2:] if before - HOLE < time + offset < now + LEAP]
        if not fitting:
            self.offsets.append(due - time)
            return due - time
        return min(fitting, key=lambda offset: abs(time + offset - due))
