"""Messages of a stream wait when they come too fast, on a clock of the test's own."""

from __future__ import annotations

import pytest
from starlette.types import Message

from deployments.gateway.access.serve_proxy.paced_streams import paced


async def waited(messages: list[Message]) -> list[float]:
    """How long each message waits, when all are there at once."""
    now = 0.0
    waits: list[float] = []
    coming = iter(messages)

    async def receive() -> Message:
        return next(coming)

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    next_message = paced(receive, lambda: now, sleep)
    for _ in messages:
        before = now
        await next_message()
        waits.append(now - before)
    return waits


async def test_sixty_messages_pass_in_a_second() -> None:
    waits = await waited([{"type": "websocket.receive", "text": "x"}] * 150)
    assert waits[:30] == [0.0] * 30
    assert sum(waits) == pytest.approx(2.0, abs=0.02)


async def test_large_messages_pass_at_five_megabytes_a_second() -> None:
    waits = await waited([{"type": "websocket.receive", "bytes": bytes(2_500_000)}] * 6)
    assert waits == pytest.approx([0.0, 0.0, 0.5, 0.5, 0.5, 0.5])


async def test_a_message_without_content_costs_no_more_than_another() -> None:
    assert await waited([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]) == [0.0, 0.0]
