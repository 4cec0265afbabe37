"""Published checkpoints: pickles that mean harm, of every protocol; zip files with tricks; damage at any byte."""

import functools
import os
import pickle
import struct
import subprocess
import warnings
import zipfile
import zlib
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
    harm = st.sampled_from(
        [
            Calls(os.system, f"touch {canary}"),
            Calls(eval, f"open({canary!r}, 'w')"),
            Calls(exec, f"open({canary!r}, 'w')"),
            Calls(subprocess.getoutput, f"touch {canary}"),
            Calls(open, canary, "w"),
            Calls(getattr, OrderedDict, "fromkeys"),
            Calls(functools.partial, os.system, f"touch {canary}"),
            Calls(map, os.system, [f"touch {canary}"]),
            Calls(__import__, "antigravity"),
            Calls(torch.load, canary),
            Calls(bytearray, 10**12),
            Calls(bytes, 10**12),
            Calls(list, range(3)),
            Calls(torch.zeros, 10**9),
            Calls(OrderedDict, [(1, 2)]),
            Calls(os.makedirs, canary),
            Sets({"a": Calls(os.system, f"touch {canary}")}),
        ]
    )
    plain = st.none() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.floats()
    return st.recursive(
        harm | plain,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=5,
    )


def zipped(content: bytes, **more: bytes) -> bytes:
    """A checkpoint in the zip format with this `data.pkl`."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in {"data.pkl": content, "version": b"3\n", **more}.items():
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def legacy(content: bytes, keys: tuple = ()) -> bytes:
    """The same in the older format."""
    return (
        b"".join(pickle.dumps(part, 2) for part in (MAGIC, 1001, {"little_endian": True}))
        + content
        + pickle.dumps(list(keys), 2)
    )


WRAPS = {"zip": zipped, "legacy": legacy, "plain": bytes}


@pytest.fixture(scope="module")
def sound(child):
    """Sound checkpoints: the content of each and what it reads as."""
    torch.manual_seed(0)
    whole = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    found = {}
    for name, value, new in (
        ("state", whole.state_dict(), True),
        ("module", whole, True),
        ("old state", whole.state_dict(), False),
        ("old module", whole, False),
    ):
        file = BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.save(value, file, _use_new_zipfile_serialization=new)
        found[name] = file.getvalue()
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


CODES = [bytes([code]) for code in range(256)]
PIECES = st.sampled_from(
    [
        b"(",
        b"]",
        b"}",
        b")",
        b"\x8f",
        b"N",
        b"\x88",
        b"\x89",
        b"0",
        b"1",
        b"2",
        b"a",
        b"e",
        b"s",
        b"u",
        b"\x90",
        b"t",
        b"\x85",
        b"\x86",
        b"\x87",
        b"R",
        b"b",
        b"\x81",
        b"\x92",
        b"Q",
        b"\x93",
        b"\x94",
        b"o",
        b"d",
        b"l",
        b"q\x00",
        b"h\x00",
        b"q\x01",
        b"h\x01",
        b"r\xff\xff\xff\xff",
        b"j\xff\xff\xff\xff",
        b"cos\nsystem\n",
        b"cbuiltins\neval\n",
        b"ipos\nsystem\n",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        b"ctorch\nFloatStorage\n",
        b"ccollections\nOrderedDict\n",
        b"ctorch\nSize\n",
        b"c__builtin__\nset\n",
        b"ctorch._utils\n_rebuild_parameter\n",
        b"\x8c\x02os",
        b"\x8c\x06system",
        b"X\x07\0\0\0storage",
        b"X\x01\0\0\0a",
        b"K\x00",
        b"K\x02",
        b"J\xff\xff\xff\xff",
        b"\x8a\x09" + b"\xff" * 8 + b"\x00",
        b"I99999999999999999999\n",
        b"F1e999\n",
        b"\x8e" + b"\xff" * 8,
        b"\x8d" + b"\xff" * 7 + b"\x7f",
        b"\x96" + b"\xff" * 8,
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"T\xff\xff\xff\x7f",
        b"\x82\x01",
        b"Pkey\n",
        b"S'a'\n",
        b"Vx\n",
        b"\x80\x05",
        b"\x95" + b"\xff" * 8,
        b"\x97",
        b"\x98",
        b".",
    ]
)


@cases(120, 1500)
@given(
    pieces=st.lists(PIECES | st.sampled_from(CODES), max_size=40),
    again=st.integers(1, 40),
    wrap=st.sampled_from(["zip", "legacy"]),
)
def test_random_programs(child, pieces, again, wrap):
    """Any instructions in any order; what they build may be repeated often."""
    middle = len(pieces) // 2
    read(child, WRAPS[wrap](b"\x80\x02" + b"".join(pieces[:middle]) + b"".join(pieces[middle:]) * again + b"."))


def tensor(
    size: bytes = b"K\x02\x85", stride: bytes = b"K\x01\x85", key: bytes = b"0", numel: bytes = b"K\x02"
) -> bytes:
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX"
        + struct.pack("<I", len(key))
        + key
        + b"X\x03\0\0\0cpu"
        + numel
        + b"tQK\x00"
        + size
        + stride
        + b"\x89N"
        + b"tR"
    )


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


# A list of 200,000 entries as sizes, again and again: a reader that looks at all of it each time never ends.
CROWD = (
    b"](" + b"K\x01" * 200_000 + b"eq\x07(" + b"ctorch._utils\n_rebuild_tensor_v2\n(Nh\x07h\x07h\x07tR" * 3000 + b"t."
)
MODULE = b"cx\nM\n)\x81}(" + text(b"_parameters") + b"h\x01" + text(b"_buffers") + b"}" + text(b"_modules")


def many_modules() -> bytes:
    """Ten thousand modules that share one dictionary of parameters, whose only name is two million letters long."""
    children = b"".join(text(b"%d" % i) + MODULE + b"}ub" for i in range(10_000))
    return b"}q\x01" + text(b"k" * 2_000_000) + tensor() + b"s" + MODULE + b"}(" + children + b"uub."


@pytest.mark.parametrize(
    "name, program",
    [
        ("names that double", text(b"a" * 500) + b"q\x00" + b"h\x00h\x00\x93q\x00" * 200 + b"."),
        ("one long list for many calls", CROWD),
        ("a long name for many modules", many_modules()),
        ("a long function name", b"c" + b"x" * 3_000_000 + b"\ny\n)R."),
        ("a long key", b"}" + text(b"k" * 3_000_000) + b"Ns."),
        ("a text that is no text", b"X" + struct.pack("<I", 3_000_000) + b"\xff" * 3_000_000 + b"."),
        ("a number of a million digits", b"I" + b"9" * 1_000_000 + b"\n."),
        ("a long number of a million digits", b"L" + b"9" * 1_000_000 + b"L\n."),
        ("a number of a million bytes", b"\x8b" + struct.pack("<I", 1_000_000) + b"\x7f" * 1_000_000 + b"."),
        ("deep tuples", b")" + b"\x85" * 500_000 + b"."),
        ("deep dicts", b"}" * 300_000 + b"Ns" * 1000 + b"."),
        ("a million marks", b"(" * 1_000_000 + b"."),
        ("a million memos", b"N" + b"\x94" * 1_000_000 + b"."),
        ("a huge memo", b"Nr\xff\xff\xff\xff."),
        ("a huge storage", b"}" + text(b"w") + tensor(numel=b"\x8a\x08" + b"\xff" * 7 + b"\x7f") + b"s."),
        ("a storage elsewhere", b"}" + text(b"w") + tensor(key=b"../../../etc/passwd") + b"s."),
        (
            "a view without end",
            b"}" + text(b"w") + tensor(size=b"\x8a\x06" + b"\xff" * 5 + b"\x7f\x85", stride=b"K\x00\x85") + b"s.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("wrap", ["zip", "legacy"])
def test_programs_that_grow(child, name, program, wrap):
    assert read(child, WRAPS[wrap](b"\x80\x02" + program), limit=128) is None
    assert len(child.said) < 1000


NAMES = st.sampled_from(
    [
        "archive/data.pkl",
        "archive/data/0",
        "archive/version",
        "archive/byteorder",
        "../evil",
        "/etc/x",
        "archive/../evil",
        "archive/./x",
        "archive\\x",
        "C:\\x",
        "archive//x",
        "other/data.pkl",
        "archive/",
        "archive/\udcff",
        "archive/" + "x" * 60_000,
        "data.pkl",
        "archive/data/0/../1",
        "archive/\u202etxt",
    ]
)


@cases(40, 400)
@given(names=st.lists(NAMES, min_size=1, max_size=6), method=st.sampled_from([0, 0, 8, 12, 14]), data=st.data())
def test_zip_files_with_tricks(child, sound, names, method, data):
    """Names that lead elsewhere, repeated and compressed records, sizes that are not true."""
    with zipfile.ZipFile(BytesIO(sound["state"])) as archive:
        program = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    file = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name in names:
            content = data.draw(st.sampled_from([program, b"little", bytes(24), bytes(8_000_000)]))
            archive.writestr(name.encode("utf-8", "replace").decode(), content)
    content = bytearray(file.getvalue())
    if data.draw(st.booleans()):  # another size, offset or flag in the directory at the end
        at = content.rindex(b"PK\x01\x02") + data.draw(st.sampled_from([6, 8, 10, 16, 20, 24, 28, 30, 42]))
        content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4) | st.just(b"\xff\xff\xff\xff"))
    read(child, bytes(content))
    assert not (child.folder.parent / "evil").exists() and not (child.folder / "evil").exists()


def test_a_zip_bomb_in_a_program(child):
    """Even where a record is as large as it says, its content is not unpacked."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N" * 300_000_000)
    assert len(file.getvalue()) < 400_000
    assert read(child, file.getvalue()) is None and "compressed" in child.said
    stored = bytearray(zipped(zlib.compress(bytes(10**7))))
    assert read(child, bytes(stored)) is None


@cases(40, 400)
@given(data=st.data(), reader=st.sampled_from(["network", "released"]))
def test_weights_of_a_network(child, data, reader):
    """VGG-19's and VGGish's reader, and the one of our systems: names, shapes and types that are not the network's."""
    state = {
        "features.0.weight": torch.zeros(4, 3, 3, 3),
        "features.0.bias": torch.zeros(4),
        "features.2.weight": torch.zeros(2, 4),
        "features.2.bias": torch.zeros(2),
        "classifier.0.weight": torch.ones(3),
    }
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from(sorted(state)))
        kind = data.draw(st.sampled_from(["missing", "shape", "double", "integer", "name", "long", "empty"]))
        value = state.pop(name)
        if kind != "missing":
            key = {"name": data.draw(st.text(max_size=12)), "long": "x" * 100_000}.get(kind, name)
            state[key] = {
                "shape": value[None],
                "double": value.double(),
                "integer": value.int(),
                "empty": value[:0],
            }.get(kind, value).clone()
    file = BytesIO()
    torch.save(state, file)
    content = file.getvalue() if data.draw(st.integers(0, 2)) else data.draw(damaged(file.getvalue()))
    (path := child.folder / "network-01234567.pth").write_bytes(content)
    found = child.case(reader, path)
    assert len(child.said) < 1000 and (reader == "network" or found is None)
