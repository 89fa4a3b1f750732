"""How long a body may take to arrive. Time is a number that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.reading_middleware import receive_in_time
from ocr.errors import InvalidRequest

PIECE = 1000


class Trickle:
    """A body of pieces that each take `piece_s`."""

    def __init__(self, piece_s: float, pieces: int) -> None:
        self._piece_s = piece_s
        self._left = pieces
        self.now = 0.0

    async def receive(self) -> Message:
        self.now += self._piece_s
        self._left -= 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": self._left > 0}


async def received(trickle: Trickle, limits: LimitsConfig) -> int:
    """How many bytes of it arrive. Raises InvalidRequest."""
    receive = receive_in_time(trickle.receive, limits, lambda: trickle.now)
    total, more = 0, True
    while more:
        message = await receive()
        total, more = total + len(message["body"]), message["more_body"]
    return total


async def test_a_body_at_the_least_rate_arrives() -> None:
    assert await received(Trickle(0.1, 100), LimitsConfig(body_kb_per_s=10.0)) == 100 * PIECE


async def test_a_slower_one_is_refused_after_its_first_seconds() -> None:
    trickle = Trickle(1.0, 1000)
    with pytest.raises(InvalidRequest, match="did not arrive within 5"):
        await received(trickle, LimitsConfig(body_kb_per_s=10.0))
    assert 5.0 < trickle.now <= 7.0


async def test_without_a_least_rate_only_the_whole_time_counts() -> None:
    limits = LimitsConfig(body_kb_per_s=0.0, body_timeout_s=60.0)
    assert await received(Trickle(1.0, 50), limits) == 50 * PIECE
    with pytest.raises(InvalidRequest, match="within 60 s"):
        await received(Trickle(1.0, 90), limits)
