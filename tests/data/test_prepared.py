"""The prepared file: what is written is read back, and every broken file is one clear error."""
import json
import os

import h5py
import numpy as np
import pytest

from tests.loopback import in_two_processes
from vscg.data import load_dataset
from vscg.data.prepared import read_prepared
from vscg.data.writer import PreparedWriter
from vscg.errors import VscgError
from vscg.machine.files import WriteError

CLIPS = 4


def clips(count: int, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    category = np.array([3, 7, 0, 28])[np.arange(count) % 4]
    labels = np.eye(29)[np.where(np.arange(10) < 6, category[:, None], 28)]
    return {"visual": rng.random((count, 10, 7, 7, 512)), "audio": rng.random((count, 10, 128)), "labels": labels,
            "category": category, "video_ids": [f"clip-{seed}-{i}-é" for i in range(count)],
            "mask": rng.random((count, 10, 7, 7)) > 0.5}


def write_one(path, fingerprint="ab", **options):
    """A prepared file of one clip."""
    with PreparedWriter(path, 1, "toy", fingerprint, **options) as writer:
        writer.append(**clips(1))
        writer.splits(train=[0], val=[], test=[])
    return read_prepared(path)


@pytest.fixture
def prepared(tmp_path):
    path = tmp_path / "set.h5"
    with PreparedWriter(path, CLIPS, "toy", "ab12", {"seed": 0}) as writer:
        writer.append(**clips(3))
        writer.append(**clips(1, seed=1))
        writer.splits(train=[0, 1], val=[2], test=[], background=[3])
    return path


def test_what_is_written_is_read_back(prepared):
    data, first, second = read_prepared(prepared), clips(3), clips(1, seed=1)
    assert (data.name, data.fingerprint, data.path, len(data)) == ("toy", "ab12", prepared, CLIPS)
    for key in ("visual", "audio", "labels", "category"):
        expected = np.concatenate([first[key], second[key]])
        assert (getattr(data, key) == expected.astype(getattr(data, key).dtype)).all(), key
    assert [x.dtype.name for x in (data.visual, data.audio, data.labels, data.category)] == [
        "float16", "float32", "float32", "int64"]
    assert {key: rows.tolist() for key, rows in data.splits.items()} == {
        "train": [0, 1], "val": [2], "test": [], "background": [3]}
    assert data.video_ids == ("clip-0-0-é", "clip-0-1-é", "clip-0-2-é", "clip-1-0-é")
    assert (data.truth["mask"][:3] == first["mask"]).all() and data.truth["mask"].dtype == bool
    with h5py.File(prepared) as handle:
        assert handle["labels"].dtype == np.uint8 and json.loads(handle.attrs["sources"]) == {"seed": 0}
    assert len(load_dataset(prepared)) == CLIPS


def test_float32_on_request(tmp_path):
    data = write_one(tmp_path / "set.h5", visual_dtype="float32")
    assert (data.visual == clips(1)["visual"].astype(np.float32)).all()
    with pytest.raises(VscgError, match="float64"):
        PreparedWriter(tmp_path / "set.h5", 1, "toy", "ab", visual_dtype="float64")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_write_leaves_the_old_file(prepared, stop):
    before = prepared.read_bytes()
    with pytest.raises(stop), PreparedWriter(prepared, CLIPS, "toy", "cd") as writer:
        writer.append(**clips(2))
        raise stop
    assert prepared.read_bytes() == before and os.listdir(prepared.parent) == ["set.h5"]


def test_an_incomplete_write_is_not_published(tmp_path):
    with pytest.raises(ValueError, match="2 of 4 clips"), PreparedWriter(tmp_path / "set.h5", 4, "toy", "cd") as writer:
        writer.append(**clips(2))
        writer.splits(train=[0, 1], val=[], test=[])
    assert os.listdir(tmp_path) == []


def test_bad_values_are_refused_when_written(tmp_path):
    for key, index, value, where in (("visual", (1, 2, 3, 4, 5), np.nan, r"visual\[1, 2, 3, 4, 5\]"),
                                     ("visual", (0, 0, 0, 0, 0), 1e6, r"visual\[0, 0, 0, 0, 0\]"),
                                     ("audio", (1, 9, 127), np.inf, r"audio\[1, 9, 127\]"),
                                     ("labels", (0, 4, 28), 1, r"labels\[0, 4\]"),
                                     ("labels", (0, 4, 3), 0.5, r"labels\[0, 4\]"),
                                     ("category", (1,), 29, r"category\[1\]"),
                                     ("category", (1,), 8, r"labels\[1, 0\]")):
        block = clips(2)
        block[key][index] = value
        with pytest.raises(VscgError, match=where), PreparedWriter(tmp_path / "set.h5", 2, "toy", "cd") as writer:
            writer.append(**block)
    assert os.listdir(tmp_path) == []


def test_a_place_where_something_else_is_or_would_be_lost(tmp_path, prepared, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, ".", "", "/"):
        with pytest.raises(WriteError, match="is a folder; name the file to write"):
            PreparedWriter(place, 1, "toy", "ab")
    clip, other, pipe = tmp_path / "clip.mkv", tmp_path / "other.h5", tmp_path / "pipe"
    clip.write_bytes(b"a clip")
    with h5py.File(other, "w") as handle:
        handle["avadataset"] = [1.0]
    os.mkfifo(pipe)
    for path in (clip, other, pipe):
        with pytest.raises(WriteError, match=f"{path}: what is there is no prepared file, so it is not replaced"):
            PreparedWriter(path, 1, "toy", "ab")
    assert clip.read_bytes() == b"a clip" and h5py.File(other)["avadataset"][0] == 1
    assert write_one(prepared, "cd").fingerprint == "cd"               # a prepared one is replaced


def replace(key, **make):
    def edit(handle):
        del handle[key]
        handle.create_dataset(key, **make)
    return edit


def assign(key, index, value):
    def edit(handle):
        handle[key][index] = value
    return edit


def attribute(**values):
    return lambda handle: handle.attrs.update(values)


BROKEN = {
    "missing key": (lambda handle: handle.pop("audio"), "'audio' is missing; it has category, labels"),
    "missing split": (lambda handle: handle.pop("splits/val"), "'splits/val' is missing"),
    "no splits": (lambda handle: handle.pop("splits"), "'splits/train' is missing"),
    "a group": (lambda handle: (handle.pop("audio"), handle.create_group("audio")), "'audio' is missing"),
    "wrong shape": (replace("audio", data=np.zeros((CLIPS, 10, 127), "f4")), r"'audio' has shape \(4, 10, 127\)"),
    "other length": (replace("audio", data=np.zeros((3, 10, 128), "f4")), r"shape \(3, 10, 128\), expected \(4,10,128"),
    "empty array": (replace("audio", data=h5py.Empty("f4")), "'audio' has shape None"),
    "wrong dtype": (replace("audio", data=np.zeros((CLIPS, 10, 128), "f8")), "'audio' has dtype float64"),
    "ids of any length": (replace("video_ids", data=["a"] * CLIPS, dtype=h5py.string_dtype()), "video_ids' has dtype"),
    "ids not UTF-8": (assign("video_ids", 2, b"\xff"), "damaged"),
    "truth of text": (replace("truth/mask", data=[b"a"] * CLIPS), "expected numbers"),
    "not finite": (assign("visual", (3, 0, 1, 2, 9), np.inf), r"visual\[3, 0, 1, 2, 9\] is not a finite"),
    "not one-hot": (assign("labels", (2, 5, 1), 1), r"labels\[2, 5\] is not one-hot"),
    "class out of range": (assign("category", 1, -1), r"category\[1\]"),
    "split out of range": (assign("splits/val", 0, CLIPS), r"splits/val\[0\] is row 4"),
    "splits overlap": (assign("splits/val", 0, 1), r"val\[0\] is row 1, which is already in splits/train"),
    "terabytes": (replace("video_ids", shape=(2**40,), dtype="S64", chunks=(1,)), "declares 70,368,744,177,664 bytes"),
    "other format": (attribute(format=np.bytes_("other")), "not a prepared file"),
    "no format": (lambda handle: handle.attrs.pop("format"), "not a prepared file, its format is not"),
    "newer version": (attribute(version=2), "version 2 is newer"),
    "bad version": (attribute(version=np.bytes_("x")), "damaged"),
    "no number": (attribute(version=h5py.Empty("f4")), "of a foreign type"),
    "text of any length": (attribute(name="{}"), "of a foreign type"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(prepared, name):
    edit, message = BROKEN[name]
    with h5py.File(prepared, "a") as handle:
        edit(handle)
    with pytest.raises(VscgError, match=message) as caught:
        read_prepared(prepared)
    assert str(caught.value).startswith(f"{prepared}: ") and "\n" not in str(caught.value)


def test_files_that_are_not_hdf5(prepared, tmp_path):
    whole = prepared.read_bytes()
    for size in (0, 7, 100, 3000, len(whole) // 2, len(whole) - 1):
        prepared.write_bytes(whole[:size])
        with pytest.raises(VscgError, match=str(prepared)):
            read_prepared(prepared)
    for path in (tmp_path / "none.h5", tmp_path):
        with pytest.raises(VscgError, match=str(path)):
            read_prepared(path)


def test_two_writers_of_one_file_take_turns(tmp_path):
    """None removes what the other has begun, and the file is always a whole one."""
    path = tmp_path / "set.h5"

    def write():
        for _ in range(5):
            assert len(write_one(path)) == 1

    in_two_processes(write)
    assert os.listdir(tmp_path) == ["set.h5"]
