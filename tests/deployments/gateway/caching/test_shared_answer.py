"""One look for all who ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from deployments.gateway.caching.shared_answer import SharedAnswer


class Source:
    """Answers with how often it was asked, when the test lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return self.asked


async def test_those_who_ask_meanwhile_get_the_same_answer() -> None:
    source = Source()
    shared = SharedAnswer(source.ask)
    asking = [asyncio.create_task(shared()) for _ in range(5)]
    await asyncio.sleep(0)
    source.go_on.set()
    assert await asyncio.gather(*asking) == [1] * 5
    assert await shared() == 2, "and the next one a new one"


async def test_an_answer_is_kept_for_as_long_as_it_is_fresh() -> None:
    source, now = Source(), [0.0]
    source.go_on.set()
    shared = SharedAnswer(source.ask, 1.0, lambda: now[0])
    assert [await shared(), await shared()] == [1, 1]
    now[0] = 1.0
    assert await shared() == 2


async def test_an_error_is_everybodys_and_is_not_kept() -> None:
    source = Source()
    source.error = ValueError("gone")
    source.go_on.set()
    shared = SharedAnswer(source.ask, 60.0)
    answers = await asyncio.gather(shared(), shared(), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["gone", "gone"]
    source.error = None
    assert await shared() == 2


async def test_one_that_goes_away_takes_nobodys_answer_along() -> None:
    source = Source()
    shared = SharedAnswer(source.ask)
    first, second = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    first.cancel()
    source.go_on.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first
