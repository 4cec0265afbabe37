"""The allocator setting: buffers that are freed and taken again cost no page faults."""
import subprocess
import sys
from pathlib import Path

import pytest

ALLOCATOR = Path(__file__).resolve().parent.parent / "vscg" / "allocator.py"

FAULTS = """
import resource, runpy
import torch
if {keep}:
    assert runpy.run_path({allocator!r})["keep_memory"]()      # importing vscg would switch it on for both
def step():
    return [torch.ones(4_000_000) for _ in range(4)]     # 64 MB
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(keep: bool) -> int:
    code = FAULTS.format(keep=keep, allocator=str(ALLOCATOR))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_kept_memory_is_used_again_without_page_faults():
    plain, kept = faults(False), faults(True)
    assert kept < 0.05 * plain, (plain, kept)
