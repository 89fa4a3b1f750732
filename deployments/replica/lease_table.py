"""Leases: what only one replica should do for the whole cluster, the holder of the lease does until it expires."""

from __future__ import annotations

from collections.abc import Callable


class LeaseTable:
    """Leases by name. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, float]] = {}

    def acquire(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the lease for so many seconds. False while somebody else holds it."""
        now = self._clock()
        current, until = self._held.get(name, (holder, now))
        if current != holder and until > now:
            return False
        self._held[name] = (holder, now + seconds)
        return True
