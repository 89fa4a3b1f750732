"""How much memory a process uses, and giving back what it does not."""

from __future__ import annotations

import ctypes
import ctypes.util
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


class FreeMemory:
    """Memory that was freed and that the allocator keeps for later: after a burst of large requests it would keep all
    of it. Given back where the C library can (glibc).
    """

    # A call takes a millisecond or two for each hundred megabytes, so it is made when there is something to give back.
    _WORTH = 1.05

    def __init__(self) -> None:
        library = ctypes.CDLL(ctypes.util.find_library("c"))
        self._trim = getattr(library, "malloc_trim", None)
        self._least_mb = float("inf")

    def give_back(self) -> None:
        """Give it back if the process has grown since it was last as small as it gets."""
        if self._trim is not None and own_memory_mb() > self._WORTH * self._least_mb:
            self._trim(0)
        self._least_mb = own_memory_mb() if self._least_mb == float("inf") else min(self._least_mb, own_memory_mb())
