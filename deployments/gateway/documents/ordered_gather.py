"""Work on many things at once, with results in the order of the things. Plain asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def ordered_gather(
    items: AsyncIterable[Item], work: Callable[[Item], Awaitable[Result]], max_started: int
) -> AsyncGenerator[Result, None]:
    """The results of `work`, with at most `max_started` items begun and not yet handed out.

    Whoever stops early cancels what has been begun.
    """
    started: deque[asyncio.Task[Result]] = deque()

    async def one(item: Item) -> Result:
        return await work(item)

    try:
        async for item in items:
            started.append(asyncio.create_task(one(item)))
            if len(started) == max_started:
                yield await started[0]
                started.popleft()
        while started:
            yield await started[0]
            started.popleft()
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)
