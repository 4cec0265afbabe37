"""The machine that a run is on: its name, and how much memory was needed at most."""
import contextlib
import functools
import os
import platform
import re
import resource
from pathlib import Path

import torch

from vscg.errors import VscgError, choose


def best_device() -> str:
    """The GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def usable_device(wanted: str | torch.device | None = None) -> torch.device:
    """The device asked for, else the best one; VscgError for a GPU where there is none, or one named by number."""
    kind, _, number = str(wanted or best_device()).partition(":")
    choose("device", kind, ("cpu", "cuda"))
    if number:
        raise VscgError(f"device {wanted}: write {kind}; CUDA_VISIBLE_DEVICES says which GPU that is")
    if kind == "cuda" and not torch.cuda.is_available():
        raise VscgError(f"device {wanted}: no GPU can be used here; leave it out to use the CPU")
    return torch.device(kind)


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def processor() -> tuple[str, bool]:
    """The processor in words, and whether it has bf16 instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), False
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    bf16 = re.search(r"\b(avx512_bf16|amx_bf16)\b|^Features.*\bbf16\b", text, re.MULTILINE)
    return name[1] if name else platform.machine(), bool(bf16)


def cpu_has_bf16() -> bool:
    """Whether products of bf16 numbers have instructions of their own on this processor."""
    return processor()[1]


def device_name(device: torch.device) -> str:
    """The device in words: the GPU's name, or the CPU with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"


def forget_peak_memory(device: torch.device) -> None:
    """Start to measure `peak_memory` anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):     # Linux alone; elsewhere the peak counts from the start of the process
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Bytes: the most that torch held on the GPU, or this process's largest size in memory, all included."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
