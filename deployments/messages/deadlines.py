"""Deadlines on their way from one node to another, whose clock may be another one. Times are epoch seconds.

A deadline is a moment of wall-clock time, so that it goes on while a call waits for its turn. That needs clocks that
agree. Whoever sends a deadline therefore says what time it was then; whoever gets one that left in the future, or that
was on its way for longer than anybody waits, knows that the clocks do not agree, and goes by the time that was left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from deployments.messages.request import ReadRequest, SegmentationRequest

_AHEAD_S = 1.0
"""So much may a clock of the cluster be ahead of another one."""
_ABANDONED_S = 5.0
"""So long after its deadline nobody waits for a call any more: it was cancelled, and does not arrive."""

Request = TypeVar("Request", ReadRequest, SegmentationRequest)


def sent(request: Request, now: float) -> Request:
    """The request as it leaves."""
    return replace(request, sent_at=now)


def arrived(request: Request, now: float) -> Request:
    """The request by the clock of the node that it reached."""
    return replace(request, deadline=deadline_here(request.deadline, request.sent_at, now))


def deadline_here(deadline: float, sent_at: float, now: float) -> float:
    """The deadline by the clock that says `now`; `sent_at` is when it left, by the clock that it was set by."""
    if -_AHEAD_S <= now - sent_at <= deadline - sent_at + _ABANDONED_S:
        return deadline
    return now + deadline - sent_at
