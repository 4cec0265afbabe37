"""Files of every kind, damaged at any byte: each reader gives something sound, with a sum what was there, or one error.

Pickles that mean harm run nothing, names of data sets make nothing elsewhere. The tests of the readers have what each
refuses by name.
"""
import functools
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_official
from tests.media import tone, write_clip
from tests.robustness.cases import case, cases, damaged
from tests.robustness.readers import digest
from vscg.data.prepared import SPLITS
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.features.video import read_windows
from vscg.models import build_model
from vscg.training.config import RunConfig
from vscg.training.evaluation import summarise
from vscg.training.records import read_record, ship, write_record

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
CODECS = {"common.mp4": ("libx264", "aac"), "small.webm": ("libvpx", "libopus"), "old.avi": ("mpeg4", "pcm_s16le")}
RUN = ("record.json", "history.csv", "predictions.safetensors", "state.safetensors")
OFFICIAL = ("audio_feature.h5", "visual_feature_noisy.h5", "labels_noisy.h5", "val_order.h5", "Annotations.txt")


@dataclass
class Kind:
    """A kind of file: what makes a sound one in a folder, its reader in `readers.py`, and what that is given."""

    make: Callable[[Path], Path]              # folder -> the file that is damaged
    reader: str
    whole: bool = False                       # read as the folder in which the file lies
    summed: bool = False                      # a checksum: any other byte is refused
    options: dict = field(default_factory=dict)


def headers(path) -> list[range]:
    """The offsets in an HDF5 file that hold no numbers of data sets: its headers, names and sizes."""
    data = []
    with h5py.File(path) as handle:
        def note(name, found):
            if isinstance(found, h5py.Dataset) and found.id.get_offset() is not None:
                data.append((found.id.get_offset(), found.id.get_offset() + found.id.get_storage_size()))

        handle.visititems(note)
    ends = [0, *sorted(sum(data, ())), path.stat().st_size]
    return [range(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True) if end > start]


def prepared(folder: Path) -> Path:
    """Three clips."""
    g, labels = np.random.default_rng(0), np.eye(29)[[[28, 28, 4, 4, 4] + [28] * 5, [28] * 10, [28] * 10]]
    with PreparedWriter(folder / "sound.h5", 3, "three", "0abc", {"a": 1}) as writer:
        writer.append(g.random((3, 10, 7, 7, 512)), g.random((3, 10, 128)), labels, np.array([4, 3, 28]),
                      ["a", "b", "ü"], heard=g.random((3, 10)) < 0.5, evidence=g.random((3, 10)).astype("f4"))
        writer.splits([0], [1], [], [2])
    return folder / "sound.h5"


def finished_run(folder: Path, name: str) -> Path:
    """A file of a finished run."""
    folder = folder / "0123456789abcdef"
    folder.mkdir()
    classes = torch.arange(20).reshape(2, 10).to(torch.int8).numpy()
    result = {"epoch": 1, **dict.fromkeys(("val", "test"), summarise(classes, classes))}
    values = {"key": folder.name, "config": RunConfig(system="avel", epochs=2, batch=8).resolve().to_json(),
              "data": {"name": "planted-mini", "fingerprint": "0"}, "results": {"validation": result, "test": result},
              "finished": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "device": "CPU", "versions": {"python": "3.11"}}
    rows = [{"epoch": epoch, "lr": 1e-3, "loss": 1.0, "val_accuracy": 0.5, "test_accuracy": 0.5} for epoch in (1, 2)]
    write_record(folder, values, rows, build_model("avel").state_dict(), dict.fromkeys(("validation", "test"), classes))
    return folder / name


def saved(value, old: bool = False) -> Callable[[Path], Path]:
    """A checkpoint of `torch.save`, in its newer or its older format."""
    def make(folder: Path) -> Path:
        torch.save(value, folder / "weights.pth", _use_new_zipfile_serialization=not old)
        return folder / "weights.pth"
    return make


def encoded(folder: Path, name: str) -> Path:
    """Two seconds of picture and sound in lossy codecs."""
    with av.open(str(folder / name), "w") as container:
        picture = container.add_stream(CODECS[name][0], rate=4, width=32, height=32, pix_fmt="yuv420p")
        sound = container.add_stream(CODECS[name][1], rate=48000, layout="mono")
        for number in range(8):
            pixels = np.full((32, 32, 3), 30 * number, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        wave = tone(2, 48000)
        frame = av.AudioFrame.from_ndarray(wave if sound.format.name == "s16" else wave.astype("f4") / 32768,
                                           sound.format.name, "mono")
        frame.sample_rate = 48000
        container.mux([*picture.encode(), *sound.encode(frame), *sound.encode()])
    return folder / name


WHOLE = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
WEIGHTS = {"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4),
           "features.2.weight": torch.zeros(2, 4), "features.2.bias": torch.zeros(2),
           "classifier.0.weight": torch.ones(3)}
FILM = {"limit": 400}            # MiB; a window of ten seconds takes 24, and some are made side by side
KINDS = {
    "prepared": Kind(prepared, "prepared"),
    **{f"official {name}": Kind(lambda folder, name=name: make_official(folder / "official", 4, packed=True) / name,
                                "official", whole=True, options={"limit": 128, "writes": True}) for name in OFFICIAL},
    **{f"run {name}": Kind(lambda folder, name=name: finished_run(folder, name), "record", whole=True, summed=True)
       for name in RUN},
    "shipped run": Kind(lambda folder: ship([read_record(finished_run(folder, RUN[0]).parent)], folder)[0], "shipped",
                        summed=True),
    "state": Kind(lambda folder: folder / "checkpoint.pt", "state", summed=True, options={"limit": 500}),
    **{f"{age} {name}": Kind(saved(value, age == "old"), "checkpoint", options={"limit": 32})
       for name, value in (("state dict", WHOLE.state_dict()), ("module", WHOLE)) for age in ("new", "old")},
    "weights": Kind(saved(WEIGHTS), "network"),
    **{f"clip {name}": Kind(lambda folder, name=name: encoded(folder, name), "media", options=FILM) for name in CODECS},
    "clip lossless.mkv": Kind(lambda folder: write_clip(folder / "lossless.mkv", seconds=2, fps=4), "media",
                              options=FILM),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A kind's sound file, made once: its path, its content, where most damage begins, and what it reads as."""
    known, home = {}, tmp_path_factory.mktemp("fuzz")

    def find(name: str):
        if name not in known:
            kind, folder = KINDS[name], home / name.replace(" ", "-")
            folder.mkdir()
            path = kind.make(folder)
            if name == "state":
                case("saved_state", path, writes=True, limit=2000)
            size = path.stat().st_size
            spots = headers(path) if name == "prepared" else [range(min(size, 3000)), range(max(0, size - 1500), size)]
            result = case(kind.reader, path.parent if kind.whole else path, **kind.options)
            assert result is not None, name
            known[name] = path, path.read_bytes(), spots, result
        return known[name]
    return find


@pytest.mark.parametrize("name", KINDS)
@cases(20, 500)
@given(data=st.data())
def test_a_damaged_file_is_read_as_something_sound_or_is_one_error(sound, name, data):
    path, content, spots, result = sound(name)
    kind, changed = KINDS[name], data.draw(damaged(content, spots))
    path.write_bytes(changed)
    try:
        found = case(kind.reader, path.parent if kind.whole else path, **kind.options)
    finally:
        path.write_bytes(content)
    if changed == content or kind.summed and found is not None:
        # JSON may be laid out otherwise and say the same.
        assert found == result and (changed == content or path.name == "record.json")
    if name == "prepared" and len(changed) < len(content):
        assert found is None, "a truncated file was read"


def test_a_packet_said_to_be_larger_than_its_file_is_damage(sound, tmp_path):
    """FFmpeg then asks for a gigabyte and says that memory is short."""
    _, content, *_ = sound("clip common.mp4")
    at, path = content.index(b"stsz") + 16, tmp_path / "clip.mp4"
    path.write_bytes(content[:at] + (2**30 - 1).to_bytes(4) + content[at + 4:])
    with pytest.raises(VscgError, match="damaged"):
        list(read_windows(path, pad=True))


PLAYLISTS = ("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n",
             "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na={}\n", "{}\n")


@cases(20, 60)
@given(form=st.sampled_from(PLAYLISTS), ending=st.sampled_from(["m3u8", "mp4", "ffconcat", "sdp", "txt"]),
       to=st.sampled_from(["{0.name}", "file:{0}", "http://127.0.0.1:9/x.mp4", "/dev/zero", "concat:{0}|{0}"]))
def test_playlists_lead_nowhere(sound, form, ending, to):
    """A text that names another clip is no clip, even where that one is beside it."""
    clip, *_ = sound("clip lossless.mkv")
    (path := clip.parent / f"list.{ending}").write_text(form.format(to.format(clip)))
    assert case("media", path, **FILM) is None


def zipped(content: bytes) -> bytes:
    """A checkpoint in the zip format with this `data.pkl`."""
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        for name, data in {"data.pkl": content, "version": b"3\n"}.items():
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


LEGACY = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
WRAPS = zipped, lambda content: LEGACY + content + pickle.dumps([], 2), bytes


class Calls:
    """Pickles as a call of anything, and its state as one that is set by a call."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (OrderedDict, (), state, iter([state]))

    def __reduce__(self):
        return self.call


def hostile(canary: str) -> st.SearchStrategy:
    """Values that write a file or take a terabyte when they are unpickled, at any depth of an innocent one."""
    touch, write = f"touch {canary}", f"open({canary!r}, 'w')"
    system = Calls(os.system, touch)
    harm = st.sampled_from([
        system, Calls(None, state=system), Calls(None, state={"a": system}), Calls(functools.partial, os.system, touch),
        Calls(map, os.system, [touch]), Calls(subprocess.getoutput, touch), Calls(eval, write), Calls(exec, write),
        Calls(open, canary, "w"), Calls(os.makedirs, canary), Calls(getattr, OrderedDict, "fromkeys"),
        Calls(__import__, "antigravity"), Calls(torch.load, canary), Calls(bytearray, 10**12), Calls(bytes, 10**12),
        Calls(torch.zeros, 10**12), Calls(list, range(3))])
    plain = st.none() | st.integers() | st.text(max_size=5) | st.floats()
    return st.recursive(harm | plain, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) |
                        st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5)


@cases(60, 1000)
@given(data=st.data(), protocol=st.integers(0, 5), wrap=st.sampled_from(WRAPS))
def test_hostile_pickles_run_nothing(sound, data, protocol, wrap):
    folder = sound("weights")[0].parent
    canary, path = folder / "canary", folder / "hostile.pt"
    path.write_bytes(wrap(pickle.dumps(data.draw(hostile(str(canary))), protocol)))
    found = case("checkpoint", path, limit=32)
    assert found in (None, [[], digest()]) and not canary.exists()      # an empty state dict is one


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSCG_HOME", str(folder := tmp_path_factory.mktemp("home")))
        patch.delenv("VSCG_AVE_DIR", raising=False)
        yield folder


DIALS = ("ambiguity", "weakest", "group", "audio_cut", "patch", "x", "", "__class__", "../x", "seed")
VALUES = ("0", "1", "0.5", "-1", "nan", "inf", "1e308", "1e-320", "", "x", "1_0", " 1", "1\n", "٣", "1" * 400, "../1",
          "\0", "1/2", "1=1")
COUNTS = ("train=0", "val=-1", "test=1e3", f"train={10**30}", "val=" + "9" * 5000, "background=0", "train=²", "train=",
          "train=0,val=0,test=0,background=0")


@cases(30, 200)
@given(dials=st.lists(st.tuples(st.sampled_from(DIALS), st.sampled_from(VALUES)), max_size=3),
       counts=st.lists(st.sampled_from(COUNTS), max_size=2))
def test_a_name_with_any_dials_is_a_small_set_or_one_error(home, dials, counts):
    small = [f"{split}=1" for split in SPLITS if not any(count.startswith(split) for count in counts)]
    name = "planted-mini:" + ",".join([*small, *(f"{dial}={value}" for dial, value in dials), *counts])
    assert case("planted_name", home, name, writes=True, limit=256) in (None, 1, 2, 3, 4)
    assert {path.name for path in home.iterdir()} <= {"data"} and not list(home.rglob("*.partial"))


@cases(30, 200)
@given(name=st.text(max_size=30).filter(lambda name: name not in ("planted-mini", "planted-study", "planted")) |
       st.sampled_from(["ave", "ave:x=1", "planted-mini:x", ".", "..", "/etc", "/etc/passwd", "~", "a" * 5000,
                        "a/" * 3000, "\0", "\ud800", "planted-mini/../x", "PLANTED", "planted-mini.h5"]))
def test_a_name_that_is_none_is_refused(home, name):
    assert case("planted_name", home, name, writes=True) is None        # a lock
