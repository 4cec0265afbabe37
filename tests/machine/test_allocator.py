"""The allocator setting: large buffers come from the heap, and what is freed stays there for the next step."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

ALLOCATOR = Path(__file__).resolve().parents[2] / "vscg" / "machine" / "allocator.py"
# glibc's own account (mallinfo2) of blocks taken straight from the system while a buffer of 64 MB lives, and of bytes
# that lie free in the heap once it is gone.
COUNT = """
import ctypes, json, runpy, sys
if {keep}:
    assert runpy.run_path({allocator!r})["keep_memory"]()
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
print(json.dumps([blocks, libc.mallinfo2().fordblks]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
@pytest.mark.parametrize("keep, direct", [(False, 1), (True, 0)])
def test_large_buffers_are_kept_only_with_the_setting(keep, direct):
    code = COUNT.format(keep=keep, allocator=str(ALLOCATOR))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    blocks, free = json.loads(done.stdout)
    assert blocks == direct
    assert (free >= 64_000_000) is keep


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="huge pages are asked for on Linux alone")
@pytest.mark.parametrize("order", ["import torch, vscg", "import vscg"])
def test_large_tensors_ask_for_huge_pages(order, monkeypatch):
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    smaps, pages = Path("/proc/self/smaps"), Path("/sys/kernel/mm/transparent_hugepage")
    if "VmFlags" not in smaps.read_text() or not pages.is_dir():
        pytest.skip("no huge pages here, or no telling")
    # Whether the system finds such pages is its own affair; that it was asked to stands in the flags of the mapping.
    code = f"""{order}
import torch
from pathlib import Path
kept = torch.ones(64_000_000)
asked = 0
for line in Path("/proc/self/smaps").read_text().splitlines():
    if line.startswith("Size:"):
        size = int(line.split()[1])
    elif line.startswith("VmFlags:") and "hg" in line.split():
        asked += size
print(asked)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0.9 * 64_000_000 * 4 / 1024
