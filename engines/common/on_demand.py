"""What is costly to hold and seldom needed: made when it is first used, let go when nobody used it for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

KEPT_S = 300.0
"""For so long after its last use something is kept."""

T = TypeVar("T")

log = logging.getLogger("quorum.engines")


class OnDemand(Generic[T]):
    """What `make` makes, from its first use until nobody used it for `kept_s`. `what` names it in the log.

    It is used by one thread at a time. `clock` gives seconds.
    """

    def __init__(
        self,
        what: str,
        make: Callable[[], T],
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._make, self._kept_s, self._clock = what, make, kept_s, clock
        self._lock = threading.Lock()
        self._made: T | None = None
        self._used_at = 0.0

    @property
    def is_held(self) -> bool:
        """Whether it is in memory."""
        return self._made is not None

    @contextmanager
    def used(self) -> Iterator[T]:
        """Within the block it is there. Raises what `make` raises; the next use then tries again."""
        with self._lock:
            if self._made is None:
                began = self._clock()
                self._made = self._make()
                log.info("%s loaded in %.1f s", self._what, self._clock() - began)
                self._look_in(self._kept_s)
            try:
                yield self._made
            finally:
                self._used_at = self._clock()

    def _look_in(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self.let_go_if_unused)
        timer.daemon = True  # a process does not wait for it
        timer.start()

    def let_go_if_unused(self) -> None:
        """Let it go, or look again when that is due."""
        with self._lock:
            left_s = self._used_at + self._kept_s - self._clock()
            if left_s > 0.0:
                self._look_in(left_s)
            elif self._made is not None:
                self._made = None
                log.info("%s let go: it was not used for %.0f s", self._what, self._kept_s)
