"""The machine that a run is on: what makes it fast and repeatable, its cores, its name, the memory that was needed.

torch is imported inside the functions, because `set_up` must have run before it is.
"""
import contextlib
import ctypes
import functools
import gc
import os
import platform
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vscg.errors import VscgError, choose

if TYPE_CHECKING:
    import torch

RUN_MEMORY = 1_100_000_000      # bytes that one run takes on a CPU beside its data, in batches of 8; AVT takes more
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4      # parameter numbers of glibc's mallopt


def set_up() -> None:
    """Set all that makes training fast and repeatable; what the user has set already stays.

    `import vscg` calls it before anything imports torch, which reads OpenMP's settings when it is loaded, its
    allocator's at the first tensor, cuBLAS's at the first product. If torch was first, OMP_WAIT_POLICY is the user's.
    """
    # Threads that wait for one another sleep. OpenMP's default, to wait in a loop, makes a step on two threads four
    # times slower beside one other busy process (2.1 s instead of 0.48).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # torch would take a thread for each core that it sees: in a container with a quota, or in a job, too many.
    if cores() < _affinity():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    # With buffers of one size, cuDNN's recurrent layers always add in one order.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # A training step frees and takes hundreds of megabytes; taken anew from the system, each page costs a fault. So
    # memory comes in pages of 2 MB where the system has them, and what is freed is kept for the next step. With 0 both
    # stay as they are.
    if os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1") == "1":
        _glibc("mallopt", _M_MMAP_MAX, 0)
        _glibc("mallopt", _M_TRIM_THRESHOLD, -1)      # never


def give_back_memory() -> None:
    """Give back what `set_up` has kept for a next step, where there is none."""
    import torch
    gc.collect()
    torch.cuda.empty_cache()
    _glibc("malloc_trim", 0)


def _glibc(function: str, *numbers: int) -> None:
    """Calls a function that glibc alone has, where it is there."""
    if hasattr(library := ctypes.CDLL(None), function):
        getattr(library, function)(*numbers)


def cores() -> int:
    """CPU cores that this process may use: its affinity, the quota of its control groups, its Slurm task."""
    quotas = *_limits("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"), *_limits("", "cpu.max")
    task = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return max(1, min([_affinity(), *(int(quota) // int(period) for quota, period in quotas if quota.isdecimal()),
                       *([int(task)] if task.isdecimal() else [])]))


def workers(data: int) -> int:
    """Runs on `data` bytes that this machine's CPU can train at a time: one for each core, if the memory lasts."""
    limits = *_limits("memory", "memory.limit_in_bytes"), *_limits("", "memory.max")
    memory = [int(limit) for [limit] in limits if limit.isdecimal()]
    with contextlib.suppress(OSError):
        free = re.search(r"^MemAvailable:\s*(\d+)", (PROC / "meminfo").read_text(), re.MULTILINE)
        memory.append(1024 * int(free[1]))
    if sys.platform == "darwin":
        memory.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return max(1, min([cores(), *(size // (RUN_MEMORY + data) for size in memory)]))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _limits(controller: str, *names: str) -> Iterator[list[str]]:
    """The words in some files of this process's control group, and of each group that it is in.

    `controller` is of version 1, or "" for 2. Where a container sees its groups under another path, the root's count.
    """
    with contextlib.suppress(OSError):      # Linux alone has them
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                innermost = CGROUPS / controller / path.lstrip("/")
                for group in (innermost, *innermost.parents):
                    with contextlib.suppress(OSError):
                        yield [word for name in names for word in (group / name).read_text().split()]


@contextlib.contextmanager
def own_threads(number: int | None = None) -> Iterator[None]:
    """Inside, torch may take another number of threads, or takes this one; then the caller's again."""
    import torch
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def own_random() -> Iterator[None]:
    """Inside, torch's random numbers go their own way; then the caller's go on as if nothing had been."""
    import torch
    # A driver that is too old counts its cards, and fails when one is asked.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if torch.cuda.is_available() else ()):
        yield


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """Inside, cuDNN's layers do not round their float32 factors, as torch lets them on newer GPUs."""
    import torch
    parts = torch.backends.cudnn.conv, torch.backends.cudnn.rnn
    before = [part.fp32_precision for part in parts]
    try:
        for part in parts:
            part.fp32_precision = "ieee"
        yield
    finally:
        for part, told in zip(parts, before, strict=True):
            part.fp32_precision = told


@contextlib.contextmanager
def subnormals(zero: bool) -> Iterator[None]:
    """Inside, numbers below 1.2e-38 count as 0 where the processor can do that, or they do not; afterwards as before.

    A processor takes a hundred times longer for them. Where a loss has come near its least value, gradients and Adam's
    squares are full of them, and an epoch takes up to 2.4 times as long. What is computed is rounded otherwise by it.
    """
    import torch
    torch.ones(2**16).neg()                # torch's other threads begin here: begun inside, they would stay so for good
    before = subnormals_are_zero()
    torch.set_flush_denormal(zero)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def subnormals_are_zero() -> bool:
    """Whether numbers below 1.2e-38 count as 0 on this thread now."""
    import torch
    return (torch.tensor([1e-40]) * 1).item() == 0


def usable_device(wanted: "str | torch.device | None" = None) -> "torch.device":
    """The device asked for, else a GPU if there is one; VscgError for one that is not there, or named by number."""
    import torch
    kind, _, number = str(wanted or ("cuda" if torch.cuda.is_available() else "cpu")).partition(":")
    choose("device", kind, ("cpu", "cuda"))
    if number:
        raise VscgError(f"device {wanted}: write {kind}; CUDA_VISIBLE_DEVICES says which GPU that is")
    if kind == "cuda" and not torch.cuda.is_available():
        raise VscgError(f"device {wanted}: no GPU can be used here; leave it out to use the CPU")
    return torch.device(kind)


@functools.cache
def processor() -> tuple[str, bool]:
    """The processor in words, and whether it has bf16 instructions."""
    try:
        text = (PROC / "cpuinfo").read_text()
    except OSError:                                        # macOS
        with contextlib.suppress(OSError):
            told = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True)
            if told.stdout.strip():
                return told.stdout.strip(), False
        return platform.processor() or platform.machine(), False
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    part = re.search(r"^CPU part\s*: (.*)$", text, re.MULTILINE)                   # Linux on ARM names no model
    bf16 = re.search(r"\b(avx512_bf16|amx_bf16)\b|^Features.*\bbf16\b", text, re.MULTILINE)
    return name[1] if name else platform.machine() + (f", part {part[1]}" if part else ""), bool(bf16)


def cpu_has_bf16() -> bool:
    """Whether products of bf16 numbers have instructions of their own on this processor."""
    return processor()[1]


def device_name(device: "torch.device") -> str:
    """The device in words: the GPU's name, or the CPU with its threads."""
    import torch
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"


def forget_peak_memory(device: "torch.device") -> None:
    """Start to measure `peak_memory` anew."""
    if device.type == "cuda":
        import torch
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):     # Linux alone; elsewhere the peak counts from the start of the process
        (PROC / "self" / "clear_refs").write_text("5")


def peak_memory(device: "torch.device") -> int:
    """Bytes: the most that torch held on the GPU, or this process's largest size in memory, all included."""
    if device.type == "cuda":
        import torch
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):
        return 1024 * int(re.search(r"^VmHWM:\s*(\d+)", (PROC / "self" / "status").read_text(), re.MULTILINE)[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
