"""The processors of this machine, and what this process has had of them."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

_UTIME = 11
"""Where /proc/PID/stat says how long a program computed, counted behind its name: itself and the programs that it ran,
each for itself and in the system. Source: proc(5).
"""


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Of this machine or, where it has fewer, of this container."""
    machine = float(os.cpu_count() or 1)
    try:
        share, period = quota.read_text().split()
        return min(machine, int(share) / int(period))
    except (OSError, ValueError):  # another system, or no limit: "max"
        return machine


def processor_s() -> float:
    """Seconds that all threads of this process and the programs that it started have computed, ended or not."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in spent) + _of_running_programs()


def _of_running_programs() -> float:
    """Of those that still run: the system adds a program's time to its parent's when it has ended."""
    ticks = 0
    for children in Path("/proc/self/task").glob("*/children"):  # not psutil, which looks at every process there is
        with suppress(OSError):  # the thread has ended
            for pid in children.read_text().split():
                with suppress(OSError):  # or the program
                    _, _, after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
                    ticks += sum(map(int, after_name.split()[_UTIME : _UTIME + 4]))
    return ticks / os.sysconf("SC_CLK_TCK")
