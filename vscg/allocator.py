"""Keeps the C library from giving memory back between training steps."""
import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4      # parameter numbers of glibc's mallopt


def keep_memory() -> bool:
    """Let freed buffers be used again instead of returned to the system; True where the C library can (glibc).

    A training step frees and takes hundreds of megabytes; taken anew from the system, each page costs a fault.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
