"""The most memory that the processes which take files from strangers have at one moment, as the operating system counts
it: the highest resident size (VmHWM), libraries included, in units of 1,000,000 bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster.local.processes import children

_ROLE = re.compile(
    r"(?:ray::ServeReplica:quorum:|segmentation\.|files\.|pdf\.)"
    r"(Gateway|Router|Segmentation|worker|page_renderer|text_layer)\b"
)
_REPLACEABLE = ("page_renderer", "text_layer", "worker")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class PeakMemory:
    """That of the processes of one service; `processes` gives those among which they are."""

    processes: Callable[[], Iterable[psutil.Process]]

    @classmethod
    def of(cls, url: str | None) -> PeakMemory:
        """Of the service at `url`, the only one on this machine, or of the one that this process has started."""
        return cls(psutil.process_iter if url else children)

    def _with_roles(self) -> Iterator[tuple[str, Path]]:
        """The role of each process of interest, and where the system tells of it."""
        for process in self.processes():
            with suppress(psutil.Error):
                found = _ROLE.search(" ".join(process.cmdline()))
                if found:
                    yield found[1], Path(f"/proc/{process.pid}")

    def replicas(self) -> set[Path]:
        """Those of the processes that stay: where one is replaced, it died."""
        return {place for role, place in self._with_roles() if role not in _REPLACEABLE}

    def forget(self) -> None:
        """From now on the highest sizes count anew (man 5 proc, clear_refs)."""
        for _, place in self._with_roles():
            with suppress(OSError):
                (place / "clear_refs").write_text("5")

    def megabytes(self) -> dict[str, float]:
        """The highest resident size by role since it was last forgotten. Processes that draw a document end with it, so
        this has to be looked at while it is drawn.
        """
        sizes: dict[str, float] = {}
        for role, place in self._with_roles():
            with suppress(OSError):
                found = re.search(r"VmHWM:\s+(\d+) kB", (place / "status").read_text())
                sizes[role] = max(sizes.get(role, 0.0), int(found[1]) / 1000.0 if found else 0.0)
        return sizes

    def resident_mb(self) -> dict[str, float]:
        """The resident size at this moment by role, added up over its processes."""
        sizes: dict[str, float] = {}
        for role, place in self._with_roles():
            with suppress(OSError):
                pages = int((place / "statm").read_text().split()[1])
                sizes[role] = sizes.get(role, 0.0) + pages * _PAGE_BYTES / 1e6
        return sizes
