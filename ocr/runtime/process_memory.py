"""How much memory a process uses, and giving back what it does not."""

from __future__ import annotations

import ctypes
import os

import psutil


def own_memory_mb() -> float:
    """This process's own memory: what it maps of the object store, the crops it read, is not its own."""
    return memory_mb(os.getpid())


def memory_mb(pid: int) -> float:
    """The same of another process; 0 where it is gone."""
    try:
        used = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0.0
    return float(used.rss - getattr(used, "shared", 0)) / 1e6  # only Linux tells them apart


_M_MMAP_THRESHOLD = -3  # of mallopt(3), in glibc's malloc.h
_LARGE_BYTES = 1 << 20


def map_large_buffers() -> None:
    """Every buffer of a megabyte and more in a mapping of its own from now on, which ends with the buffer (glibc).

    The allocator begins so, but takes the next ones from its heap once it has freed a large one (up to 32 MB). There
    small objects that live on come to stand behind them, and hold bodies and files of megabytes that are gone. For
    processes that pass on large bodies: a mapping costs a fault a page, so not where pictures are computed on.
    """
    if (set_option := getattr(_c_library(), "mallopt", None)) is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def give_back_freed() -> None:
    """Give the system what was freed and what the allocator keeps for later, where the C library can (glibc). A
    millisecond or two for each hundred megabytes.
    """
    if (trim := getattr(_c_library(), "malloc_trim", None)) is not None:
        trim(0)


class FreeMemory:
    """Memory that was freed and that the allocator keeps for later: after a burst of large requests it would keep all
    of it.
    """

    _WORTH = 1.05

    def __init__(self) -> None:
        self._least_mb = float("inf")

    def give_back(self) -> None:
        """Give it back if the process has grown since it was last as small as it gets."""
        if own_memory_mb() > self._WORTH * self._least_mb:
            give_back_freed()
        self._least_mb = own_memory_mb() if self._least_mb == float("inf") else min(self._least_mb, own_memory_mb())
