"""Published checkpoints: pickles that mean harm, of every protocol, and damage at any byte."""
import functools
import os
import pickle
import subprocess
import warnings
import zipfile
from collections import OrderedDict
from io import BytesIO

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.robustness.cases import cases, damaged

MAGIC = 0x1950A86A20F9469CFC6C


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Sets:
    """Pickles as an object whose state setter is called."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return OrderedDict, (), self.state, iter([self.state]), iter([(self.state, self.state)])


def hostile(canary: str) -> st.SearchStrategy:
    """Values that run something when they are unpickled, at any depth of an innocent one."""
    touch = f"touch {canary}"
    harm = st.sampled_from([
        Calls(os.system, touch), Calls(eval, f"open({canary!r}, 'w')"), Calls(exec, f"open({canary!r}, 'w')"),
        Calls(subprocess.getoutput, touch), Calls(open, canary, "w"), Calls(getattr, OrderedDict, "fromkeys"),
        Calls(functools.partial, os.system, touch), Calls(map, os.system, [touch]), Calls(__import__, "antigravity"),
        Calls(torch.load, canary), Calls(bytearray, 10**12), Calls(bytes, 10**12), Calls(list, range(3)),
        Calls(torch.zeros, 10**9), Calls(OrderedDict, [(1, 2)]), Calls(os.makedirs, canary),
        Sets({"a": Calls(os.system, touch)})])
    plain = st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.floats()
    return st.recursive(harm | plain, lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)), max_leaves=5)


def zipped(content: bytes, **more: bytes) -> bytes:
    """A checkpoint in the zip format with this `data.pkl`."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {"data.pkl": content, "version": b"3\n", **more}.items():
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def legacy(content: bytes, keys: tuple = ()) -> bytes:
    """The same in the older format."""
    head = b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, {"little_endian": True}))
    return head + content + pickle.dumps(list(keys), 2)


WRAPS = {"zip": zipped, "legacy": legacy, "plain": bytes}


@pytest.fixture(scope="module")
def sound(child):
    """Sound checkpoints: the content of each and what it reads as."""
    torch.manual_seed(0)
    whole = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    found = {}
    for name, value in (("state", whole.state_dict()), ("module", whole)):
        for age in ("", "old "):
            file = BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.save(value, file, _use_new_zipfile_serialization=not age)
            found[age + name] = file.getvalue()
    return found


def read(child, content: bytes, limit: int = 32):
    (path := child.folder / "weights.pt").write_bytes(content)
    found = child.case("checkpoint", path, limit=limit)
    canary = child.folder / "canary"
    assert not canary.exists(), "code of the file ran"
    return found


@cases(120, 1000)
@given(data=st.data(), protocol=st.integers(0, 5), wrap=st.sampled_from(sorted(WRAPS)))
def test_hostile_pickles(child, data, protocol, wrap):
    value = data.draw(hostile(str(child.folder / "canary")))
    assert read(child, WRAPS[wrap](pickle.dumps(value, protocol))) in (None, [[], EMPTY])


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of no numbers at all


@cases(120, 1000)
@given(data=st.data())
def test_damaged_checkpoints(child, sound, data):
    kind = data.draw(st.sampled_from(sorted(sound)))
    changed = data.draw(damaged(sound[kind]))
    found = read(child, changed)
    if changed == sound[kind]:
        assert found is not None


@cases(40, 400)
@given(data=st.data(), reader=st.sampled_from(["network", "released"]))
def test_weights_of_a_network(child, data, reader):
    """VGG-19's and VGGish's reader, and the one of our systems: names, shapes and types that are not the network's."""
    state = {"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4),
             "features.2.weight": torch.zeros(2, 4), "features.2.bias": torch.zeros(2),
             "classifier.0.weight": torch.ones(3)}
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(sorted(state)))
        kind = data.draw(st.sampled_from(["missing", "shape", "double", "integer", "name", "long", "empty"]))
        value = state.pop(name)
        if kind != "missing":
            key = {"name": data.draw(st.text(max_size=12)), "long": "x" * 100_000}.get(kind, name)
            others = {"shape": value[None], "double": value.double(), "integer": value.int(), "empty": value[:0]}
            state[key] = others.get(kind, value).clone()
    file = BytesIO()
    torch.save(state, file)
    content = file.getvalue() if data.draw(st.integers(0, 2)) else data.draw(damaged(file.getvalue()))
    (path := child.folder / "network-01234567.pth").write_bytes(content)
    found = child.case(reader, path)
    assert len(child.said) < 1000 and (reader == "network" or found is None)
