"""Clips to windows: what is shown when, what is heard when, and what is refused."""
import re
import tracemalloc
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from tests import media
from tests.media import compose, number_of, tone, write_clip
from vscg.errors import VscgError
from vscg.features.tracks import track
from vscg.features.video import _square, read_windows

NONE = np.zeros((1, 0), np.int16)


def windows(path, pad=False):
    return list(read_windows(path, pad))


@pytest.mark.parametrize("fps", [4, 16, 30])
def test_the_pictures_shown_at_the_middles_of_the_sixteenths(tmp_path, fps):
    window, = windows(write_clip(tmp_path / "clip.mkv", fps=fps))
    assert window.frames.shape == (10, 16, 224, 224, 3) and window.frames.dtype == np.uint8
    shown = np.floor((np.arange(160) + 0.5) / 16 * fps + 1e-9)
    off = number_of(window.frames).ravel() - shown % 50
    # The file rounds times to milliseconds, which decides where a picture begins in the very middle of a sixteenth.
    assert set(np.unique(off)) <= ({0} if fps < 30 else {0, -1, 49}) and (off == 0).mean() > 0.9
    assert not window.padded.any() and window.rest == 0 and window.start == 0


def test_sound_is_the_mean_of_the_channels_at_the_files_rate(tmp_path):
    stereo = np.concatenate([tone(10, 11025), tone(10, 11025, 700)])
    window, = windows(write_clip(tmp_path / "clip.mkv", sound=stereo, rate=11025))
    assert (window.sample_rate, window.waveform.dtype) == (11025, np.float32)
    np.testing.assert_allclose(window.waveform, stereo.mean(0) / 32768, atol=1e-7)


def test_long_clips_are_cut_and_the_remainder_is_left_out_or_padded(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", seconds=23.5)
    first, second = windows(clip)
    assert (first.start, first.rest, second.start, round(second.rest, 2)) == (0, 0, 10, 3.5)
    assert number_of(second.frames[0, 0]) == 160 % 50 and number_of(second.frames[9, 15]) == 319 % 50
    np.testing.assert_allclose(second.waveform, tone(23.5, 8000)[0, 80000:160000] / 32768, atol=1e-7)
    first, second, third = windows(clip, pad=True)
    assert third.start == 20 and third.rest == 0 and third.padded.tolist() == [False] * 3 + [True] * 7
    assert number_of(third.frames[2:]).ravel().tolist() == [*range(2, 26), *[25] * 104]
    assert np.abs(third.waveform[27000:28000]).max() > 0.4 and not third.waveform[28000:].any()


def test_short_clips_are_refused_or_padded(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", seconds=4)
    with pytest.raises(VscgError, match=f"{clip}: too short: picture and sound last 4.0 s .* ask for it to be padded"):
        windows(clip)
    window, = windows(clip, pad=True)
    assert window.padded.tolist() == [False] * 4 + [True] * 6
    clip = write_clip(tmp_path / "tiny.mkv", seconds=0.5)
    with pytest.raises(VscgError, match="too short: .* 0.5 s .* no whole second"):
        windows(clip, pad=True)


@pytest.mark.parametrize("seconds, count", [(9.9, 1), (9.7, 0), (10.4, 1), (19.875, 2)])
def test_a_fifth_of_a_second_may_be_missing(tmp_path, seconds, count):
    clip = write_clip(tmp_path / "clip.mkv", seconds=seconds)
    if not count:
        with pytest.raises(VscgError, match="too short"):
            windows(clip)
    else:
        found = windows(clip)
        assert len(found) == count and not any(window.padded.any() for window in found)
        assert len(windows(clip, pad=True)) == count, "less than a second is not worth a window"


def test_the_shorter_of_the_tracks_decides(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", seconds=10, sound=tone(6, 8000))
    with pytest.raises(VscgError, match="last 6.0 s together"):
        windows(clip)
    clip = write_clip(tmp_path / "other.mkv", seconds=12, sound=tone(25, 8000))
    assert [round(window.rest) for window in windows(clip)] == [2]


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", sound=tone(9.5, 8000), sound_at=0.5)
    waveform = windows(clip)[0].waveform
    assert not waveform[:4000].any()
    np.testing.assert_allclose(waveform[4000:], tone(9.5, 8000)[0] / 32768, atol=1e-7)


def test_a_clip_without_a_duration_is_measured(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", seconds=11, options={"live": "1"})
    complete = write_clip(tmp_path / "other.mkv", seconds=11)
    with av.open(str(clip)) as guessed, av.open(str(complete)) as stated:
        assert abs(guessed.duration - 11e6) > 1e6 and abs(stated.duration - 11e6) < 1e4
    assert [round(window.rest, 1) for window in windows(clip)] == [1.0]


def test_red_comes_first():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert _square(av.VideoFrame.from_ndarray(red, "rgb24"), VideoReformatter())[112, 112].tolist() == [255, 0, 0]


@pytest.mark.parametrize("alpha", [0, 100])
def test_alpha_is_ignored(tmp_path, alpha):
    grey = np.full((32, 32, 4), 200, np.uint8)
    grey[:, 16:, 3] = alpha
    window, = windows(compose(tmp_path / "clip.mkv", [n / 4 for n in range(40)], [(tone(10, 8000), 0)], picture=grey))
    assert (window.frames == 200).all()


@pytest.mark.parametrize("across", [(1, 0), (-1, 0), (0, 1), (0, -1)])
@pytest.mark.parametrize("sign", [1, -1])
def test_eight_orientations(across, sign, tmp_path):
    """The header's matrix says where a step across and a step down in the stored picture lead in the one to be seen."""
    path, down = tmp_path / "clip.mp4", (sign * -across[1], sign * across[0])
    stored = np.repeat(np.repeat(np.array([[250, 170], [90, 10]], np.uint8), 16, 0), 16, 1)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=2, width=32, height=32, pix_fmt="yuv420p", options={"qp": "1"})
        audio = container.add_stream("aac", rate=8000, layout="mono")
        for _ in range(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.stack([stored] * 3, -1), "rgb24")))
        frame = av.AudioFrame.from_ndarray(tone(10, 8000), "s16", "mono")
        frame.sample_rate = 8000
        container.mux([*video.encode(), *audio.encode(frame), *audio.encode()])
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    values = [across[0] << 16, across[1] << 16, 0, down[0] << 16, down[1] << 16, 0, 0, 0, 1 << 30]
    content[at:at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    path.write_bytes(content)
    seen = windows(path)[0].frames[5, 5, ..., 1].astype(int)
    for y, x in np.ndindex(2, 2):                          # the quarters' centres, from the middle of the picture
        step = [(2 * x - 1) * a + (2 * y - 1) * d for a, d in zip(across, down, strict=True)]
        assert abs(seen[112 + 56 * step[1], 112 + 56 * step[0]] - int(stored[16 * y, 16 * x])) < 8


def test_a_picture_stands_until_the_next_one(tmp_path):
    clip = compose(tmp_path / "clip.mkv", [0, 1, 2, 75, 76, 90], [(tone(92, 8000), 0)])
    found = np.concatenate([number_of(window.frames[:, 8]) for window in windows(clip)])
    assert found.tolist() == [0, 1, *[2] * 73, 3, *[4] * 14]


def test_the_short_track_is_named(tmp_path):
    clip = compose(tmp_path / "still.mkv", [0], [(tone(30, 8000), 0)])
    for pad in (False, True):
        with pytest.raises(VscgError, match=r"too short: .* \(the picture ends at 0.\d s, the sound at 30.0 s\)"):
            windows(clip, pad)
    clip = write_clip(tmp_path / "film.mkv", seconds=13, sound=tone(30, 8000))
    assert windows(clip)[0].notes == ("the picture ends at 13.0 s, the sound at 30.0 s",)


def test_the_clip_begins_where_its_picture_or_sound_does(tmp_path):
    """Not where another track does."""
    times, sound = [5 + n / 4 for n in range(44)], tone(11, 8000)
    clip = compose(tmp_path / "clip.mkv", times, [(tone(20, 8000, 700), 0), (sound, 5.5)], default=1)
    window, = windows(clip)
    assert number_of(window.frames[:, 8]).tolist() == [4 * n + 2 for n in range(10)]
    assert not window.waveform[:4000].any()
    np.testing.assert_allclose(window.waveform[4000:], sound[0, :76_000] / 32768, atol=1e-7)
    assert window.notes[0] == "sound: track 2 of 2 (the default)"


def test_the_default_tracks_are_taken(tmp_path):
    sounds = [(tone(10, 8000, hertz), 0) for hertz in (440, 700, 900)]
    times = [n / 4 for n in range(40)]
    for default, kept in ((0, "the default"), (2, "the default"), (None, "none is the default")):
        window, = windows(compose(tmp_path / "clip.mkv", times, sounds, default=default))
        np.testing.assert_allclose(window.waveform, sounds[default or 0][0][0] / 32768, atol=1e-7)
        assert window.notes == (f"sound: track {(default or 0) + 1} of 3 ({kept})",)


def test_a_clock_that_starts_anew_goes_on(tmp_path):
    """Two transport streams, one appended to the other, as receivers and `cat` make them."""
    parts = []
    for hertz, grey in ((440, 60), (880, 180)):
        with av.open(str(tmp_path / "part.ts"), "w") as container:
            video = container.add_stream("mpeg2video", rate=25, width=32, height=32, pix_fmt="yuv420p")
            audio = container.add_stream("mp2", rate=48000, layout="mono")
            packets = []
            for number, piece in enumerate(np.split(tone(6, 48000, hertz), 250, axis=1)):
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 48000, 1152 * number, Fraction(1, 48000)
                packets += audio.encode(frame)
            packets += audio.encode()
            for _ in range(150):
                packets += video.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), grey, np.uint8), "rgb24"))
            packets += video.encode()
            container.mux(sorted((p for p in packets if p.dts is not None), key=lambda p: p.dts * p.time_base))
        parts.append((tmp_path / "part.ts").read_bytes())
    (path := tmp_path / "clip.ts").write_bytes(b"".join(parts))
    window, = windows(path)
    for part, grey in ((window.frames[:6], 60), (window.frames[6:], 180)):
        assert np.abs(part.astype(int) - grey).max() < 4
    heard = [int(np.abs(np.fft.rfft(second)).argmax()) for second in window.waveform.reshape(10, -1)[:, :40_000]]
    np.testing.assert_allclose(np.array(heard) * 1.2, [440] * 6 + [880] * 4, atol=2)


def test_a_clock_that_does_not_begin_at_zero(tmp_path):
    """A Matroska file states the end on its clock, not the length."""
    source, path = write_clip(tmp_path / "clip.mkv", seconds=11, fps=4), tmp_path / "late.mkv"
    with av.open(str(source)) as clip, av.open(str(path), "w") as target:
        copies = {stream: target.add_stream_from_template(stream) for stream in clip.streams}
        for packet in clip.demux():
            if packet.dts is not None:
                packet.dts, packet.pts = packet.dts + 100_000, packet.pts + 100_000
                packet.stream = copies[packet.stream]
                target.mux(packet)
    with av.open(str(path)) as container:
        assert container.start_time == 100e6 and container.duration == pytest.approx(111e6, abs=1e5)
    assert [(window.start, round(window.rest, 1)) for window in windows(path)] == [(0, 1.0)]


def test_one_track_alone_is_refused(tmp_path):
    with pytest.raises(VscgError, match="heard.mkv: it has no picture track; .* give a clip with picture and sound"):
        windows(write_clip(tmp_path / "heard.mkv", picture=False))
    with pytest.raises(VscgError, match="seen.mkv: it has no sound track"):
        windows(write_clip(tmp_path / "seen.mkv", sound=NONE))


def test_what_is_no_clip(tmp_path):
    (tmp_path / "text.mp4").write_text("hello" * 1000)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    for name in ("text.mp4", "empty.mp4", "folder.mp4", "list.mp4"):
        with pytest.raises(VscgError, match=f"{name}: not a clip, or damaged"):
            windows(tmp_path / name)
    with pytest.raises(VscgError, match="absent.mp4: no such file"):
        windows(tmp_path / "absent.mp4")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.8])
def test_a_cut_off_file_is_refused(tmp_path, kept):
    path = write_clip(tmp_path / "clip.mkv", seconds=12)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * kept)])
    for pad in (False, True):
        with pytest.raises(VscgError, match="clip.mkv: (damaged or cut off: it says that it lasts 12.0 s|not a clip)"):
            windows(path, pad)


def test_a_hole_in_a_file_is_told(tmp_path):
    """FFmpeg goes on with the next cluster that it finds."""
    path = write_clip(tmp_path / "clip.mkv", seconds=32)
    assert windows(path)[-1].notes == ()
    content = bytearray(path.read_bytes())
    hole = slice(len(content) // 3, 2 * len(content) // 3)
    content[hole] = bytes(hole.stop - hole.start)
    path.write_bytes(content)
    told = " ".join(windows(path)[-1].notes)
    begin, end = (float(number) for number in re.search(r"sound from ([\d.]+) s to ([\d.]+) s: a part", told).groups())
    assert 5 < begin < end < 27 and end - begin > 3


def film_with_b_pictures(path, rate, seconds, hole=(0, 0)):
    """A film whose pictures do not lie in the order of their times; without the packets of `hole`, in s."""
    sound, packets = tone(seconds, 16_000) / 32768, []
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"bf": "3", "b-adapt": "0", "g": "8"})
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        noise = np.random.default_rng(0).integers(255, size=(64, 64, 3), dtype=np.uint8)
        for number in range(rate * seconds):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, number, 1), "rgb24")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            packets += video.encode(picture)
        piece = av.AudioFrame.from_ndarray(sound.astype(np.float32), "fltp", "mono")
        piece.sample_rate, piece.pts, piece.time_base = 16_000, 0, Fraction(1, 16_000)
        packets += [*video.encode(None), *audio.encode(piece), *audio.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            if not hole[0] <= packet.pts * packet.time_base < hole[1]:
                container.mux(packet)
    with av.open(str(path)) as container:
        assert any(packet.pts - packet.dts > 1 / packet.time_base / rate for packet in container.demux(video=0)
                   if packet.pts and packet.dts is not None)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_pictures_that_are_stored_before_their_time_are_no_hole(tmp_path, suffix):
    """Of slow films with B pictures: the picture after them lies in the file before them, seconds ahead of all else."""
    film = film_with_b_pictures(tmp_path / f"clip.{suffix}", 2, 20)
    assert [window.notes for window in windows(film)] == [(), ()]


@pytest.mark.parametrize("rate, hole", [(25, (10, 12)), (25, (10, 20)), (2, (10, 14)), (2, (10, 20))])
def test_a_hole_between_pictures_that_do_not_lie_in_order_is_told(tmp_path, rate, hole):
    """After it, Matroska's first picture is decoded at a time from before it."""
    film = film_with_b_pictures(tmp_path / "clip.mkv", rate, 32, hole)
    told = " ".join(windows(film)[-1].notes)
    begin, end = (float(number) for number in re.search(r"sound from ([\d.]+) s to ([\d.]+) s: a part", told).groups())
    assert (begin, end) == pytest.approx(hole, abs=0.1)


def test_memory_does_not_grow_with_the_clip(tmp_path):
    peaks = []
    for seconds in (20, 80):
        clip = write_clip(tmp_path / "clip.mkv", seconds=seconds, fps=4)
        tracemalloc.start()
        count = sum(1 for _ in read_windows(clip))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == seconds // 10
    assert peaks[1] < 1.1 * peaks[0] < 140e6


@pytest.mark.skipif(not media.SHARED.is_dir(), reason="the example clips are not on this machine")
@pytest.mark.parametrize("name, plain, padded", [
    ("flipping_a_pancake.mkv", [0], [0]), ("big_buck_bunny_0_30.webm", [0, 0, 0], [0, 0, 0]),
    ("no_duration.webm", "too short: .* 4.9 s", [5]), ("transparent.webm", "too short: .* 4.9 s", [5]),
    ("picture_only_16s.mp4", "no sound track", "no sound track"), ("corrupted.mp4", "no sound track", "no sound track"),
    ("crunching.mp3", "no picture track", "no picture track"),
    ("vggish_test.wav", "no picture track", "no picture track")])
def test_example_clips(name, plain, padded):
    for pad, expected in ((False, plain), (True, padded)) if plain != padded else ((True, padded),):
        if isinstance(expected, str):
            with pytest.raises(VscgError, match=f"{name}: .*{expected}"):
                windows(media.SHARED / name, pad)
        else:
            found = windows(media.SHARED / name, pad)
            assert [int(window.padded.sum()) for window in found] == expected
            assert [window.start for window in found] == [10 * number for number in range(len(found))]
            assert all(window.frames.max() > 5 for window in found)


def test_sound_that_is_switched_off_is_silence(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", seconds=110, fps=1, sound=tone(10, 8000), sound_at=100)
    found = windows(clip)
    assert len(found) == 11 and not any(window.waveform.any() for window in found[:10])
    np.testing.assert_allclose(found[10].waveform, tone(10, 8000)[0] / 32768, atol=1e-7)


def test_a_text_track_does_not_make_a_clip_longer(tmp_path):
    """Its picture and sound do; a file that ends before its text does is cut off all the same."""
    source, path = write_clip(tmp_path / "clip.mkv", seconds=11, fps=4), tmp_path / "with.mkv"
    (tmp_path / "text.srt").write_text("1\n00:00:01,000 --> 00:00:25,000\nstill talking\n\n"
                                         "2\n00:00:16,000 --> 00:00:25,000\nand talking\n")
    with av.open(str(source)) as clip, av.open(str(tmp_path / "text.srt")) as text, av.open(str(path), "w") as target:
        copies = {stream: target.add_stream_from_template(stream) for stream in (*clip.streams, *text.streams)}
        packets = [p for file in (clip, text) for p in file.demux() if p.dts is not None]
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            packet.stream = copies[packet.stream]
            target.mux(packet)
    with av.open(str(path)) as container:
        assert container.duration == 25e6
    assert [(round(window.rest, 1), window.notes) for window in windows(path)] == [(1.0, ())]


def streamed(path, codecs, seconds=12, size=32, layout="mono"):
    """A clip in lossy codecs: the picture gets lighter every second, the tone louder."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codecs[0], rate=25, width=size, height=size, pix_fmt="yuv420p")
        video.codec_context.gop_size = 12
        audio = container.add_stream(codecs[1], rate=48000, layout=layout)
        packets = []
        for number in range(25 * seconds):
            pixels = np.full((size, size, 3), 40 + 8 * (number // 25), np.uint8)
            packets += video.encode(av.VideoFrame.from_ndarray(pixels, "rgb24"))
        wave = tone(seconds, 48000) * np.repeat(np.arange(1, seconds + 1), 48000) // seconds
        to_format = av.AudioResampler(format=audio.format.name, layout=layout)
        for first in range(0, wave.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(wave[:, first:first + 960].astype(np.int16), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
            packets += [packet for part in to_format.resample(frame) for packet in audio.encode(part)]
        packets += [*video.encode(), *audio.encode()]
        container.mux(sorted((p for p in packets if p.dts is not None), key=lambda p: p.dts * p.time_base))
    return path


def light(found):
    """Which second of `streamed` each second of windows shows, and is as loud as."""
    seen = np.concatenate([(window.frames[:, 8].mean((1, 2, 3)) - 40) / 8 for window in found])
    heard = np.concatenate([window.waveform.reshape(10, -1)[:, 8000:40_000] for window in found])
    return seen, (heard ** 2).mean(1) ** 0.5


def test_empty_packets_are_no_damage(tmp_path):
    """FLAC ends with one, and Theora says with them that nothing has changed."""
    path = streamed(tmp_path / "clip.nut", ("mpeg4", "flac"))
    with av.open(str(path)) as container:
        assert any(packet.size == 0 and packet.dts is not None for packet in container.demux(audio=0))
    seen, heard = light(windows(path))
    np.testing.assert_allclose(seen, range(10), atol=0.4)
    np.testing.assert_allclose(heard / heard[0], range(1, 11), rtol=0.01)


def test_a_broadcast_that_is_recorded_from_the_middle(tmp_path):
    """It begins with packets that refer to what was sent before, on a clock that nobody has set to zero."""
    path = streamed(tmp_path / "clip.ts", ("libx264", "mp2"), seconds=14)
    content = path.read_bytes()
    path.write_bytes(content[len(content) * 2 // 14 // 188 * 188 + 77:])
    found = windows(path)
    seen, heard = light(found)
    assert len(found) == 1 and 1 < seen[0] < 4, "some seconds are gone"
    np.testing.assert_allclose(np.diff(seen), 1, atol=0.4)
    np.testing.assert_allclose(heard / heard[0] * (seen[0] + 1), seen + 1, rtol=0.25)


def test_sound_and_picture_may_change_their_form(tmp_path):
    """Broadcasts do: six channels after two, another size of the picture."""
    first = streamed(tmp_path / "a.ts", ("mpeg2video", "ac3"), seconds=6, layout="stereo").read_bytes()
    second = streamed(tmp_path / "b.ts", ("mpeg2video", "ac3"), seconds=6, size=64, layout="5.1").read_bytes()
    (path := tmp_path / "clip.ts").write_bytes(first + second)
    seen, heard = light(windows(path))
    np.testing.assert_allclose(seen, [*range(6), *range(4)], atol=0.4)
    assert (heard > 0.001).all() and (np.diff(heard[:6]) > 0).all() and (np.diff(heard[6:]) > 0).all()


def test_an_avi_file_that_is_cut_off_has_no_index(tmp_path):
    path = streamed(tmp_path / "clip.avi", ("mpeg4", "libmp3lame"), seconds=25)
    assert len(windows(path)) == 2
    content = path.read_bytes()
    path.write_bytes(content[:len(content) * 2 // 3])
    with pytest.raises(VscgError, match="damaged or cut off: it says that it lasts 25.0 s"):
        windows(path)


def test_a_cover_is_no_picture(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        audio = container.add_stream("aac", rate=8000, layout="mono")
        cover = container.add_stream("mjpeg", width=32, height=32, pix_fmt="yuvj420p")
        cover.disposition = Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(tone(10, 8000), "s16", "mono")
        frame.sample_rate = 8000
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24").reformat(format="yuvj420p")
        container.mux([*cover.encode(picture), *cover.encode(), *audio.encode(frame), *audio.encode()])
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(VscgError, match="no picture track"):
        windows(path)


def test_a_damaged_rate_of_pictures_does_not_make_a_clip_of_years(tmp_path):
    """The picture then stands for 800 years; what comes after the end of the sound is measured and not made."""
    path = streamed(tmp_path / "clip.avi", ("mpeg4", "libmp3lame"), seconds=12)
    content = bytearray(path.read_bytes())
    scale = content.find(b"strh") + 8 + 20
    content[scale:scale + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)
    window, = windows(path)
    assert window.frames.shape[0] == 10


def test_a_picture_may_stand_for_hours(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", times=[0], fps=Fraction(1, 10_000), sound=tone(12, 8000))
    assert [window.notes for window in windows(clip)] == [("the picture ends at 10000.0 s, the sound at 12.0 s",)]


@pytest.mark.parametrize("raised, error", [(av.error.MemoryError(12, "Cannot allocate memory"), VscgError),
                                           (MemoryError(), MemoryError)], ids=["FFmpeg", "Python"])
def test_what_ffmpeg_cannot_allocate_is_the_clips_and_other_want_of_memory_is_not(tmp_path, monkeypatch, raised, error):
    def full(*arguments, **options):
        raise raised
    (path := tmp_path / "clip.mkv").write_bytes(b"0")
    monkeypatch.setattr("vscg.features.video.av.open", full)
    with pytest.raises(error) as found:
        windows(path)
    assert type(found.value) is error


def test_tracks_for_the_deaf_the_blind_and_with_comments_come_last():
    def made(kind, code=True):
        return SimpleNamespace(type="audio", codec_context=code, disposition=kind)
    other = made(Disposition(0))
    for kind in (Disposition.hearing_impaired, Disposition.visual_impaired, Disposition.comment):
        found = track(Path("a"), SimpleNamespace(streams=[made(kind), other]), "audio")
        assert found == (other, "sound: track 2 of 2 (none is the default)")
    with pytest.raises(VscgError, match="its sound is in a code that cannot be read here"):
        track(Path("a"), SimpleNamespace(streams=[made(Disposition(0), None)]), "audio")


def test_pictures_are_interpolated():
    halves = np.zeros((32, 32, 3), np.uint8)
    halves[:, 16:] = 200
    row = _square(av.VideoFrame.from_ndarray(halves, "rgb24"), VideoReformatter())[112, :, 0].astype(int)
    assert ((row > 40) & (row < 160)).any() and (np.diff(row) >= 0).all()
