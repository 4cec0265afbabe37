"""HDF5: prepared and official files, damaged byte by byte and wrong in any part of their form."""
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged
from vscg.data.prepared import PreparedWriter


class Quiet:
    """Values that a failed example does not print."""

    def __init__(self, *values):
        self.values = values

    def __repr__(self) -> str:
        return "Quiet(...)"


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


@pytest.fixture(scope="module")
def prepared(child):
    """A sound prepared file of three clips: its content, where its headers are, and what it reads as."""
    path, g = child.folder / "sound.h5", np.random.default_rng(0)
    labels = np.eye(29)[[[28, 28, 4, 4, 4] + [28] * 5, [28] * 10, [28] * 10]]
    with PreparedWriter(path, 3, "three", "0abc", {"a": 1}) as writer:
        writer.append(g.random((3, 10, 7, 7, 512)), g.random((3, 10, 128)), labels, np.array([4, 3, 28]),
                      ["a", "b", "ü"], heard=g.random((3, 10)) < 0.5, evidence=g.random((3, 10)).astype("f4"))
        writer.splits([0], [1], [], [2])
    return Quiet(path.read_bytes(), headers(path), child.case("prepared", path))


@cases(60, 1500)
@given(data=st.data())
def test_a_damaged_prepared_file(child, prepared, data):
    content, where, sound = prepared.values
    changed = data.draw(damaged(content, where))
    (path := child.folder / "damaged.h5").write_bytes(changed)
    found = child.case("prepared", path)
    if len(changed) < len(content):
        assert found is None, "a truncated file was read"
    if found is not None and changed[:len(content)] == content:
        assert found == sound


def alter(path, key: str, kind: str, number: int) -> None:
    """Makes the data set or group `key` of a sound file wrong in one way."""
    with h5py.File(path, "r+") as handle:
        old = handle[key]
        like = old if isinstance(old, h5py.Dataset) else np.zeros(2, "f4")      # a group has no numbers of its own
        values, shape, dtype = like[()], like.shape or (1,), like.dtype
        if kind == "value":
            if isinstance(old, h5py.Dataset) and old.size and dtype.kind in "fiu":
                worst = (np.nan, np.inf, -1, 6e4) if dtype.kind == "f" else (np.iinfo(dtype).max, np.iinfo(dtype).min)
                old[np.unravel_index(number * 7919 % old.size, shape)] = np.array(worst[number % len(worst)], dtype)
            return
        del handle[key]
        if kind == "group":
            handle.create_group(key)
        elif kind == "empty":
            handle[key] = h5py.Empty("f4")
        elif kind == "scalar":
            handle[key] = 1.0
        elif kind == "shape":
            handle[key] = np.zeros(shape[:number % 4] + (number,), dtype)
        elif kind == "dtype":
            dtypes = "f8", "f4", "f2", ">f4", "i8", "u1", "c8", "S4", "V3", ">i8", h5py.string_dtype()
            handle.create_dataset(key, shape, dtypes[number % len(dtypes)])
        elif kind == "variable":
            handle.create_dataset(key, shape, h5py.vlen_dtype(np.float32))
        elif kind == "unwritten":      # as many rows as one likes, none of them stored
            handle.create_dataset(key, (2**number, *shape[1:]), dtype, chunks=(1, *shape[1:]))
        elif kind == "filtered" and 0 not in shape:
            handle.create_dataset(key, data=values, chunks=shape, compression=("gzip", "lzf")[number % 2])


KINDS = "value group empty scalar shape dtype variable unwritten filtered missing".split()
KEYS = ("visual audio labels category video_ids splits splits/train splits/val splits/test splits/background truth "
        "truth/heard truth/evidence").split()
NUMBERS = st.integers(0, 62)


@cases(60, 600)
@given(key=st.sampled_from(KEYS), kind=st.sampled_from(KINDS), number=NUMBERS)
def test_a_prepared_file_that_is_wrong_in_one_part(child, prepared, key, kind, number):
    (path := child.folder / "altered.h5").write_bytes(prepared.values[0])
    alter(path, key, kind, number)
    found = child.case("prepared", path)
    if kind not in ("value", "filtered", "missing", "shape", "dtype") and not key.startswith("truth"):
        assert found is None


@cases(30, 500)
@given(data=st.data(), there=st.booleans())
def test_a_damaged_official_file_is_refused_and_prepares_nothing(child, official_folder, prepared, data, there):
    path = official_folder(4, packed=True, name="official")
    name = data.draw(st.sampled_from(sorted(file.name for file in path.glob("*.h5"))))
    (target := child.folder / "target" / "ave.h5").parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    if there:
        target.write_bytes(prepared.values[0])
    if data.draw(st.booleans()):
        (path / name).write_bytes(data.draw(damaged((path / name).read_bytes(), [range(0, 3000)])))
    else:
        alter(path / name, "order" if "order" in name else "avadataset", data.draw(st.sampled_from(KINDS)),
              data.draw(NUMBERS))
    checked = child.case("checked", path)
    made = child.case("prepare", path, target=str(target), writes=True, limit=128)
    assert name == "mil_labels.h5" or made is None or checked is not None, "what is refused is not prepared"
    shutil.rmtree(path)


def test_the_sound_folder_is_prepared(child, official_folder):
    target = child.folder / "fresh.h5"
    made = child.case("prepare", official_folder(4), target=str(target), writes=True, limit=128)
    assert made == child.case("prepared", target) is not None and target.stat().st_size > 10**6
