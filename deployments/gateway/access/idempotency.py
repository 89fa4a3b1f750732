"""Idempotency keys: a request that is sent again under the same key gets the response to the first.

A request with a key is answered by a task of its own, which goes on when its caller disconnects; whoever sends the key
again is sent the same response from its beginning, while it is being made and for a while after. So a caller that lost
its connection on a long document does not have it read twice, and impatient callers do not multiply the load.

What is promised, and what not: one Gateway replica gives the same bytes to the same request under the same key for
`seconds` after it was answered, as long as the bounds on number and memory allow. Another replica, or one that was
started again, knows nothing of it and reads again. That does no harm: reading changes nothing. The same key with
another request is refused. Responses that are errors are not kept: to send the request again is to try again.

Knows ASGI's messages only as dicts that have a `status` or a `body`; knows no Ray.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextvars import Context, copy_context
from typing import Any

from deployments.config.schema import IdempotencyConfig
from deployments.gateway.caching.lru_cache import CacheKey, LruCache
from deployments.observability.metrics import REPEATED_REQUESTS, RecordMetric
from ocr.errors import InternalFailure, OutOfRange

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class StoredResponse:
    """The response to one request. It grows while it is made; any number of callers can replay it."""

    def __init__(self, request: bytes, messages: list[Message] | None = None) -> None:
        self.request = request
        self.messages = messages or []
        self.is_complete = messages is not None
        self._failure: Exception | None = None
        self._changed = asyncio.Event()

    async def send(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(_copy(message))
        self._wake()

    def end(self, failure: Exception | None = None) -> None:
        """Nothing more is appended. A failure is raised in every `replay`."""
        self._failure = failure
        self.is_complete = True
        self._wake()

    async def replay(self) -> AsyncIterator[Message]:
        """All messages from the beginning, as they come."""
        sent = 0
        while True:
            for message in self.messages[sent:]:
                sent += 1
                yield _copy(message)
            if sent < len(self.messages):
                continue
            if self.is_complete:
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


class IdempotentResponses:
    """The responses in progress and those that are complete, by key."""

    def __init__(
        self,
        config: Callable[[], IdempotencyConfig],
        clock: Callable[[], float],
        record: RecordMetric,
        detached_context: Callable[[], Context] = copy_context,
    ) -> None:
        """`detached_context` gives the context in which work goes on without the caller that began it."""
        self._detached_context = detached_context
        self._config = config
        self._clock = clock
        self._record = record
        self._in_progress: dict[CacheKey, StoredResponse] = {}
        self._completed_responses = LruCache(config)
        self._completed: deque[tuple[float, CacheKey]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, key: CacheKey, request: bytes) -> StoredResponse | None:
        """The response under this key, if there is one. `request` is a digest of all that is asked; raises OutOfRange
        when it is not what was asked under the key before.
        """
        found = self._in_progress.get(key)
        how = "joined"
        if found is None:
            found, how = self._find_completed(key), "remembered"
        if found is None:
            return None
        if found.request != request:
            raise OutOfRange(
                "this Idempotency-Key was sent with another request before",
                "make a new key for each request, and keep it only to send that request again",
            )
        self._record(REPEATED_REQUESTS, how=how)
        return found

    def begin(self, key: CacheKey, request: bytes, make: Callable[[Send], Awaitable[None]]) -> StoredResponse:
        """The response that `make` sends, from now on found under this key."""
        response = self._in_progress[key] = StoredResponse(request)
        task = asyncio.create_task(self._make(key, response, make), context=self._detached_context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return response

    async def _make(self, key: CacheKey, response: StoredResponse, make: Callable[[Send], Awaitable[None]]) -> None:
        failure: Exception | None = InternalFailure("the service is being stopped", "send the request again")
        try:
            await make(response.send)
            failure = None
        except Exception as error:  # noqa: BLE001 - it is raised again in each `replay`
            failure = error
        finally:
            response.end(failure)
            del self._in_progress[key]
        if response.is_success:
            self._store(key, response)

    def _store(self, key: CacheKey, response: StoredResponse) -> None:
        """Keep it, and drop those that have expired."""
        now = self._clock()
        while self._completed and self._has_expired(self._completed[0][0], now):
            self._completed_responses.drop(self._completed.popleft()[1])
        self._completed.append((now, key))
        self._completed_responses.put(key, pickle.dumps((now, response.request, response.messages)))

    def _has_expired(self, answered_at: float, now: float) -> bool:
        return now - answered_at > self._config().seconds

    def _find_completed(self, key: CacheKey) -> StoredResponse | None:
        found = self._completed_responses.get(key)
        if found is None:
            return None
        answered_at, request, messages = pickle.loads(found)  # noqa: S301 - our own bytes, from this process
        if self._has_expired(answered_at, self._clock()):
            return None
        return StoredResponse(request, messages)


def _copy(message: Message) -> Message:
    """A copy, whose headers may be added to."""
    return {**message, **({"headers": list(message["headers"])} if "headers" in message else {})}
