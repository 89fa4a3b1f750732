"""Requests that are sent again with the same key: the second gets the answer of the first.

A request with a key is answered by work of its own, which goes on when its caller is cut off; whoever sends the key
again follows the same answer from its beginning, while it is being made and for a while after. So a caller that lost
its connection on a long document does not have it read twice, and impatient callers do not multiply the load.

What is promised, and what not: one Gateway replica gives the same bytes to the same request under the same key for
`seconds` after it was answered, as long as the bounds on number and memory allow. Another replica, or one that was
started again, knows nothing of it and reads again. That does no harm: reading changes nothing. The same key with
another request is refused. Answers that are errors are not remembered: to ask again is to try again.

Knows ASGI's messages only as dicts that have a `status` or a `body`; knows no Ray.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextvars import Context, copy_context
from typing import Any

from deployments.config.schema import RepeatsConfig
from deployments.gateway.lru_cache import Key, Memory
from deployments.observability.metrics import REPEATED_REQUESTS, Record
from ocr.errors import InternalFailure, OutOfRange

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Answer:
    """What is sent back on one request. It grows while it is made; any number of callers follow it."""

    def __init__(self, request: bytes, messages: list[Message] | None = None) -> None:
        self.request = request
        self.messages = messages or []
        self.is_whole = messages is not None
        self._failure: Exception | None = None
        self._changed = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Add to it."""
        self.messages.append(_copy(message))
        self._wake()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing more is added. A failure is raised in everybody who follows."""
        self._failure = failure
        self.is_whole = True
        self._wake()

    async def follow(self) -> AsyncIterator[Message]:
        """All of it, from its beginning."""
        sent = 0
        while True:
            for message in self.messages[sent:]:
                sent += 1
                yield _copy(message)
            if sent < len(self.messages):
                continue
            if self.is_whole:
                if self._failure is not None:
                    raise self._failure
                return
            await self._changed.wait()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def is_success(self) -> bool:
        return bool(self.messages) and self._failure is None and 200 <= self.messages[0].get("status", 0) < 300


class Repeats:
    """The answers under way and those that are remembered, by key."""

    def __init__(
        self,
        bounds: Callable[[], RepeatsConfig],
        clock: Callable[[], float],
        record: Record,
        apart: Callable[[], Context] = copy_context,
    ) -> None:
        """`apart` gives the context in which work goes on without the caller that began it."""
        self._apart = apart
        self._bounds = bounds
        self._clock = clock
        self._record = record
        self._under_way: dict[Key, Answer] = {}
        self._remembered = Memory(bounds)
        self._answered: deque[tuple[float, Key]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, key: Key, request: bytes) -> Answer | None:
        """The answer under this key, if there is one. `request` stands for all that is asked; raises OutOfRange when it
        is not what was asked under the key before.
        """
        found = self._under_way.get(key)
        how = "joined"
        if found is None:
            found, how = self._look(key), "remembered"
        if found is None:
            return None
        if found.request != request:
            raise OutOfRange(
                "this Idempotency-Key was sent with another request before",
                "make a new key for each request, and keep it only to send that request again",
            )
        self._record(REPEATED_REQUESTS, how=how)
        return found

    def begin(self, key: Key, request: bytes, make: Callable[[Send], Awaitable[None]]) -> Answer:
        """The answer that `make` sends, from now on found under this key."""
        answer = self._under_way[key] = Answer(request)
        task = asyncio.create_task(self._make(key, answer, make), context=self._apart())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer

    async def _make(self, key: Key, answer: Answer, make: Callable[[Send], Awaitable[None]]) -> None:
        failure: Exception | None = InternalFailure("the service is being stopped", "send the request again")
        try:
            await make(answer.send)
            failure = None
        except Exception as error:  # noqa: BLE001 - it is raised again in those who follow
            failure = error
        finally:
            answer.end(failure)
            del self._under_way[key]
        if answer.is_success:
            self._remember(key, answer)

    def _remember(self, key: Key, answer: Answer) -> None:
        """Keep it, and let go of those whose time is over."""
        now = self._clock()
        while self._answered and self._is_over(self._answered[0][0], now):
            self._remembered.drop(self._answered.popleft()[1])
        self._answered.append((now, key))
        self._remembered.put(key, pickle.dumps((now, answer.request, answer.messages)))

    def _is_over(self, answered_at: float, now: float) -> bool:
        return now - answered_at > self._bounds().seconds

    def _look(self, key: Key) -> Answer | None:
        found = self._remembered.get(key)
        if found is None:
            return None
        answered_at, request, messages = pickle.loads(found)  # noqa: S301 - our own bytes, from this process
        if self._is_over(answered_at, self._clock()):
            return None
        return Answer(request, messages)


def _copy(message: Message) -> Message:
    """One that whoever sends it may add headers to."""
    return {**message, **({"headers": list(message["headers"])} if "headers" in message else {})}
