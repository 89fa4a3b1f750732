"""Constant load on a cluster through our own client: what was sent, and what became of each request on the wire and for
the client.

    with constant_load(urls, Question(image, "the words on it"), per_second=6.0) as load:
        ...                                     # break something
    result = load.result()

Requests begin at fixed moments, however long the earlier ones take (an open loop), up to a bound of those under way.
The client retries as it does for everybody (quorum.client.retrying); what a try met is an `Exchange`, what the whole
request came to a `Request`. The clients ask the addresses of the cluster in turn. Times are seconds of one clock.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from benchmarks.harness.timing import percentile
from ocr.contract import TextAnswer
from ocr.errors import QuorumError
from quorum.client import AsyncClient, Retries
from quorum.client.http import NOTICING_THE_DEAD

_MOST_AT_ONCE = 100
FAILED = frozenset({"timeout", "error", "shed", "unavailable"})
"""What an engine's report says where it was asked and did not read."""


class Outcome(StrEnum):
    """What a request came to, for the client."""

    ANSWERED = "answered"
    DEGRADED = "degraded"  # answered rightly, and flagged: an engine was missing
    UNFLAGGED = "unflagged"  # an engine was missing and nothing says so
    WRONG = "wrong"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One try on the wire. `code` is None when the connection was cut or refused; `patient`: it was told when to come
    back; `error`: what was wrong, in the words of httpx or of the service.
    """

    address: str
    started: float
    ended: float
    code: int | None
    patient: bool = False
    error: str = ""

    @property
    def refused(self) -> bool:
        """Nobody listened: nothing was sent."""
        return self.error in ("ConnectError", "ConnectTimeout")

    @property
    def failed(self) -> bool:
        """Cut, or answered with an error that does not say when to come back."""
        return not self.refused and (self.code is None or (self.code >= 500 and not self.patient))


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the load, its retries included."""

    started: float
    ended: float
    outcome: Outcome
    detail: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked again and again, and the right answer."""

    image: bytes
    text: str
    timeout_s: float = 3.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Everything that a load met."""

    requests: tuple[Request, ...]
    exchanges: tuple[Exchange, ...]

    def __getitem__(self, outcome: Outcome) -> int:
        return sum(one.outcome is outcome for one in self.requests)

    @property
    def codes(self) -> Counter[str]:
        """Raw answers by status code; `cut` and `refused` connections."""
        return Counter(
            "refused" if one.refused else "cut" if one.code is None else str(one.code) for one in self.exchanges
        )

    def messages(self) -> tuple[str, ...]:
        """What failures on the wire, and requests that failed or were answered wrong, said: the three most frequent."""
        bad = (Outcome.FAILED, Outcome.WRONG, Outcome.UNFLAGGED)
        said = Counter(one.error for one in self.exchanges if one.error)
        said.update(f"{one.outcome}: {one.detail}" for one in self.requests if one.outcome in bad)
        return tuple(f"{count} x {text}" for text, count in said.most_common(3))

    def p99_s(self) -> float:
        """The time of the slowest but one in a hundred, retries included."""
        return percentile([one.seconds for one in self.requests], 99)

    def in_flight(self, moment: float) -> int:
        """How many exchanges were under way."""
        return sum(one.started <= moment <= one.ended for one in self.exchanges)

    def failed_later(self, moment: float) -> list[Exchange]:
        """Failed exchanges that began after this moment."""
        return [one for one in self.exchanges if one.failed and one.started > moment]

    def slowest_s(self, after: float = -math.inf) -> float:
        """The longest that a request took which began after this moment."""
        return max((one.seconds for one in self.requests if one.started > after), default=0.0)


@dataclass(slots=True)
class Load:
    """A load that runs, or ran."""

    requests: list[Request] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def result(self) -> LoadResult:
        return LoadResult(tuple(self.requests), tuple(self.exchanges))

    def last(self, count: int) -> list[Request]:
        """The newest of those that were answered or failed."""
        return sorted(self.requests, key=lambda one: one.started)[-count:]


@contextmanager
def constant_load(
    urls: Sequence[str], question: Question, *, per_second: float, most: int = 10_000, leaving: Collection[str] = ()
) -> Iterator[Load]:
    """Send `per_second` requests each second, at most `most`, until the block is left; then wait for the answers.

    Addresses in `leaving`, which may change meanwhile, get no new requests: a load balancer turns away from a node that
    says it leaves.
    """
    load = Load()
    stop = threading.Event()
    failures: list[Exception] = []

    async def send() -> None:
        places = asyncio.Semaphore(_MOST_AT_ONCE)
        async with AsyncExitStack() as stack:
            clients = [(url, await stack.enter_async_context(_client(urls, at, load))) for at, url in enumerate(urls)]
            async with asyncio.TaskGroup() as group:
                began = time.monotonic()
                for number in range(most):
                    await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
                    if stop.is_set():
                        break
                    await places.acquire()
                    open_to_new = [client for url, client in clients if url not in leaving]
                    task = group.create_task(_ask(open_to_new[number % len(open_to_new)], question, load))
                    task.add_done_callback(lambda _: places.release())

    def run() -> None:
        try:
            asyncio.run(send())
        except Exception as error:  # noqa: BLE001 - raised again where the load is waited for
            failures.append(error)

    thread = threading.Thread(target=run, name="load")
    thread.start()
    try:
        yield load
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def _client(urls: Sequence[str], first: int, load: Load) -> AsyncClient:
    """A client that asks the address at `first` before the others."""
    order = [*urls[first:], *urls[:first]]
    return AsyncClient(order, timeout_s=5.0, retries=Retries(), transport=_RecordingTransport(load.exchanges))


async def _ask(client: AsyncClient, question: Question, load: Load) -> None:
    started = time.monotonic()
    try:
        answer = await client.read(question.image, timeout_s=question.timeout_s)
    except QuorumError as error:
        outcome, detail = Outcome.FAILED, f"{type(error).__name__}: {error}"
    else:
        outcome, detail = _outcome(answer, question), answer.text
    load.requests.append(Request(started, time.monotonic(), outcome, detail))


def _outcome(answer: TextAnswer, question: Question) -> Outcome:
    if answer.text != question.text:
        return Outcome.WRONG
    if answer.degraded:
        return Outcome.DEGRADED
    failed = any(report.status in FAILED for report in answer.engine_predictions.values())
    return Outcome.UNFLAGGED if failed else Outcome.ANSWERED


class _RecordingTransport(httpx.AsyncBaseTransport):
    """The network, with a note of every exchange."""

    def __init__(self, notes: list[Exchange]) -> None:
        self._notes = notes
        self._network = httpx.AsyncHTTPTransport(socket_options=NOTICING_THE_DEAD)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = f"{request.url.host}:{request.url.port}"
        started = time.monotonic()
        try:
            response = await self._network.handle_async_request(request)
            await response.aread()  # an answer that is cut in the middle is cut
        except httpx.TransportError as error:
            self._notes.append(Exchange(address, started, time.monotonic(), None, error=type(error).__name__))
            raise
        patient = "retry-after" in response.headers
        said = response.text[:200] if response.is_server_error else ""
        self._notes.append(Exchange(address, started, time.monotonic(), response.status_code, patient, said))
        return response

    async def aclose(self) -> None:
        await self._network.aclose()
