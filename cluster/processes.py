"""The processes below this one: which there are, how they end, and that none of them is lost from sight. Times are
seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable, Iterator

import psutil

# After something was asked to stop; a raylet takes its workers along within a second or two.
_PATIENCE_S = 10.0

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def children(roots: Iterable[int] = ()) -> set[psutil.Process]:
    """Every process that lives below one of `roots`; below this one when none is given."""
    below: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        below.setdefault(process.info["ppid"], []).append(process)
    found: set[psutil.Process] = set()
    ahead = list(roots) or [os.getpid()]
    while ahead:
        new = [process for process in below.get(ahead.pop(), []) if process not in found]
        found.update(new)
        ahead += [process.pid for process in new]
    return found


def end(processes: Iterable[psutil.Process], patience_s: float = _PATIENCE_S) -> None:
    """Wait until the processes are gone, and kill those that stay."""
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_PATIENCE_S)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Become the parent of what a dying process leaves behind, so that it can be found: prctl(2) on Linux."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
