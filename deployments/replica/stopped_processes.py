"""Processes of the application that a signal stopped (SIGSTOP) are ended, so that others take their place.

Ray and Serve take such a process for a slow one: it has its connections, and nothing says that it will not go on. Serve
gives up a replica after three checks of `health_check_timeout_s`, nearly two minutes with what it waits afterwards, and
that time cannot be short, because on a busy machine healthy replicas answer late. The operating system knows better: a
process that is slow is not *stopped*. So each process of the application looks at those beside it on its node, and
kills one that was stopped for longer than anybody stops a process for a moment; a death is noticed within seconds.

What a debugger holds is in another state, and the workers that Segmentation pauses are not beside it but below it. Both
are left alone. Times are seconds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil

from cluster.local.application_processes import OWN_COMPONENTS, components_among, is_stopped
from deployments.replica.precedence import serve_first

log = logging.getLogger("quorum.replica")

_LOOK_EVERY_S = 3.0
STOPPED_FOR_S = 6.0
"""So long a process may be stopped."""

# Which processes there are is asked less often than how they are: it costs a look at every process of the machine.
_LIST_EVERY_S = 15.0


class StoppedProcesses:
    """What is known of the `siblings`, which are listed anew from time to time: `known` has what each does."""

    def __init__(
        self, siblings: Callable[[], Iterable[psutil.Process]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._list = siblings
        self._clock = clock
        self._listed_at = float("-inf")
        self._looked_at = float("-inf")
        self.known: list[tuple[str, psutil.Process]] = []
        self._stopped_since: dict[psutil.Process, float] = {}

    def look(self) -> list[str]:
        """End those that have been stopped for too long; the names of what they did."""
        now = self._clock()
        if now - self._looked_at > STOPPED_FOR_S:  # whoever looks was stopped too: a machine that slept, Ctrl-Z
            self._stopped_since.clear()
        self._looked_at = now
        if now - self._listed_at >= _LIST_EVERY_S:
            self._listed_at, self.known = now, list(components_among(self._list()))
        stopped = {process: component for component, process in self.known if is_stopped(process)}
        self._stopped_since = {process: self._stopped_since.get(process, now) for process in stopped}
        ended = [process for process, since in self._stopped_since.items() if now - since >= STOPPED_FOR_S]
        for process in ended:
            log.warning("%s (process %d) was stopped by a signal, and is ended", stopped[process], process.pid)
            with suppress(psutil.NoSuchProcess):  # another one was quicker
                process.kill()
        return [stopped[process] for process in ended]


def watch_siblings() -> None:
    """Look at the other processes of this process's raylet from now on, in a thread: an event loop may be held up.
    Those that Serve and the application start for themselves are given precedence there too (precedence.py).
    """
    threading.Thread(target=_watch, name="stopped processes", daemon=True).start()


def _watch() -> None:
    own = os.getpid()
    raylet = psutil.Process(os.getppid())
    processes = StoppedProcesses(lambda: [child for child in raylet.children() if child.pid != own])
    favoured: set[psutil.Process] = set()
    with suppress(psutil.NoSuchProcess):  # without its raylet this process ends too
        while True:
            processes.look()
            serving = {process for component, process in processes.known if component in OWN_COMPONENTS}
            for process in serving - favoured:  # once: it costs a look at every process of the machine
                serve_first(process)  # replicas do it when they are made
            favoured = serving
            time.sleep(_LOOK_EVERY_S)
