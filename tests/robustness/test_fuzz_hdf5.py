"""HDF5: prepared and official files, damaged byte by byte; test_prepared and test_ave try wrong keys and values."""
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


@cases(30, 500)
@given(data=st.data(), there=st.booleans())
def test_a_damaged_official_file_is_refused_and_prepares_nothing(child, official_folder, prepared, data, there):
    path = official_folder(4, packed=True, name="official")
    (target := child.folder / "target" / "ave.h5").parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    if there:
        target.write_bytes(prepared.values[0])
    try:
        name = data.draw(st.sampled_from(sorted(file.name for file in path.glob("*.h5"))))
        (path / name).write_bytes(data.draw(damaged((path / name).read_bytes(), [range(0, 3000)])))
        checked = child.case("checked", path)
        made = child.case("prepare", path, target=str(target), writes=True, limit=128)
        assert name == "mil_labels.h5" or made is None or checked is not None, "what is refused is not prepared"
    finally:               # also where Hypothesis breaks off a draw
        shutil.rmtree(path)


def test_the_sound_folder_is_prepared(child, official_folder):
    target = child.folder / "fresh.h5"
    made = child.case("prepare", official_folder(4), target=str(target), writes=True, limit=128)
    assert made == child.case("prepared", target) is not None and target.stat().st_size > 10**6
