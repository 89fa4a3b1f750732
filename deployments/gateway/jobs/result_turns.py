"""Turns of callers at the making of results: at the threads for it, and at the processors of the node.

A result is made piece by piece, and each piece waits for a turn of its caller's. One who has several made at once waits
for the last of them anyway, so what is computed for each counts more, as with pages.

What makes a piece and waits for the event loop meanwhile has threads of its own: the loop reads the pages of results in
those that it shares with everybody, and if all of these waited for it, nothing would go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TypeVar

from deployments.messages.request import MOST_AT_ONCE, Asker
from deployments.replica.counted import counted
from deployments.replica.fair_turns import FairTurns
from deployments.replica.processor_turns import ProcessorTurns
from ocr.errors import Overloaded

# Results of which something is made at once, and those of them that one caller may have.
_AT_ONCE, _OF_ONE_CALLER = 4, 3
_RETRY_S = 5.0

Made = TypeVar("Made")


class ResultTurns:
    """Of one Gateway. `asker` says how large a share of the processors a caller has."""

    def __init__(self, processors: ProcessorTurns, asker: Callable[[str], Asker]) -> None:
        self._processors = processors
        self._asker = asker
        self._turns = FairTurns(_AT_ONCE, _OF_ONE_CALLER)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="results")
        self._asked: Counter[str] = Counter()  # results of which somebody has a turn, or waits for one

    @asynccontextmanager
    async def whole(self, owner: str, patience_s: float) -> AsyncIterator[None]:
        """A turn at a result of which nothing is sent before all of it is there. What it computes waits for the
        processors in `computing` and `beside`. Raises Overloaded where the turn does not come in time.
        """
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(patience_s):
                    await turn.enter_async_context(self._turn(owner))
            except TimeoutError as error:
                raise Overloaded("too many results are being written", "ask again later", _RETRY_S) from error
            yield

    @asynccontextmanager
    async def piece(self, owner: str) -> AsyncIterator[None]:
        """A turn at the next piece of a result, all of whose time counts as computed."""
        async with self._turn(owner), self.computing(owner):
            yield

    async def pieces(self, owner: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces of a result, each made in a turn: one who takes them slowly holds nobody up."""
        while True:
            async with self.piece(owner):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece

    async def parts(self, owner: str, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The same of one that is made beside the event loop."""
        while True:
            async with self._turn(owner):
                part = await self.beside(owner, lambda: next(parts, None))
            if part is None:
                return
            yield part

    async def joined(self, owner: str, parts: Iterator[bytes]) -> bytes:
        """All parts, made in the same way, for one who has a turn at the whole."""
        made: list[bytes] = []
        while True:
            part = await self.beside(owner, lambda: next(parts, None))
            if part is None:
                return b"".join(made)
            made.append(part)

    @asynccontextmanager
    async def computing(self, owner: str, spent_s: Callable[[], float] = time.monotonic) -> AsyncIterator[None]:
        """A turn at the processors, for one who has a turn here already; `spent_s` as in ProcessorTurns."""
        asker = self._asker(owner)
        asker = replace(asker, share=asker.share / max(1, min(MOST_AT_ONCE, self._asked[owner])))
        async with self._processors.turn(asker, spent_s):
            yield

    async def beside(self, owner: str, work: Callable[[], Made]) -> Made:
        """What `work` comes to in one of the threads for results, in a turn at the processors. What the event loop does
        for it is done for the same caller.
        """
        thread = _ThreadTime()
        in_context = partial(copy_context().run, thread.of, work)
        async with self.computing(owner, lambda: thread.spent_s):
            made: Made = await asyncio.get_running_loop().run_in_executor(self._threads, in_context)
        return made

    @asynccontextmanager
    async def _turn(self, owner: str) -> AsyncIterator[None]:
        with counted(self._asked, owner):
            async with self._turns.turn(owner):
                yield


class _ThreadTime:
    """The processor time of work in another thread, without that in which it waits."""

    spent_s = 0.0

    def of(self, work: Callable[[], Made]) -> Made:
        began = time.thread_time()
        try:
            return work()
        finally:
            self.spent_s += time.thread_time() - began
