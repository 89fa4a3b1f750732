"""What a client asks again, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ocr.errors import (
    ConnectionBroken,
    DeadlineExceeded,
    InternalFailure,
    NotAnImage,
    NotReady,
    Overloaded,
    QuorumError,
    Unreachable,
)
from quorum.client import AsyncClient, Client, Retries
from quorum.client.calls import Call
from tests.fakes.service import FakeService, text_answer

AT_ONCE = Retries(times=2, first_pause_s=0.0)

Handler = Callable[[httpx.Request], httpx.Response]


def fails_first(times: int, failure: QuorumError | httpx.TransportError) -> tuple[FakeService, Handler]:
    """A service that fails `times` times before it answers."""
    service, ill = FakeService(), FakeService()
    if isinstance(failure, QuorumError):
        ill.answers["/predict_text"] = failure

    def handle(request: httpx.Request) -> httpx.Response:
        if len(service.asked) >= times:
            return service(request)
        service.asked.append(request)
        if isinstance(failure, httpx.TransportError):
            raise failure
        return ill(request)

    return service, handle


def client_of(handler: Handler, retries: Retries = AT_ONCE, **options: Any) -> Client:
    return Client("http://quorum.test", transport=httpx.MockTransport(handler), retries=retries, **options)


@pytest.mark.parametrize(
    "failure",
    [
        Overloaded("full", "wait", 0.0),
        NotReady("cold", "wait", 0.0),
        InternalFailure("a fault"),
        httpx.ReadError("cut"),
        httpx.ConnectError("refused"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_what_asking_again_can_cure_is_asked_again(failure: QuorumError | httpx.TransportError) -> None:
    service, handler = fails_first(2, failure)
    assert client_of(handler).read(b"image") == text_answer()
    assert [request.content for request in service.asked] == [b"image"] * 3


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (NotAnImage("no image"), NotAnImage),
        (DeadlineExceeded("too late"), DeadlineExceeded),
        (httpx.ReadTimeout("slow"), DeadlineExceeded),
        (Overloaded("full", "wait", 60.0), Overloaded),
    ],
    ids=["input", "deadline", "timeout", "a pause that is too long"],
)
def test_what_asking_again_cannot_cure_is_asked_once(
    failure: QuorumError | httpx.TransportError, kind: type[QuorumError]
) -> None:
    service, handler = fails_first(1, failure)
    with pytest.raises(kind):
        client_of(handler).read(b"image")
    assert len(service.asked) == 1


def test_somebody_else_at_the_address_is_not_asked_again() -> None:
    asked: list[httpx.Request] = []

    def somebody_else(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"hello")

    with pytest.raises(Unreachable):
        client_of(somebody_else).read(b"image")
    assert len(asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_proxy_that_answers_in_its_own_words_for_a_gateway_that_died_is_asked_again(status: int) -> None:
    service = FakeService()
    answers = iter([httpx.Response(status, text="Internal Server Error")])
    client = client_of(lambda request: next(answers, None) or service(request))
    assert client.read(b"image") == text_answer()


def test_every_try_of_a_question_has_the_same_key_and_another_question_another() -> None:
    service, handler = fails_first(2, httpx.ReadError("cut"))
    client = client_of(handler)
    client.read(b"image")
    client.read(b"image")
    first, second, third, other = [request.headers["Idempotency-Key"] for request in service.asked]
    assert first == second == third
    assert other != first


def test_the_last_error_comes_out_when_no_try_is_left() -> None:
    service, handler = fails_first(9, httpx.ReadError("cut"))
    with pytest.raises(ConnectionBroken):
        client_of(handler).read(b"image")
    assert len(service.asked) == 3


def test_a_call_that_changes_something_is_sent_once() -> None:
    tries = Retries().start(Call("status", type(text_answer()), safe=False))
    with pytest.raises(ConnectionBroken):
        tries.pause_s(ConnectionBroken("cut"))


def test_pauses_double_and_the_service_s_own_wish_comes_first() -> None:
    tries = Retries(times=3, first_pause_s=1.0).start(Call("status", type(text_answer())))
    assert 0.5 <= tries.pause_s(InternalFailure("a fault")) <= 1.0
    assert 1.0 <= tries.pause_s(InternalFailure("a fault")) <= 2.0
    assert tries.pause_s(Overloaded("full", "", 0.25)) == 0.25


def test_the_next_address_is_asked_when_one_is_in_trouble_and_stays_the_one_that_is_asked() -> None:
    service = FakeService()

    def two(request: httpx.Request) -> httpx.Response:
        if request.url.host == "a.test":
            raise httpx.ConnectError("refused")
        return service(request)

    client = Client(["http://a.test", "http://b.test"], transport=httpx.MockTransport(two), retries=AT_ONCE)
    assert client.read(b"image") == text_answer()
    client.status()
    assert {request.url.host for request in service.asked} == {"b.test"}


async def test_the_asking_again_of_an_event_loop_is_the_same() -> None:
    service, handler = fails_first(2, httpx.ReadError("cut"))
    transport = httpx.MockTransport(handler)
    async with AsyncClient("http://quorum.test", transport=transport, retries=AT_ONCE) as client:
        assert await client.read(b"image") == text_answer()
    assert len(service.asked) == 3


def test_times_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="below 0"):
        Retries(times=-1)
