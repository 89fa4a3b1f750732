"""Which processes of a machine do something for the application: told by the titles that Ray gives them, so that
whoever asks is no driver of the cluster and knows nothing of what is deployed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil

OWN_COMPONENTS = ("ProxyActor", "ServeController", "SharedActor")
"""What serves and is no replica: Serve's own, and the state that replicas share."""

_TITLE = re.compile(rf"^ray::(?:ServeReplica:[^:]+:(?P<deployment>\w+)|(?P<own>{'|'.join(OWN_COMPONENTS)}))")


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def component_of(process: psutil.Process) -> str | None:
    """What a process does for the application, by the title that Ray gives it; None for any other."""
    title = _TITLE.match(next(iter(process.cmdline()), ""))
    return None if title is None or not is_alive(process) else title["deployment"] or title["own"]


def components_among(processes: Iterable[psutil.Process]) -> Iterator[tuple[str, psutil.Process]]:
    """Those of the processes that do something for the application, each with what it does. One that ends meanwhile is
    left out.
    """
    for process in processes:
        with suppress(psutil.Error):
            component = component_of(process)
            if component is not None:
                yield component, process


def is_stopped(process: psutil.Process) -> bool:
    """Whether a signal stopped it (SIGSTOP): it is there, and does nothing."""
    try:
        return bool(process.status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
