"""Clips: damaged at any byte, of other kinds, and playlists that lead elsewhere."""

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media import tone, write_clip
from tests.robustness.cases import cases, damaged

LIMIT = 400  # MiB; a window of ten seconds takes 24, and some are made side by side


@pytest.fixture(scope="module")
def clips(child):
    """Sound clips of two seconds: name to content."""
    found = {}
    for name in ("lossless.mkv", "common.mp4", "small.webm", "old.avi"):
        path = child.folder / name
        if name == "lossless.mkv":
            write_clip(path, seconds=2, fps=4)
        else:
            video, audio = {
                "common.mp4": ("libx264", "aac"),
                "small.webm": ("libvpx", "libopus"),
                "old.avi": ("mpeg4", "pcm_s16le"),
            }[name]
            with av.open(str(path), "w") as container:
                picture = container.add_stream(video, rate=4, width=32, height=32, pix_fmt="yuv420p")
                sound = container.add_stream(audio, rate=48000, layout="mono")
                for number in range(8):
                    pixels = np.full((32, 32, 3), 30 * number, np.uint8)
                    container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
                container.mux(picture.encode())
                wave = tone(2, 48000)
                if sound.format.name != "s16":
                    wave = wave.astype(np.float32) / 32768
                frame = av.AudioFrame.from_ndarray(wave, sound.format.name, "mono")
                frame.sample_rate = 48000
                container.mux([*sound.encode(frame), *sound.encode()])
        found[name] = path.read_bytes()
        assert child.case("media", path, pad=True, limit=LIMIT), name
    return found


@cases(60, 500)
@given(data=st.data())
def test_damaged_clips(child, clips, data):
    name = data.draw(st.sampled_from(sorted(clips)))
    content = clips[name]
    head = range(min(len(content), 1500))
    changed = data.draw(damaged(content, [head, range(max(0, len(content) - 1500), len(content))]))
    path = child.folder / f"damaged-{name}"
    path.write_bytes(changed)
    child.case("media", path, pad=data.draw(st.booleans()), limit=LIMIT)


@cases(20, 100)
@given(
    content=st.binary(max_size=400),
    start=st.sampled_from(
        [
            b"",
            b"RIFF\xff\xff\xff\xffWAVEfmt ",
            b"RIFF\xff\xff\xff\xffAVI LIST",
            b"\x1aE\xdf\xa3",
            b"OggS",
            b"fLaC",
            b"ID3",
            b"FLV\x01",
            b"\0\0\0\x18ftypmp42",
            b"GIF89a\xff\xff\xff\xff",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02",
            b"BM\xff\xff\xff\x7f",
            b"P6 99999 99999 255 ",
            b"YUV4MPEG2 W99999 H99999 F1:1 C420jpeg\nFRAME\n",
            b"FRM8",
            b".snd",
            b"MThd",
        ]
    ),
)
def test_files_of_other_kinds(child, content, start):
    path = child.folder / "other"
    path.write_bytes(start + content)
    assert child.case("media", path, pad=True, limit=LIMIT) is None


PLAYLISTS = [
    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
    "ffconcat version 1.0\nfile '{}'\n",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na={}\n",
    "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period><AdaptationSet>"
    "<Representation id='1'><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "<smil><body><video src='{}'/></body></smil>",
    "[playlist]\nFile1={}\n",
    "{}\n",
]


@cases(28, 60)
@given(
    form=st.sampled_from(PLAYLISTS),
    ending=st.sampled_from(["m3u8", "mp4", "ffconcat", "sdp", "mpd", "txt"]),
    to=st.sampled_from(["file", "absolute", "http", "pipe", "device", "concat", "data"]),
)
def test_playlists_lead_nowhere(child, clips, form, ending, to):
    """A text that names another clip is no clip, even where that one is beside it."""
    beside = child.folder / "lossless.mkv"
    target = {
        "file": beside.name,
        "absolute": f"file:{beside}",
        "http": "http://127.0.0.1:9/x.mp4",
        "pipe": "pipe:0",
        "device": "/dev/zero",
        "concat": f"concat:{beside}|{beside}",
        "data": "data:video/mp4;base64,AAAA",
    }[to]
    path = child.folder / f"list.{ending}"
    path.write_text(form.format(target))
    assert child.case("media", path, pad=True, limit=LIMIT) is None


@cases(30, 150)
@given(
    rate=st.sampled_from([0, 1, 7, 100, 2**20, 2**28, 2**31 - 1, 2**32 - 1]),
    width=st.sampled_from([0, 1, 2**14, 2**16, 2**31 - 1]),
    part=st.sampled_from(["rate", "size"]),
)
def test_absurd_rates_and_sizes(child, clips, rate, width, part):
    """What a header says of the samples in a second and of the picture's size."""
    content = bytearray(clips["old.avi"])
    if part == "rate":
        at = content.index(b"strf", content.index(b"auds")) + 8 + 4
        content[at : at + 4] = rate.to_bytes(4, "little")
    else:
        at = content.index(b"strf") + 8 + 4
        content[at : at + 8] = width.to_bytes(4, "little") * 2
    path = child.folder / "absurd.avi"
    path.write_bytes(content)
    child.case("media", path, pad=True, limit=LIMIT)
