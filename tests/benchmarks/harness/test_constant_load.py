"""The load generator against a service that answers from a script."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from benchmarks.harness.constant_load import Exchange, Load, LoadResult, Outcome, Question, Request, constant_load
from ocr.errors import InternalFailure
from tests.fakes.service import FakeService, listening, text_answer

RIGHT = text_answer("steady words")
QUESTION = Question(b"image", "steady words")


def settled(load: Load, count: int) -> LoadResult:
    """The account once so many requests have come to an end."""
    deadline = time.monotonic() + 20
    while len(load.requests) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return load.result()


def account_of(*services: Callable[[httpx.Request], httpx.Response], count: int = 4) -> LoadResult:
    with (
        listening(services[0]) as first,
        listening(services[-1]) as second,
        constant_load([first, second], QUESTION, per_second=50.0, most=count) as load,
    ):
        return settled(load, count)


def test_the_same_number_is_sent_each_second_however_long_answers_take() -> None:
    all_sent = threading.Barrier(5)

    def service(request: httpx.Request) -> httpx.Response:
        all_sent.wait(20)  # nobody is answered before the last has asked
        return FakeService({"/predict_text": RIGHT})(request)

    account = account_of(service, count=5)
    assert account.codes == {"200": 5}, account.messages()
    assert max(one.started for one in account.requests) < min(one.ended for one in account.requests)


def test_both_addresses_are_asked_in_turn() -> None:
    account = account_of(FakeService({"/predict_text": RIGHT}), FakeService({"/predict_text": RIGHT}))
    assert sorted(len(list(group)) for _, group in itertools.groupby(sorted(e.address for e in account.exchanges))) == [
        2,
        2,
    ]


def test_an_address_that_leaves_gets_no_new_requests() -> None:
    service = FakeService({"/predict_text": RIGHT})
    with listening(service) as first, listening(service) as second:
        leaving = {first}
        with constant_load([first, second], QUESTION, per_second=50.0, most=4, leaving=leaving) as load:
            account = settled(load, 4)
    assert {f"http://{one.address}" for one in account.exchanges} == {second}


@pytest.mark.parametrize(
    ("text", "degraded", "outcome"),
    [
        ("steady words", True, Outcome.DEGRADED),
        ("steady words", False, Outcome.UNFLAGGED),  # an engine of the scripted answer is unavailable
        ("other words", True, Outcome.WRONG),
    ],
)
def test_answers_are_told_apart(text: str, degraded: bool, outcome: Outcome) -> None:
    answer = text_answer(text).model_copy(update={"degraded": degraded})
    account = account_of(FakeService({"/predict_text": answer}))
    assert account[outcome] == 4
    assert account.codes == {"200": 4}


def test_a_failure_that_another_address_makes_good_is_counted_raw_and_not_as_failed() -> None:
    ill = FakeService({"/predict_text": InternalFailure("a fault")})
    account = account_of(ill, FakeService({"/predict_text": RIGHT}))
    assert account[Outcome.DEGRADED] == 4
    assert account.codes["500"] >= 1
    assert account.codes["200"] == 4


def test_requests_that_nobody_answers_have_failed() -> None:
    account = account_of(FakeService({"/predict_text": InternalFailure("a fault")}), count=2)
    assert account[Outcome.FAILED] == 2
    assert account.codes == {"500": 6}


def exchange(started: float, code: int | None, error: str = "", patient: bool = False) -> Exchange:
    return Exchange("a:1", started, started + 1.0, code, patient, error)


def test_a_refused_connection_and_a_503_that_says_when_to_come_back_are_no_failures_on_the_wire() -> None:
    assert not exchange(0.0, None, "ConnectError").failed
    assert not exchange(0.0, 503, patient=True).failed
    assert exchange(0.0, 503).failed
    assert exchange(0.0, None, "ReadError").failed


def test_failures_in_flight_at_a_death_are_told_from_those_that_began_later() -> None:
    early, late = exchange(0.0, None, "ReadError"), exchange(2.0, 500)
    account = LoadResult((), (early, late))
    assert account.in_flight(0.5) == 1
    assert account.failed_later(0.5) == [late]


def test_the_slowest_request_after_a_moment_is_found() -> None:
    asked = tuple(
        Request(start, start + took, Outcome.ANSWERED) for start, took in ((0.0, 9.0), (1.0, 2.0), (2.0, 1.0))
    )
    assert LoadResult(asked, ()).slowest_s(after=0.5) == 2.0
