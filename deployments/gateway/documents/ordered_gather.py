"""Work on many things at once, with results in the order of the things. Plain asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def ordered_gather(
    items: AsyncIterable[Item], work: Callable[[Item], Awaitable[Result]], begun_at_most: int
) -> AsyncGenerator[Result, None]:
    """The results of `work`, with at most `begun_at_most` items begun and not yet handed out.

    Whoever stops early cancels what has been begun.
    """
    begun: deque[asyncio.Task[Result]] = deque()

    async def one(item: Item) -> Result:
        return await work(item)

    try:
        async for item in items:
            begun.append(asyncio.create_task(one(item)))
            if len(begun) == begun_at_most:
                yield await begun[0]
                begun.popleft()
        while begun:
            yield await begun[0]
            begun.popleft()
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
