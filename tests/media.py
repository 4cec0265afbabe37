"""Small clips, written with known pictures and sound."""
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "media"
BLACK = 16                                                 # of the luma that video files store


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    """A sine (1, samples) as 16-bit integers, at half the full scale."""
    return np.round(16384 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.int16)[None]


def write_clip(path: Path, seconds: float = 10, fps: int | Fraction = 16, sound: np.ndarray | None = None,
               rate: int = 8000, picture: bool = True, sound_at: float = 0.0, times: list[float] | None = None,
               options: dict | None = None) -> Path:
    """A clip without loss whose picture number n is grey with luma 16 + 4 (n modulo 50); `sound` (channels, samples).

    By default the sound is `tone`; `sound` of no sample leaves it out. `times` are the pictures' own times.
    """
    sound = tone(seconds, rate) if sound is None else sound
    times = times or [number / fps for number in range(round(seconds * fps))]
    return compose(path, times if picture else [], [(sound, sound_at)] if sound.size else [], fps=fps, rate=rate,
                   options=options)


def compose(path, times, sounds, default=0, fps=4, rate=8000, options=None, picture=None, hole=()):
    """A clip: pictures at `times` in s, and sounds of (waveform, begin in s), of which one or none is the default.

    The pictures are those of `write_clip`, or all of them `picture` (32,32,4), BGRA; sounds lack the samples `hole`.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        packets = []
        if times:
            video = container.add_stream("ffv1", rate=fps, width=32, height=32,
                                         pix_fmt="yuv420p" if picture is None else "bgra")
            video.codec_context.time_base = Fraction(1, 1000)
        tracks = [container.add_stream("pcm_s16le", rate=rate, layout="mono" if len(wave) == 1 else "stereo")
                  for wave, _ in sounds]
        for number, track in enumerate(tracks):
            track.disposition = Disposition.default if number == default else Disposition(0)
        for number, time in enumerate(times):
            planes = np.full((48, 32), 128, np.uint8)
            planes[:32] = BLACK + 4 * (number % 50)
            frame = (av.VideoFrame.from_ndarray(planes, "yuv420p") if picture is None else
                     av.VideoFrame.from_ndarray(picture, "bgra"))
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            packets += video.encode(frame)
        packets += video.encode() if times else []
        for track, (wave, begin) in zip(tracks, sounds, strict=True):
            for first in sorted({*range(0, wave.shape[1], rate // 10)} - {*hole}):
                piece = np.ascontiguousarray(wave[:, first:first + rate // 10].T.reshape(1, -1))
                frame = av.AudioFrame.from_ndarray(piece, "s16", "mono" if len(wave) == 1 else "stereo")
                frame.sample_rate, frame.pts, frame.time_base = rate, first + round(begin * rate), Fraction(1, rate)
                packets += track.encode(frame)
            packets += track.encode()
        container.mux(sorted((p for p in packets if p.dts is not None), key=lambda p: p.dts * p.time_base))
    return path


def number_of(frames: np.ndarray) -> np.ndarray:
    """Which picture each of `frames` (...,224,224,3) is, modulo 50."""
    return np.round(frames[..., 112, 112, :].mean(-1) * 219 / 255 / 4).astype(int)
