"""Turns at a node's processors for work that is done beside a replica, in programs or threads of its own.

The engines and the segmentation look at the shares of their node whenever they choose what to compute next
(processor_shares.py). What is not a queue of theirs, such as the drawing of pages, waits here.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from deployments.messages.request import Asker
from deployments.replica.counted import counted
from deployments.replica.processor_shares import LOOKS_AGAIN_S, NotShared, Shares, Turns


class ProcessorTurns:
    """Of one process, in one event loop."""

    def __init__(self, shares: Shares | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._shares = shares or NotShared()
        self._turns = Turns(self._shares, clock)
        self._wanting: Counter[Asker] = Counter()
        self._computing: Counter[Asker] = Counter()

    @asynccontextmanager
    async def turn(self, asker: Asker, spent_s: Callable[[], float] = time.monotonic) -> AsyncIterator[None]:
        """Wait until those who have had less leave a core for this one, then compute for as long as the context lasts.
        `spent_s` says how much processor time the work took so far, in seconds; infinite when its program is gone. All
        of the time counts where nobody says so.
        """
        try:
            with counted(self._wanting, asker):
                while asker.line not in self._turns.of(self._wanting, 1.0):
                    await asyncio.sleep(LOOKS_AGAIN_S)
                before_s = spent_s()
                self._compute(asker, 1)
                try:
                    yield
                finally:
                    self._compute(asker, -1)
                    if math.isfinite(computed_s := spent_s() - before_s):
                        self._shares.had(asker.line, computed_s, asker.counts)
        finally:
            self._turns.of(self._wanting, 1.0)  # what is wanted no more holds nobody up

    def _compute(self, asker: Asker, more: int) -> None:
        self._computing[asker] += more
        self._computing = +self._computing
        threads: Counter[str] = Counter()
        counts: dict[str, float] = {}
        for each, count in self._computing.items():
            threads[each.line] += count
            counts[each.line] = max(each.counts, counts.get(each.line, 0.0))
        self._shares.computes({line: float(count) for line, count in threads.items()}, counts)
