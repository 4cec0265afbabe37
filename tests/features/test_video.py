"""Clips to windows: what is shown when, what is heard when, and what is refused."""
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from tests import media
from tests.media import number_of, tone, write_clip
from vscg.errors import VscgError
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


def test_alpha_is_ignored(tmp_path):
    window, = windows(write_clip(tmp_path / "clip.mkv", pix_fmt="yuva420p"))
    assert number_of(window.frames).ravel().tolist() == [number % 50 for number in range(160)]


def test_red_comes_first():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    assert _square(av.VideoFrame.from_ndarray(red, "rgb24"))[112, 112].tolist() == [255, 0, 0]


def test_rotation_is_applied(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=2, width=32, height=32, pix_fmt="yuv420p")
        audio = container.add_stream("aac", rate=8000, layout="mono")
        picture = np.zeros((32, 32, 3), np.uint8)
        picture[:16] = 255                                 # bright above
        for _ in range(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        frame = av.AudioFrame.from_ndarray(tone(10, 8000), "s16", "mono")
        frame.sample_rate = 8000
        container.mux([*video.encode(), *audio.encode(frame), *audio.encode()])
    upright = windows(path)[0].frames[5, 5].mean((1, 2))
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    quarter = [(0, 1, 0), (-1, 0, 0), (0, 0, 1)]           # a quarter turn clockwise, as phones write it
    scale = (65536, 65536, 2**30)
    content[matrix:matrix + 36] = b"".join((value * unit).to_bytes(4, "big", signed=True)
                                           for row in quarter for value, unit in zip(row, scale, strict=True))
    path.write_bytes(content)
    turned = windows(path)[0].frames[5, 5].mean(2)
    assert upright[50] > 200 > 50 > upright[170]
    assert turned[:, 170].mean() > 200 > 50 > turned[:, 50].mean(), "what was above is on the right"


def test_one_track_alone_is_refused(tmp_path):
    with pytest.raises(VscgError, match="heard.mkv: it has no picture track; .* give a clip with picture and sound"):
        windows(write_clip(tmp_path / "heard.mkv", picture=False))
    with pytest.raises(VscgError, match="seen.mkv: it has no sound track"):
        windows(write_clip(tmp_path / "seen.mkv", sound=NONE))


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


def test_times_that_jump_are_refused(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", times=[0, 1, 2, 100, 101])
    with pytest.raises(VscgError, match="damaged: the time jumps from [23].* s to 100.0 s"):
        windows(clip)


def test_a_picture_that_is_said_to_last_for_hours_is_refused(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", times=[0], fps=Fraction(1, 10_000), sound=tone(2, 8000))
    with pytest.raises(VscgError, match="damaged: what is shown at 0.0 s is said to last 10000.0 s"):
        windows(clip)


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
