"""The machine: what `import vscg` sets before torch is there, cores and memory that may be used, names, peaks."""
import json
import mmap
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from vscg.errors import VscgError
from vscg.machine import device

CPU = torch.device("cpu")
SET = {"OMP_WAIT_POLICY": "passive", "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "THP_MEM_ALLOC_ENABLE": "1"}
# Prints the environment in the moment in which torch is first imported; then glibc's own account (mallinfo2) of blocks
# taken straight from the system while a buffer of 64 MB lives, and of bytes that lie free in the heap once it is gone;
# then the kilobytes for which huge pages were asked. Whether the system finds such pages is its own affair.
PROGRAM = """
import ctypes, json, os, sys
at_import = {}
def watch(event, arguments):
    if event == "import" and arguments[0] == "torch" and not at_import:
        at_import.update(os.environ)
sys.addaudithook(watch)
import IMPORTS
vscg.features.vggish.log_mel_examples, vscg.data.labels_from_annotations, vscg.fit      # what the book promises
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
before = libc.mallinfo2()
buffer = libc.malloc(64_000_000)
blocks = libc.mallinfo2().hblks - before.hblks
libc.free(buffer)
free = libc.mallinfo2().fordblks
import torch
kept, huge = torch.ones(64_000_000), 0
for line in open("/proc/self/smaps"):
    if line.startswith("Size:"):
        size = int(line.split()[1])
    elif line.startswith("VmFlags:") and "hg" in line.split():
        huge += size
print(json.dumps([at_import, blocks, free, huge]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's and Linux's")
@pytest.mark.parametrize("imports, own", [
    ("vscg", {}), ("torch, vscg", {}),
    ("vscg", {"OMP_WAIT_POLICY": "active", "CUBLAS_WORKSPACE_CONFIG": ":16:8", "THP_MEM_ALLOC_ENABLE": "0"})],
    ids=["vscg first", "torch first", "the user's own"])
def test_importing_the_package_sets_up_the_process(imports, own):
    others = {name: value for name, value in os.environ.items() if name not in SET}
    done = subprocess.run([sys.executable, "-c", PROGRAM.replace("IMPORTS", imports)], capture_output=True, text=True,
                          check=True, env={**others, **own})
    at_import, blocks, free, huge = json.loads(done.stdout)
    if imports == "vscg":
        assert {name: at_import[name] for name in SET} == {name: own.get(name, value) for name, value in SET.items()}
    assert blocks == (1 if own else 0), "a large buffer comes from the heap, but not with the user's own allocator"
    assert (free >= 64_000_000) is not bool(own)
    if os.path.isdir("/sys/kernel/mm/transparent_hugepage"):
        assert (huge > 0.9 * 64_000_000 * 4 / 1024) is not bool(own)


def groups(kind: str, **files: str) -> dict[str, str]:
    """Files of a process in group /a/b; version 1's lie at the root, as a container sees its own."""
    names = {"v1": "5:memory:/a/b\n4:cpu,cpuacct:/a/b\n0::/\n", "v2": "0::/a/b\n"}
    places = {"quota": "cpu/cpu.cfs_quota_us", "period": "cpu/cpu.cfs_period_us", "inner": "a/b/cpu.max",
              "memory": "memory/memory.limit_in_bytes", "outer": "a/cpu.max", "most": "a/memory.max",
              "all": "memory.max"}
    return {"proc/self/cgroup": names[kind], **{f"sys/{places[name]}": text for name, text in files.items()}}


@pytest.mark.parametrize("files, slurm, cores, workers", [
    ({}, "", 8, 8), ({}, "4", 4, 4), ({}, "16", 8, 8),
    (groups("v2", inner="max 100000\n", outer="350000 100000\n"), "", 3, 3),
    (groups("v2", inner="50000 100000\n"), "", 1, 1), (groups("v2", most="max\n", all="12500000000\n"), "", 8, 5),
    (groups("v2", most="1000000\n"), "", 8, 1), (groups("v1", quota="-1\n", period="100000\n"), "", 8, 8),
    (groups("v1", quota="200000\n", period="100000\n", memory="9223372036854771712\n"), "", 2, 2),
    (groups("v1", memory="6000000000\n"), "", 8, 2), ({"proc/meminfo": "MemAvailable: 5000000 kB\n"}, "", 8, 2)])
def test_cores_and_workers_are_those_that_this_process_may_use(files, slurm, cores, workers, tmp_path, monkeypatch):
    """On a machine of 8 cores and 64 GB."""
    monkeypatch.setattr(device, "PROC", tmp_path / "proc")
    monkeypatch.setattr(device, "CGROUPS", tmp_path / "sys")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", slurm)
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.delenv("OMP_NUM_THREADS")
    for name, content in {"proc/meminfo": "MemTotal: 99999999 kB\nMemAvailable: 64000000 kB\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert (device.cores(), device.workers(1_300_000_000)) == (cores, workers)
    device.set_up()
    assert os.environ.get("OMP_NUM_THREADS") == (None if cores == 8 else str(cores)), "torch would see all eight"


def test_numbers_too_small_to_matter_are_zero_inside_alone():
    with device.subnormals(zero=True):
        assert device.subnormals_are_zero() or not torch.set_flush_denormal(True)      # a processor that cannot
        with device.subnormals(zero=False):
            assert (torch.tensor([1e-40]) * 1).item() > 0
    assert not device.subnormals_are_zero()


def test_other_threads_do_not_stay_so():
    """Those that torch begins inside would inherit it for good."""
    said = subprocess.run([sys.executable, "-c", """
import torch
from vscg.machine import device
torch.set_num_threads(2)
with device.subnormals(zero=True):
    torch.ones(2**20) * 2
print(int((torch.full((2**20,), 1e-40) * 1 == 0).sum()))
"""], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "0"


def test_on_macos_memory_is_what_its_own_calls_say(tmp_path, monkeypatch):
    """There is no /proc; a process's largest size is in bytes and not in kilobytes."""
    monkeypatch.setattr(device, "PROC", tmp_path)
    monkeypatch.setattr(device, "CGROUPS", tmp_path)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(device, "cores", lambda: 8)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 16_384, "SC_PHYS_PAGES": 500_000}.__getitem__)
    assert (device.workers(1_300_000_000), device.workers(2_200_000_000)) == (3, 2)
    monkeypatch.setattr(device.resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=500_000_000))
    assert device.peak_memory(CPU) == 500_000_000


def test_the_device_in_words(monkeypatch):
    assert device.device_name(CPU) == f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    assert device.device_name(torch.device("cuda")) == "Some GPU"


def test_the_gpu_is_taken_where_there_is_one(monkeypatch):
    for there, name in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert device.usable_device().type == name


@pytest.mark.parametrize("wanted, words", [("cuda:1", "write cuda; CUDA_VISIBLE"), ("cuda", "no GPU can be used"),
                                           ("tpu", "device 'tpu' is unknown: choose one of cpu, cuda")])
def test_a_device_that_cannot_be_taken_is_one_error(wanted, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VscgError, match=words):
        device.usable_device(wanted)


def test_a_driver_that_is_too_old_counts_its_cards_and_is_not_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with device.own_random():
        torch.rand(2)
    assert torch.equal(torch.rand(3), expected)


def test_inside_a_gpu_rounds_no_float32_factor_and_afterwards_as_before():
    part, before = torch.backends.cudnn.conv, torch.backends.cudnn.conv.fp32_precision
    for told in ("tf32", "ieee"):
        part.fp32_precision = told
        with pytest.raises(RuntimeError), device.single_precision():
            assert part.fp32_precision == torch.backends.cudnn.rnn.fp32_precision == "ieee"
            raise RuntimeError
        assert part.fp32_precision == told
    part.fp32_precision = before


@pytest.mark.parametrize("text, name", [("model name\t: Some CPU\n", "Some CPU"),
                                        ("CPU part\t: 0xd4f\n", f"{platform.machine()}, part 0xd4f"),
                                        ("", platform.machine())])
def test_a_processor_on_arm_is_told_from_others(text, name, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(device, "PROC", tmp_path)
    assert device.processor.__wrapped__() == (name, False)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_peak_memory_holds_the_largest_size_and_can_be_measured_anew():
    device.forget_peak_memory(CPU)
    before = device.peak_memory(CPU)
    with mmap.mmap(-1, 240_000_000) as large:
        for page in range(0, len(large), mmap.PAGESIZE):
            large[page] = 1                                        # a page counts once it is written to
        with_it = device.peak_memory(CPU)
    assert with_it - before > 200e6
    assert device.peak_memory(CPU) - before > 200e6, "a peak does not sink by itself"
    device.forget_peak_memory(CPU)
    assert device.peak_memory(CPU) < with_it - 100e6
