"""The processes below this one: which there are, how they end, that none of them is lost from sight, and what a signal
that asks this one to stop does meanwhile. Times are seconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

import psutil

# After something was asked to stop; a raylet takes its workers along within a second or two.
_PATIENCE_S = 10.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
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


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Turn the signals that ask a program to stop into KeyboardInterrupt."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing but SIGKILL end the clearing away; it is bounded in time."""
    with _handling(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python lets only the main thread do this
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
