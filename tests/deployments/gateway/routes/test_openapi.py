"""The routes against their own description, over real HTTP: what it allows and what it does not, as Schemathesis makes
it up. No request is answered with a fault, with a status, a type or a body that is not described.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.inputs import conformance
from deployments.config.api_keys import hashed
from tests.fakes.plain_service import PlainService, Whole, as_base64, plain_config
from tests.fakes.served import over_http

pytestmark = pytest.mark.processes

_READING = [
    ("POST", "/predict"),
    ("POST", "/predict_text"),
    ("POST", "/batch_predict"),
    ("GET", "/stream"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/status"),
    ("GET", "/metrics"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{job}"),
    ("DELETE", "/jobs/{job}"),
    ("GET", "/jobs/{job}/result"),
    ("POST", "/jobs/{job}/review"),
    ("GET", "/jobs/{job}/review"),
    ("DELETE", "/jobs/{job}/review"),
    ("POST", "/jobs/{job}/review/next"),
    ("POST", "/jobs/{job}/review/decisions"),
    ("GET", "/jobs/{job}/review/picture"),
    ("GET", "/jobs/{job}/review/truth"),
    ("GET", "/jobs/{job}/review/label-studio"),
    ("POST", "/jobs/{job}/review/label-studio"),
]
_ADMINISTRATION = [
    ("GET", "/config"),
    ("PUT", "/config"),
    ("POST", "/config/weights"),
    ("GET", "/logs"),
    ("GET", "/performance"),
    ("POST", "/test"),
]
_ADMIN_KEY = "boss"


def _whole() -> FastAPI:
    return Whole(
        PlainService(), plain_config(security={"admin_api_keys": [hashed(_ADMIN_KEY)]}, limits={"draw_timeout_s": 60.0})
    ).app()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with over_http(_whole()) as url:
        yield url


@pytest.fixture(scope="module")
def changed_url() -> Iterator[str]:
    """One whose configuration may be changed at random."""
    with over_http(_whole()) as url:
        yield url


@pytest.fixture(scope="module")
def description(url: str) -> Any:
    import schemathesis  # takes as long to load as hundreds of unit tests run

    return schemathesis.openapi.from_url(f"{url}/openapi.json")


def fuzz(description: Any, url: str, method: str, path: str, examples: int) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    described = [checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance]
    operation = description[path][method]
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
    @given(case=cases)
    def answered(case: Any) -> None:
        headers = {"X-API-Key": _ADMIN_KEY}
        case.call_and_validate(base_url=url, checks=[not_a_server_error, *described], headers=headers, timeout=60)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that make the requests up
        answered()


def test_every_route_is_described_and_tried_here(description: Any) -> None:
    described = {(method.upper(), path) for path, item in description.raw_schema["paths"].items() for method in item}
    assert described == {*_READING, *_ADMINISTRATION}


@pytest.mark.parametrize(("method", "path"), _READING, ids=lambda value: str(value))
def test_a_route_answers_what_its_description_allows_and_refuses_the_rest(
    description: Any, url: str, method: str, path: str
) -> None:
    fuzz(description, url, method, path, examples=10 if method == "POST" else 3)


@pytest.mark.parametrize(("method", "path"), _ADMINISTRATION, ids=lambda value: str(value))
def test_a_route_of_administration_answers_what_its_description_allows(
    description: Any, changed_url: str, method: str, path: str
) -> None:
    fuzz(description, changed_url, method, path, examples=5)


def test_every_answer_of_every_route_is_as_the_contract_says(url: str) -> None:
    verdicts = conformance.run(url, _ADMIN_KEY)
    assert {verdict.case.what: verdict.problem for verdict in verdicts if verdict.problem} == {}
    assert {(verdict.case.method, verdict.case.path) for verdict in verdicts} >= {*_READING, *_ADMINISTRATION}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", ["/predict", "/predict_text", "/batch_predict"])
def test_many_more_requests_are_answered_as_described(description: Any, url: str, path: str) -> None:
    fuzz(description, url, "POST", path, examples=500)


def test_every_answer_has_an_example_that_its_own_schema_allows(description: Any) -> None:
    schema = description.raw_schema
    answers = {
        (method, path, status, kind): content
        for path, item in schema["paths"].items()
        for method, route in item.items()
        for status, answer in route["responses"].items()
        for kind, content in answer.get("content", {}).items()
    }
    without = {place for place, content in answers.items() if "example" not in content}
    pictures = {"image/jpeg", "image/png"}
    assert {kind for _, _, _, kind in without} == {"application/pdf", "application/zip", *pictures}, without
    for place, content in answers.items():
        if place[3] == "application/json":
            whole = {**content["schema"], "components": schema["components"]}
            jsonschema.validate(content["example"], whole, cls=jsonschema.Draft202012Validator)


def test_the_examples_of_the_description_are_answered(description: Any, url: str) -> None:
    for path in ("/predict", "/predict_text", "/batch_predict"):
        body = description.raw_schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        response = httpx.post(f"{url}{path}", json=body["example"], timeout=60)
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("path", ["/predict", "/predict_text", "/batch_predict"])
@settings(max_examples=15)
@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "image/png", "multipart/form-data; boundary=x", ""]),
)
def test_any_bytes_of_any_kind_are_refused_in_the_form_of_the_contract(
    url: str, path: str, body: bytes, kind: str
) -> None:
    response = httpx.post(f"{url}{path}", content=body, headers={"content-type": kind} if kind else {}, timeout=60)
    assert response.status_code in (400, 413, 415, 422)
    assert response.json()["error"]["hint"]


@settings(max_examples=20)
@given(pages=st.text(max_size=12), dpi=st.text(max_size=6))
def test_any_choice_of_pages_is_read_or_refused(url: str, pages: str, dpi: str) -> None:
    image = as_base64(b"%PDF-1.4 not one")
    response = httpx.post(f"{url}/predict_text", json={"image": image, "pages": pages, "dpi": dpi}, timeout=60)
    assert response.status_code in (400, 422)
