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

from cluster.local.local_cluster import ComponentProgress, StartupState
from quorum.terminal.output import table

_STYLES = {
    StartupState.STARTING: "yellow",
    StartupState.READY: "green",
    StartupState.UNAVAILABLE: "dim",
    StartupState.FAILED: "red",
}

Show = Callable[[Sequence[ComponentProgress]], None]


class Timings:
    """When each part was first seen, and how long it took to settle."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._settled: dict[str, tuple[StartupState, float]] = {}

    def seconds(self, part: ComponentProgress) -> float:
        """How long `part` took until it settled, or takes so far."""
        elapsed = self._clock() - self._started
        if not part.settled:
            self._settled.pop(part.component, None)
            return elapsed
        stage, seconds = self._settled.setdefault(part.component, (part.state, elapsed))
        if stage is not part.state:
            self._settled[part.component] = part.state, elapsed
            return elapsed
        return seconds


@contextmanager
def startup_board(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[Show]:
    """A function that shows the progress of all parts, to be called again and again."""
    timings = Timings(clock)
    if not console.is_terminal:
        yield _printer(console, timings)
        return
    with Live(console=console, refresh_per_second=8) as live:
        yield lambda parts: live.update(_drawn(parts, timings))


def _drawn(parts: Sequence[ComponentProgress], timings: Timings) -> Table:
    drawn = table("part", "seconds", "state", "", rows=(), right=("seconds",))
    for part in parts:
        state = f"[{_STYLES[part.state]}]{part.state}[/]"
        drawn.add_row(part.component, f"{timings.seconds(part):.1f}", state, _first_line(part.detail))
    return drawn


def _printer(console: Console, timings: Timings) -> Show:
    said: dict[str, StartupState] = {}

    def show(parts: Sequence[ComponentProgress]) -> None:
        for part in parts:
            seconds = timings.seconds(part)
            if part.settled and said.get(part.component) is not part.state:
                detail = f": {_first_line(part.detail)}" if part.detail else ""
                console.print(f"{seconds:6.1f} s  {part.component} is {part.state}{detail}", soft_wrap=True)
                said[part.component] = part.state

    return show


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
