"""HDF5: prepared and official files, damaged byte by byte and wrong in every part of their form."""

import os
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged
from vscg.data.labels import CATEGORIES
from vscg.data.prepared import PreparedWriter

SECRET = 0.123456  # stands in a file beside; no reader may get it from there


class Sound(NamedTuple):
    """A sound file: its content, where its headers are, and what it reads as."""

    content: bytes
    spots: list[range]
    result: object

    def __repr__(self) -> str:
        return "Sound(...)"


class Folder(NamedTuple):
    """A sound official folder, and of each file its content and its key."""

    path: Path
    contents: dict[str, tuple[bytes, str]]

    def __repr__(self) -> str:
        return f"Folder({self.path})"


def spots(path: Path) -> list[range]:
    """The offsets in an HDF5 file that hold no numbers of data sets: its headers, names and sizes."""
    data = []
    with h5py.File(path) as handle:

        def note(name, found):
            if isinstance(found, h5py.Dataset) and found.id.get_offset() is not None:
                data.append((found.id.get_offset(), found.id.get_offset() + found.id.get_storage_size()))

        handle.visititems(note)
    ends = [0, *sorted(sum(data, ())), path.stat().st_size]
    return [range(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True) if end > start]


@pytest.fixture(scope="module")
def prepared(child):
    """A sound prepared file of three clips."""
    path, g = child.folder / "sound.h5", np.random.default_rng(0)
    labels = np.zeros((3, 10, 29), np.uint8)
    labels[..., 28] = 1
    labels[0, 2:5, [28, 4]] = [[0], [1]]
    with PreparedWriter(path, 3, "three", "0abc", {"a": 1}) as writer:
        writer.append(
            g.random((3, 10, 7, 7, 512)),
            g.random((3, 10, 128)),
            labels,
            np.array([4, 3, 28]),
            ["a", "b", "ü"],
            heard=g.random((3, 10)) < 0.5,
            evidence=g.random((3, 10)).astype(np.float32),
        )
        writer.splits([0], [1], [], [2])
    return Sound(path.read_bytes(), spots(path), child.case("prepared", path))


@pytest.fixture(scope="module")
def folder(child):
    """An official folder of four clips and two background-only ones."""
    path, g = child.folder / "official", np.random.default_rng(1)
    path.mkdir()
    (path / "Annotations.txt").write_text("".join(f"{CATEGORIES[i]}&clip_{i:06d}&good&1&5\n" for i in range(4)))
    contents = {
        "train_order.h5": ("order", np.array([0, 2])),
        "val_order.h5": ("order", np.array([1])),
        "test_order.h5": ("order", np.array([3])),
        "labels_noisy.h5": ("avadataset", np.eye(29)[[28, 28]]),
        "mil_labels.h5": ("avadataset", np.eye(29)[:4]),
    }
    for suffix, clips in (("", 4), ("_noisy", 2)):
        contents[f"audio_feature{suffix}.h5"] = ("avadataset", g.random((clips, 10, 128)))
        contents[f"visual_feature{suffix}.h5"] = ("avadataset", g.random((clips, 10, 7, 7, 512), np.float32))
    for name, (key, values) in contents.items():
        with h5py.File(path / name, "w") as handle:
            handle[key] = values
    return Folder(path, {name: ((path / name).read_bytes(), key) for name, (key, _) in contents.items()})


@cases(120, 1500)
@given(data=st.data())
def test_a_damaged_prepared_file(child, prepared, data):
    content, where, sound = prepared
    changed = data.draw(damaged(content, where))
    path = child.folder / "damaged.h5"
    path.write_bytes(changed)
    found = child.case("prepared", path)
    if len(changed) < len(content):
        assert found is None, "a truncated file was read"
    if found is not None and changed[: len(content)] == content:
        assert found == sound


@cases(40)
@given(length=st.floats(0, 1))
def test_a_truncated_prepared_file(child, prepared, length):
    path = child.folder / "damaged.h5"
    path.write_bytes(prepared.content[: int(length * (len(prepared.content) - 1))])
    assert child.case("prepared", path) is None


def elsewhere(folder: Path, shape: tuple, dtype) -> Path:
    """Another file with data of the right form, which only a link could lead to."""
    path = folder / "secret.h5"
    with h5py.File(path, "w") as handle:
        handle.create_dataset("avadataset", shape, dtype, fillvalue=SECRET if np.dtype(dtype).kind == "f" else None)
    return path


def alter(path: Path, key: str, kind: str, number: int) -> None:
    """Makes the data set or group `key` of a sound file wrong in one way."""
    with h5py.File(path, "r+") as handle:
        old = handle[key]
        like = old if isinstance(old, h5py.Dataset) else np.zeros(2, "f4")  # a group has no numbers of its own
        values, shape, dtype = like[()], like.shape or (1,), like.dtype
        big = (2**number, *shape[1:])

        def new(shape=shape, dtype=dtype, **options):
            return handle.create_dataset(key, shape, dtype, **options)

        if kind in ("nan", "infinite", "negative", "large"):
            if isinstance(old, h5py.Dataset) and old.size and dtype.kind in "fiu":
                at = np.unravel_index(number * 7919 % old.size, shape)
                old[at] = (
                    {"nan": np.nan, "infinite": np.inf, "negative": -1, "large": 1e30}[kind]
                    if dtype.kind == "f"
                    else {"negative": np.array(-1).astype(dtype)}.get(kind, np.iinfo(dtype).max)
                )
            return
        if kind == "comment":
            handle[key].attrs["more"] = np.arange(number)
            return
        del handle[key]
        if kind == "soft":
            handle[key] = h5py.SoftLink("/" + ("elsewhere" if number % 2 else key))
        elif kind == "external":
            handle[key] = h5py.ExternalLink(str(elsewhere(path.parent, shape, dtype)), "avadataset")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, dtype)
            layout[...] = h5py.VirtualSource(str(elsewhere(path.parent, shape, dtype)), "avadataset", shape)
            handle.create_virtual_dataset(key, layout)
        elif kind == "storage":
            new(external=[(str(elsewhere(path.parent, shape, dtype)), 0, h5py.h5f.UNLIMITED)])
        elif kind == "group":
            handle.create_group(key)
        elif kind == "type":
            handle[key] = np.dtype("f4")
        elif kind == "empty":
            handle[key] = h5py.Empty("f4")
        elif kind == "scalar":
            handle[key] = 1.0
        elif kind == "shape":
            handle[key] = np.zeros(shape[: number % 4] + (number,), dtype if dtype.kind != "O" else "f4")
        elif kind == "dtype":
            handle.create_dataset(
                key,
                shape,
                ["f8", "f4", "f2", ">f4", "i8", "u1", "i2", "c8", "S4", "V3", "O", ">i8"][number % 12]
                if number % 12 != 10
                else h5py.string_dtype(),
            )
        elif kind == "compound":
            new(dtype=np.dtype([("a", "f4"), ("b", "i8")]))
        elif kind == "variable":
            new(dtype=h5py.vlen_dtype(np.float32))
        elif kind == "reference":
            new(dtype=h5py.ref_dtype)
        elif kind == "unwritten":  # as many rows as one likes, none of them stored
            new(big, chunks=(1, *shape[1:]), maxshape=(None, *shape[1:]))
        elif kind == "contiguous":
            try:
                new(big)
            except (ValueError, OSError):  # so large that HDF5 itself refuses to write it
                handle[key] = values
        elif kind == "chunk":
            new((2**20, *shape[1:]), chunks=(2 ** min(number, 12), *shape[1:]), maxshape=(None, *shape[1:]))
        elif kind == "bomb":  # rows of zeros, which deflate to a thousandth
            new((64 * max(1, shape[0]), *shape[1:]), compression="gzip", chunks=(1, *shape[1:]))[...] = 0
        elif kind == "filtered":
            options = [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True}][
                number % 4
            ]
            handle.create_dataset(
                key, data=values, chunks=shape if 0 not in shape else None, **options if 0 not in shape else {}
            )
        elif kind != "missing":
            raise ValueError(kind)


KINDS = (
    "nan infinite negative large comment soft external virtual storage group type empty scalar shape dtype compound "
    "variable reference unwritten contiguous chunk bomb filtered missing"
).split()
KEYS = (
    "visual audio labels category video_ids splits splits/train splits/val splits/test splits/background truth "
    "truth/heard truth/evidence"
).split()
NUMBERS = st.integers(0, 62)


@cases(120, 600)
@given(key=st.sampled_from(KEYS), kind=st.sampled_from(KINDS), number=NUMBERS)
def test_a_prepared_file_that_is_wrong_in_one_part(child, prepared, key, kind, number):
    path = child.folder / "altered.h5"
    path.write_bytes(prepared.content)
    alter(path, key, kind, number)
    found = child.case("prepared", path)
    if (
        kind
        in (
            "soft",
            "external",
            "virtual",
            "storage",
            "group",
            "type",
            "empty",
            "scalar",
            "compound",
            "variable",
            "reference",
            "unwritten",
            "bomb",
        )
        and "/" not in key
        and key not in ("splits", "truth")
    ):
        assert found is None
    if kind == "comment" or (kind == "missing" and key == "truth"):
        assert found is not None, "what does not belong to the format is ignored"


@cases(40)
@given(name=st.sampled_from(["format", "version", "name", "fingerprint", "sources"]), data=st.data())
def test_attributes_of_any_type(child, prepared, name, data):
    value = data.draw(
        st.sampled_from(
            [
                0,
                1,
                2,
                -1,
                2**40,
                1.5,
                "",
                "x",
                "vscg-prepared",
                b"0abc",
                b"xyz",
                [1, 2],
                [],
                True,
                np.bytes_(b"\xff\xfe"),
                np.bytes_(b"{}"),
                np.bytes_(b"[" * 60_000),
                np.zeros((2, 2)),
                h5py.Empty("f4"),
                np.bytes_(b"1" * 60_000),
                None,
            ]
        )
    )
    path = child.folder / "altered.h5"
    path.write_bytes(prepared.content)
    with h5py.File(path, "r+") as handle:
        del handle.attrs[name]
        if value is not None:
            handle.attrs[name] = value
    child.case("prepared", path)


def spoil(path: Path, content: bytes, key: str, data) -> None:
    """Damages some bytes of an official file, or writes another value under its key."""
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(damaged(content, [range(0, 3000)])))
    else:
        alter(path, key, data.draw(st.sampled_from(KINDS)), data.draw(NUMBERS))


@cases(60, 500)
@given(data=st.data())
def test_a_damaged_official_file(child, folder, data):
    path, contents = folder
    name = data.draw(st.sampled_from([name for name in contents if not name.startswith("visual")]))
    content, key = contents[name]
    spoil(path / name, content, key, data)
    try:
        if name.startswith("audio"):
            child.case("features", path / name, modality="audio")
        elif name == "test_order.h5":
            child.case("orders", path / name, clips=4)
        elif name == "labels_noisy.h5":
            child.case("noisy_labels", path / name)
        child.case("checked", path)
    finally:
        (path / name).write_bytes(content)


@cases(20, 150)
@given(data=st.data(), there=st.booleans())
def test_a_folder_with_a_damaged_file_prepares_nothing_or_all(child, folder, prepared, data, there):
    path, contents = folder
    name = data.draw(st.sampled_from(sorted(contents)))
    target = child.folder / "target" / "ave.h5"
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    if there:
        target.write_bytes(prepared.content)
    content, key = contents[name]
    spoil(path / name, content, key, data)
    try:
        child.case("prepare", path, target=str(target), writes=True, limit=128)
    finally:
        (path / name).write_bytes(content)


def test_the_sound_folder_is_prepared(child, folder):
    path, _ = folder
    target = child.folder / "fresh.h5"
    assert child.case("prepare", path, target=str(target), writes=True, limit=128) == child.case("prepared", target)
    assert os.stat(target).st_size > 10**6
