"""Work on many things at once, with results in the order of the things. Plain asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def in_order(
    items: AsyncIterable[Item], work: Callable[[Item], Awaitable[Result]], at_once: int
) -> AsyncIterator[Result]:
    """`work` on `at_once` items at the same time; no more than twice as many are taken before their turn comes.

    Whoever stops early cancels what is still being worked on.
    """
    places = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Result:
        async with places:
            return await work(item)

    begun: deque[asyncio.Task[Result]] = deque()
    try:
        async for item in items:
            begun.append(asyncio.create_task(one(item)))
            if len(begun) == 2 * at_once:
                yield await begun[0]
                begun.popleft()
        while begun:
            yield await begun[0]
            begun.popleft()
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
