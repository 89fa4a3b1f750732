"""Turns at a node's processors for work that is done beside a replica, in programs of their own.

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

from deployments.replica.processor_shares import LOOKS_AGAIN_S, NotShared, Shares, Turns


class ProcessorTurns:
    """Of one process, in one event loop."""

    def __init__(self, shares: Shares | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._shares = shares or NotShared()
        self._turns = Turns(self._shares, clock)
        self._wanting: Counter[str] = Counter()
        self._computing: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, caller: str, spent_s: Callable[[], float]) -> AsyncIterator[None]:
        """Wait until those who have had less leave a core for this caller, then compute for as long as the context
        lasts. `spent_s` says how much processor time the program took so far, in seconds; infinite when it is gone.
        """
        self._wanting[caller] += 1
        try:
            while caller not in self._turns.of(self._wanting, 1.0):
                await asyncio.sleep(LOOKS_AGAIN_S)
            before_s = spent_s()
            self._compute(caller, 1)
            try:
                yield
            finally:
                self._compute(caller, -1)
                if math.isfinite(computed_s := spent_s() - before_s):
                    self._shares.had(caller, computed_s, 1.0)
        finally:
            self._wanting[caller] -= 1
            self._wanting = +self._wanting
            self._turns.of(self._wanting, 1.0)  # what is wanted no more holds nobody up

    def _compute(self, caller: str, more: int) -> None:
        self._computing[caller] += more
        self._computing = +self._computing
        threads = {who: float(count) for who, count in self._computing.items()}
        self._shares.computes(threads, dict.fromkeys(threads, 1.0))
