"""The processors of this machine, and what this process has had of them."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Of this machine or, where it has fewer, of this container."""
    machine = float(os.cpu_count() or 1)
    try:
        share, period = quota.read_text().split()
        return min(machine, int(share) / int(period))
    except (OSError, ValueError):  # another system, or no limit: "max"
        return machine


def processor_s() -> float:
    """Seconds that all threads of this process and the programs that it ran to their ends have computed."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent)
