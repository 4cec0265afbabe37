"""Published checkpoints are read as plain data: every format round-trips, every hostile or damaged file is refused."""
import functools
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from vscg.errors import VscgError
from vscg.released.reader import read_checkpoint

SOURCE = """
from torch import nn
import torch

class Settings(dict):
    pass

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 2, bidirectional=True)
        self.blocks = nn.Sequential(nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5))
        self.blocks[0].weight.requires_grad_(False)
        self.scale = nn.Parameter(torch.randn(2, 3))
        self.register_buffer("kept", torch.arange(4))
        self.register_buffer("not_kept", torch.arange(4), persistent=False)
        self.tied = self.blocks[0]
        self.activation = nn.functional.relu
        self.settings = Settings(rate=0.1)
        self.sizes = torch.Size([2, 3]), {(1, 2): 3}, {4, 5}, torch.float32, torch.device("cpu")
"""
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


@pytest.fixture
def net_module():
    """A module `absent_net` with the class Net; a test takes it away before it reads."""
    module = types.ModuleType("absent_net")
    sys.modules["absent_net"] = module
    exec(SOURCE, module.__dict__)
    yield module
    sys.modules.pop("absent_net", None)


def save(value, path, zipped=True, **options):
    torch.save(value, path, _use_new_zipfile_serialization=zipped, **options)
    return path


def assert_same(read, expected):
    assert list(read) == list(expected)
    for name, tensor in expected.items():
        assert read[name].dtype == tensor.dtype
        assert type(read[name]) is torch.Tensor and not read[name].requires_grad
        assert torch.equal(read[name], tensor), name


@FORMATS
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_whole_module_without_its_class(tmp_path, net_module, zipped, protocol):
    net = net_module.Net().double()
    path = save(net, tmp_path / "net.pt", zipped, pickle_protocol=protocol)
    del sys.modules["absent_net"]
    assert_same(read_checkpoint(path), net.state_dict())
    assert "absent_net" not in sys.modules


@FORMATS
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_data_parallel_prefix_is_removed(tmp_path, net_module, zipped):
    net = net_module.Net()
    parallel = nn.DataParallel(net)
    parallel.src_device_obj = torch.device("cuda", 0)  # as on the machine with GPUs
    whole = save(parallel, tmp_path / "whole.pt", zipped)
    state = save(parallel.state_dict(), tmp_path / "state.pt", zipped)
    del sys.modules["absent_net"]
    assert list(parallel.state_dict())[0].startswith("module.")
    assert_same(read_checkpoint(whole), net.state_dict())
    assert_same(read_checkpoint(state), net.state_dict())


def test_prefix_stays_where_not_all_names_have_it(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert_same(read_checkpoint(save(state, tmp_path / "s.pt")), state)


@FORMATS
def test_dtypes_views_and_empty_tensors(tmp_path, zipped):
    base = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    state = OrderedDict(
        base=base, transposed=base.t(), row=base[1], column=base[:, 2], steps=base[::2, 1:],
        expanded=torch.ones(1).expand(5), empty=torch.empty(0, 3), scalar=torch.tensor(7),
        parameter=nn.Parameter(torch.ones(2)).data)
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
                  torch.uint8, torch.bool):
        state[str(dtype)] = torch.tensor([0, 1, 1]).to(dtype)
    read = read_checkpoint(save(state, tmp_path / "s.pt", zipped))
    assert_same(read, state)
    read["base"].zero_()
    assert torch.equal(read["transposed"], base.t()), "every tensor has its own memory"


class Hostile:
    """Pickles as a call of os.system that writes a marker file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def with_pickle(path, content):
    """A checkpoint in the zip format whose data.pkl is `content`."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [
    lambda bad: bad, lambda bad: {"weight": bad}, lambda bad: [(bad,)], lambda bad: {bad: 1}, lambda bad: {"k", (bad,)},
    lambda bad: (nn.Linear, bad)], ids=["alone", "value", "nested", "key", "set", "beside-class"])
def test_hostile_pickle_is_refused_and_runs_nothing(tmp_path, protocol, wrap):
    marker = tmp_path / "marker"
    content = pickle.dumps(wrap(Hostile(marker)), protocol)
    (tmp_path / "plain.pt").write_bytes(content)
    legacy = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    (tmp_path / "legacy.pt").write_bytes(legacy + content)
    for path in (tmp_path / "plain.pt", tmp_path / "legacy.pt", with_pickle(tmp_path / "zip.pt", content)):
        called = "asks to call `posix.system`.*nothing was run"
        wanted = "nothing that torch.save wrote" if path.name == "plain.pt" else called
        with pytest.raises(VscgError, match=f"{path} is refused: it .*{wanted}"):
            read_checkpoint(path)
    assert not marker.exists()
    pickle.loads(content)
    assert marker.exists(), "the pickle was not hostile, so this test showed nothing"


@pytest.mark.parametrize("said, content", [
    ("asks to call `builtins.eval`", b"cbuiltins\neval\n(V1/0\ntR."),
    ("asks to call `builtins.getattr`", b"cbuiltins\ngetattr\n(cos\nsystem\nV__call__\ntR."),
    ("asks to call `os.system`", b"(Vtouch {marker}\nios\nsystem\n."),
    ("asks to call `os.system`", b"(cos\nsystem\nVtouch {marker}\no."),
    ("unregistered extension code", b"\x82\x01."),
    ("saved_id must be a tuple", b"Pkey\n."),
    ("neither a module", b"\x80\x04cos\nsystem\n)}\x92."),
    ("'os.system' object is not callable", b"cos\nsystem\n)\x81)R."),
    ("asks to call `torch.load`", b"\x80\x04\x8c\x05torch\x8c\x04load\x93(V/etc/passwd\ntR."),
])
def test_other_ways_to_run_code_are_refused(tmp_path, said, content):
    marker = tmp_path / "marker"
    path = with_pickle(tmp_path / "bad.pt", content.replace(b"{marker}", str(marker).encode()))
    with pytest.raises(VscgError, match=f"is refused: it.* {said}"):
        read_checkpoint(path)
    assert not marker.exists()


def test_classes_and_names_in_the_file_are_never_imported(tmp_path, monkeypatch):
    (tmp_path / "trap_module.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    content = b"\x80\x02ctrap_module\nNet\n)\x81}X\x01\x00\x00\x00actrap_module\nf\nsb."  # an instance with a function
    with pytest.raises(VscgError, match="neither a module nor a state dict"):
        read_checkpoint(with_pickle(tmp_path / "trap.pt", content))
    assert not (tmp_path / "marker").exists()


def rewritten(path, target, change, compression=zipfile.ZIP_STORED):
    """Copy of a zip checkpoint; `change(name, content)` gives each record's new name and content."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
    return target


def replaced(old, new):
    def change(name, content):
        if name.endswith("data.pkl"):
            assert content.count(old) == 1
            content = content.replace(old, new)
        return name, content
    return change


@pytest.mark.parametrize("change, message", [
    (replaced(b"K\x00K\x07\x85", b"K\x01K\x07\x85"), "reaches element 7 of a storage that has 7"),  # offset 1
    (replaced(b"K\x00K\x07\x85", b"K\x00K\x08\x85"), "reaches element 7 of a storage that has 7"),  # size 8
    (replaced(b"q\x08K\x01\x85", b"q\x08K\x02\x85"), "reaches element 12"),  # stride 2
    (replaced(b"K\x00K\x07\x85", b"J\xff\xff\xff\xffK\x07\x85"), "not supported"),  # offset -1
    (replaced(b"K\x07tq", b"M\xff\xfftq"), "record size"),  # storage of 65,535 elements
    (replaced(b"K\x07tq", b"J\xff\xff\xff\xfftq"), "incompatible function"),
    (replaced(b"FloatStorage", b"LargeStorage"), "LargeStorage"),
    (replaced(b"cpu", b"c.u"), None),  # where it was does not matter
    (lambda name, content: (name.replace("/data/0", "/data/1"), content), "failed locating"),
    (lambda name, content: (name.replace("/data/0", "/../0"), content), "failed locating"),
    (lambda name, content: (name.replace("data.pkl", "other.pkl"), content), "data.pkl"),
])
def test_false_claims_are_refused(tmp_path, change, message):
    original = save({"w": torch.arange(7.0)}, tmp_path / "t.pt")
    path = rewritten(original, tmp_path / "changed.pt", change)
    if message is None:
        assert_same(read_checkpoint(path), {"w": torch.arange(7.0)})
    else:
        with pytest.raises(VscgError, match=message):
            read_checkpoint(path)


class Writing(nn.Module):
    """As TorchScript it writes a file when it is loaded."""

    def __init__(self, place: str):
        super().__init__()
        self.weight, self.place = nn.Parameter(torch.ones(2)), place

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values * self.weight

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, str, bool]:
        return self.weight, self.place, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str, bool]) -> None:
        self.weight, self.place, self.training = state
        torch.save(self.weight, self.place)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_the_code_of_a_torchscript_archive_is_not_run(tmp_path):
    """torch.load would run it, whatever unpickler it is given; torch itself compresses its records."""
    packed, path, marker = tmp_path / "packed.pt", tmp_path / "weights.pt", tmp_path / "marker"
    torch.jit.script(Writing(str(marker))).save(packed)
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    torch.jit.load(path)
    assert marker.exists(), "it does what the test says"
    marker.unlink()
    with pytest.raises(VscgError, match="weights.pt is refused: it is a TorchScript archive"):
        read_checkpoint(path)
    assert not marker.exists()


def test_what_would_fill_the_memory_or_never_end_is_refused(tmp_path):
    original = save({"w": torch.zeros(10_000_000)}, tmp_path / "t.pt")
    bomb = rewritten(original, tmp_path / "bomb.pt", lambda *record: record, zipfile.ZIP_DEFLATED)
    loop, wide = nn.Module(), nn.Linear(1, 1)
    loop._modules["again"] = loop
    for _ in range(60):  # 2**60 paths to one layer
        wide = nn.ModuleList([wide, wide])
    for path, message in ((bomb, "compressed"), (save(loop, tmp_path / "loop.pt"), "nested without end"),
                          (save(wide, tmp_path / "wide.pt"), "absurdly many"),
                          *((save({"w": torch.ones(1).expand(10**12)}, tmp_path / f"{zipped}.pt", zipped),
                             "would take 4,000,000,000,000 bytes") for zipped in (True, False))):
        with pytest.raises(VscgError, match=message):
            read_checkpoint(path)


@FORMATS
def test_every_truncation_is_refused(tmp_path, zipped):
    path = save({"w": torch.arange(30.0)}, tmp_path / "t.pt", zipped)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(VscgError, match="refused"):
            read_checkpoint(path)


@pytest.mark.parametrize("value, message", [
    ({"epoch": 3, "state": {}}, "'epoch' is not a tensor"), ([torch.ones(1)], "neither a module nor a state dict"),
    ({1: torch.ones(1)}, "not a tensor"), (functools.partial(print, 1), "functools.partial")])
def test_other_content_is_named(tmp_path, value, message):
    path = tmp_path / "t.pt"
    torch.save(value, path)
    with pytest.raises(VscgError, match=message):
        read_checkpoint(path)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_what_training_programs_wrap_around_the_weights_is_taken_off(tmp_path, key):
    state = {"module._orig_mod.w": torch.ones(2), "module._orig_mod.b": torch.zeros(1)}
    read = read_checkpoint(save({"epoch": 3, key: state, "optimizer": {"lr": 0.1}}, tmp_path / "t.pt"))
    assert_same(read, {"w": torch.ones(2), "b": torch.zeros(1)})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_of_a_training_that_diverged_are_refused(tmp_path, bad):
    path = save({"v": torch.ones(2), "w": torch.tensor([1.0, bad])}, tmp_path / "t.pt")
    with pytest.raises(VscgError, match="tensor 'w' holds values that are no finite numbers.*diverged"):
        read_checkpoint(path)


def test_files_that_are_no_checkpoints(tmp_path):
    for place in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(VscgError, match="cannot be read"):
            read_checkpoint(place)
    nothing = "nothing that torch.save wrote"
    for content, why in ((b"", nothing), (pickle.dumps({"w": 1}), nothing), (b"\xff" * 500, nothing),
                         (b"PK\x03\x04", "damaged"), (b"\n<!DOCTYPE html>", "web page"),
                         (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull")):
        (tmp_path / "t.pt").write_bytes(content)
        with pytest.raises(VscgError, match=f"t.pt is refused.*{why}"):
            read_checkpoint(tmp_path / "t.pt")
