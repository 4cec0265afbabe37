"""Keeps the C library from giving memory back between training steps."""
import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4      # parameter numbers of glibc's mallopt


def keep_memory() -> bool:
    """Let freed buffers be used again instead of returned to the system; True where the C library can (glibc).

    A training step frees and takes hundreds of megabytes; taken anew from the system, each page costs a fault. What is
    taken comes in pages of 2 MB where the system has them; torch looks at this setting at its first tensor.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, -1))     # -1: never
