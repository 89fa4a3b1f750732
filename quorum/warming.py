"""The progress of a cluster that warms up, one row per part: redrawn in a terminal, line by line anywhere else.

Times are seconds since the board was made. What the parts are, and when all of them are done, is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from cluster.local.local_cluster import Progress, Stage
from quorum.terminal import table

_STYLES = {Stage.STARTING: "yellow", Stage.READY: "green", Stage.UNAVAILABLE: "dim", Stage.FAILED: "red"}

Show = Callable[[Sequence[Progress]], None]


class Timings:
    """When each part was first seen, and how long it took to settle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._settled: dict[str, tuple[Stage, float]] = {}

    def seconds(self, part: Progress) -> float:
        """How long `part` took until it settled, or takes so far."""
        elapsed = self._clock() - self._started
        if not part.settled:
            self._settled.pop(part.part, None)
            return elapsed
        stage, seconds = self._settled.setdefault(part.part, (part.stage, elapsed))
        if stage is not part.stage:
            self._settled[part.part] = part.stage, elapsed
            return elapsed
        return seconds


@contextmanager
def board(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[Show]:
    """A function that shows the progress of all parts, to be called again and again."""
    timings = Timings(clock)
    if not console.is_terminal:
        yield _printer(console, timings)
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield lambda parts: live.update(_drawn(parts, timings))


def _drawn(parts: Sequence[Progress], timings: Timings) -> Table:
    drawn = table("part", "seconds", "state", "", rows=(), right=("seconds",))
    for part in parts:
        state = f"[{_STYLES[part.stage]}]{part.stage}[/]"
        drawn.add_row(part.part, f"{timings.seconds(part):.1f}", state, _first_line(part.detail))
    return drawn


def _printer(console: Console, timings: Timings) -> Show:
    said: dict[str, Stage] = {}

    def show(parts: Sequence[Progress]) -> None:
        for part in parts:
            seconds = timings.seconds(part)
            if part.settled and said.get(part.part) is not part.stage:
                detail = f": {_first_line(part.detail)}" if part.detail else ""
                console.print(f"{seconds:6.1f} s  {part.part} is {part.stage}{detail}", soft_wrap=True)
                said[part.part] = part.stage

    return show


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
