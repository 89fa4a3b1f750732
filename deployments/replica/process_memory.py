"""How much memory this process uses."""

from __future__ import annotations

import psutil


def own_memory_mb() -> float:
    """This process's own memory: what it maps of the object store, the crops it read, is not its own."""
    used = psutil.Process().memory_info()
    return float(used.rss - getattr(used, "shared", 0)) / 1e6  # only Linux tells them apart
