"""Who serves goes before who starts.

Ray gives every worker process a low priority (niceness 15), so that a start competes with what serves beside it for the
same processors, and an upgrade or the start after a fault makes everybody wait. A process that serves therefore takes a
better one, still below Ray's own processes at 0, which say that the node lives. The system allows it to root, to
whoever has CAP_SYS_NICE, and within a limit (RLIMIT_NICE); elsewhere all stay as Ray starts them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

SERVING = 5
"""The niceness of who serves. Against 15, Linux gives nine times as much of a processor that both want."""


def serve_first(process: psutil.Process | None = None) -> bool:
    """Give a process, by default this one, and those that it started the niceness of who serves, unless theirs is
    better. Returns whether the system lets it.
    """
    if sys.platform != "linux":  # elsewhere nothing is known of threads
        return False
    try:
        for thread in _threads(process or psutil.Process()):
            with suppress(ProcessLookupError):  # it ended meanwhile
                if os.getpriority(os.PRIO_PROCESS, thread) > SERVING:
                    os.setpriority(os.PRIO_PROCESS, thread, SERVING)
    except PermissionError:
        return False
    return True


def _threads(process: psutil.Process) -> Iterator[int]:
    """On Linux each thread has a niceness of its own, which what it starts has as well."""
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(FileNotFoundError, ProcessLookupError):
                yield from [int(thread.name) for thread in Path(f"/proc/{each.pid}/task").iterdir()]
