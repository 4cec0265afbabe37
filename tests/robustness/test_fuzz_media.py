"""Clips: damaged at any byte, of other kinds, and playlists that lead elsewhere."""
import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media import tone, write_clip
from tests.robustness.cases import cases, damaged

LIMIT = 400  # MiB; a window of ten seconds takes 24, and some are made side by side
CODECS = {"common.mp4": ("libx264", "aac"), "small.webm": ("libvpx", "libopus"), "old.avi": ("mpeg4", "pcm_s16le")}


@pytest.fixture(scope="module")
def clips(child):
    """Sound clips of two seconds: name to content."""
    write_clip(child.folder / "lossless.mkv", seconds=2, fps=4)
    for name, (video, audio) in CODECS.items():
        with av.open(str(child.folder / name), "w") as container:
            picture = container.add_stream(video, rate=4, width=32, height=32, pix_fmt="yuv420p")
            sound = container.add_stream(audio, rate=48000, layout="mono")
            for number in range(8):
                pixels = np.full((32, 32, 3), 30 * number, np.uint8)
                container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(picture.encode())
            wave = tone(2, 48000)
            frame = av.AudioFrame.from_ndarray(wave if sound.format.name == "s16" else wave.astype("f4") / 32768,
                                               sound.format.name, "mono")
            frame.sample_rate = 48000
            container.mux([*sound.encode(frame), *sound.encode()])
    for name in ("lossless.mkv", *CODECS):
        assert child.case("media", child.folder / name, pad=True, limit=LIMIT), name
    return {name: (child.folder / name).read_bytes() for name in ("lossless.mkv", *CODECS)}


@cases(40, 500)
@given(data=st.data(), pad=st.booleans())
def test_damaged_clips(child, clips, data, pad):
    name = data.draw(st.sampled_from(sorted(clips)))
    size = len(clips[name])
    (path := child.folder / f"damaged-{name}").write_bytes(
        data.draw(damaged(clips[name], [range(min(size, 1500)), range(max(0, size - 1500), size)])))
    child.case("media", path, pad=pad, limit=LIMIT)


@cases(20, 100)
@given(content=st.binary(max_size=400), start=st.sampled_from([
    b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"RIFF\xff\xff\xff\xffAVI LIST", b"\x1aE\xdf\xa3", b"OggS", b"fLaC", b"ID3",
    b"\0\0\0\x18ftypmp42", b"GIF89a\xff\xff\xff\xff",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02",
    b"P6 99999 99999 255 ", b"YUV4MPEG2 W99999 H99999 F1:1 C420jpeg\nFRAME\n"]))
def test_files_of_other_kinds(child, content, start):
    (path := child.folder / "other").write_bytes(start + content)
    assert child.case("media", path, pad=True, limit=LIMIT) is None


PLAYLISTS = ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n",
             "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na={}\n", "{}\n")


@cases(20, 60)
@given(form=st.sampled_from(PLAYLISTS), ending=st.sampled_from(["m3u8", "mp4", "ffconcat", "sdp", "txt"]),
       to=st.sampled_from(["{0.name}", "file:{0}", "http://127.0.0.1:9/x.mp4", "/dev/zero", "concat:{0}|{0}"]))
def test_playlists_lead_nowhere(child, clips, form, ending, to):
    """A text that names another clip is no clip, even where that one is beside it."""
    (path := child.folder / f"list.{ending}").write_text(form.format(to.format(child.folder / "lossless.mkv")))
    assert child.case("media", path, pad=True, limit=LIMIT) is None


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("after, count", [(b"auds", 1), (b"vids", 2)])
def test_absurd_rates_and_sizes(child, clips, after, count, size):
    """What a header says of the samples in a second, and of the picture's width and height."""
    content = bytearray(clips["old.avi"])
    at = content.index(b"strf", content.index(after)) + 8 + 4
    content[at:at + 4 * count] = size.to_bytes(4, "little") * count
    (path := child.folder / "absurd.avi").write_bytes(content)
    child.case("media", path, pad=True, limit=LIMIT)
