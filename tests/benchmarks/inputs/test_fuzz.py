"""Requests made up at random: that they are the same again, that no route is left out, and that a service over real
HTTP answers some hundred of them as it should. `make fuzz` sends as many as there is time for to the whole application.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import httpx
import pytest

from benchmarks.inputs.fuzz import SPARED, FuzzResult, bystander_problem, problem_of, send
from benchmarks.inputs.fuzz_cases import Fuzzer
from deployments.gateway.access.route_roles import ROLES
from tests.fakes.plain_service import PlainService, Whole, plain_config
from tests.fakes.served import over_http

_MANY = 400


def fuzzer(seed: int = 1) -> Fuzzer:
    app = Whole(PlainService(), plain_config(limits={"draw_timeout_s": 60.0})).app()
    return Fuzzer(app.openapi(), seed, ROLES, SPARED)


def test_the_same_seed_makes_the_same_requests_and_another_one_others() -> None:
    first, again = (list(islice(fuzzer().cases(), 100)) for _ in range(2))
    assert first == again
    assert first != list(islice(fuzzer(2).cases(), 100))


def test_every_route_is_asked_but_those_that_change_what_others_meet() -> None:
    made = fuzzer()
    asked = {path for _, path in made.routes()}
    assert ROLES.keys() - {"/config/weights"} <= asked
    assert ("put", "/config") not in made.routes()
    whats = {case.what for case in islice(made.cases(), _MANY)}
    assert whats == {"no body", "a damaged file", "a form", "changed JSON", "broken JSON"}


def answer(status: int, content: bytes = b'{"error": {}}', **headers: str) -> httpx.Response:
    request = httpx.Request("GET", "http://localhost/")
    return httpx.Response(status, content=content, headers=headers, request=request)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (answer(200, b"text"), ""),
        (answer(404), ""),
        (answer(503, **{"retry-after": "1"}), ""),
        (answer(503), "503 does not say when to come back"),
        (answer(500), "500: "),
        (answer(422, b"<html>"), "422 is not in the form of the contract: "),
        (answer(422, b'{"detail": 1}'), "422 names no error: "),
    ],
)
def test_an_answer_is_right_or_names_its_error(response: httpx.Response, said: str) -> None:
    assert problem_of(response).startswith(said)
    assert bool(problem_of(response)) == bool(said)


@pytest.mark.processes
def test_some_hundred_requests_find_nothing() -> None:
    made: dict[str, Any] = {"limits": {"draw_timeout_s": 60.0}}
    with over_http(Whole(PlainService(), plain_config(**made)).app()) as url, httpx.Client(base_url=url) as client:
        result = FuzzResult(1)
        for case in islice(fuzzer().cases(), _MANY):
            send(client, case, result)
    assert result.problems == []
    assert result.sent > _MANY * 0.9
    assert len(result.statuses) > 5, "requests that are all alike find nothing"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (httpx.Response(200, json={"text": "Harbour"}), ""),
        (httpx.Response(200, json={"text": ""}), "beside it a small page got 200"),
        (httpx.Response(504, json={"error": {}}), "beside it a small page got 504"),
        (httpx.ReadTimeout("none came"), "beside it a small page got ReadTimeout"),
    ],
)
def test_what_somebody_else_gets_beside_a_request_is_told(page: httpx.Response | Exception, said: str) -> None:
    def answer_with(request: httpx.Request) -> httpx.Response:
        if isinstance(page, Exception):
            raise page
        return page

    with httpx.Client(base_url="http://localhost", transport=httpx.MockTransport(answer_with)) as client:
        assert bystander_problem(client).startswith(said)
        assert bool(bystander_problem(client)) == bool(said)
