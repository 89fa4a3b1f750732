"""Work on many things at once, with results in their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from deployments.gateway.documents.ordered_gather import ordered_gather


async def _numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_results_keep_the_order_of_the_items_and_few_are_begun_ahead() -> None:
    begun: list[int] = []
    ahead: list[int] = []

    async def work(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(0.001 * (number % 3))
        return number

    results: list[int] = []
    async for result in ordered_gather(_numbers(20), work, 4):
        results.append(result)
        ahead.append(len(begun) - len(results))
    assert results == list(range(20))
    assert max(ahead) <= 4


async def test_whoever_stops_early_leaves_nothing_running() -> None:
    running: set[int] = set()

    async def work(number: int) -> int:
        running.add(number)
        try:
            await asyncio.sleep(60 if number else 0)
        finally:
            running.discard(number)
        return number

    results = ordered_gather(_numbers(20), work, 4)
    assert await anext(results) == 0
    await asyncio.sleep(0)
    assert running
    await results.aclose()
    assert not running
