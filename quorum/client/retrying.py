"""When a question is asked again, and after what pause. Reading changes nothing, so asking twice does no harm.

Asked again: a connection that broke or was refused, a service that was overloaded, not ready or limited the rate, a
fault of the service, a proxy that answers for a Gateway that died. Not asked again: what the caller sent is wrong, the
time is over, somebody else answers. Times are seconds; nothing here knows how a call travels.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from ocr.errors import ConnectionBroken, InternalFailure, ServiceError
from quorum.client.calls import Call


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is sent again, and how long the pauses are.

    A pause is what the service asked for (Retry-After), else doubles from `first_pause_s`, with a part of it drawn by
    chance so that many clients do not come back at once. A service that wants more than `longest_pause_s` is not waited
    for: its error comes out, with the time in it.
    """

    times: int = 2
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0

    def __post_init__(self) -> None:
        if self.times < 0 or self.first_pause_s < 0 or self.longest_pause_s < 0:
            raise ValueError(f"{self} has a number below 0")

    def start(self, call: Call[Any]) -> Tries:
        """The tries of one call. A call that changes something has only one."""
        return Tries(self, self.times if call.safe else 0)

    def of_request(self) -> Tries:
        """The tries of a request that does the same however often it is made."""
        return Tries(self, self.times)


@dataclass(slots=True)
class Tries:
    """What is left of the tries of one call."""

    retries: Retries
    left: int
    done: int = field(default=0)

    def pause_s(self, error: ServiceError) -> float:
        """How long to wait before the next try. Raises `error` when there is none."""
        pause_s = self._pause_s(error)
        if self.left == 0 or pause_s is None or pause_s > self.retries.longest_pause_s:
            raise error
        self.left -= 1
        self.done += 1
        return pause_s

    def _pause_s(self, error: ServiceError) -> float | None:
        """The pause that fits `error`; None for one that asking again does not cure."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        if isinstance(error, ConnectionBroken | InternalFailure):
            return self.retries.first_pause_s * 2.0**self.done * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return None
