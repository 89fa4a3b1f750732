"""What the real clients of each door sent, of a picture of a few pixels, is answered.
tests/deployments/on_a_cluster/test_integrations.py runs the clients themselves.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.job_worker import with_a_worker
from tests.fakes.plain_service import PlainService, asking
from tests.fakes.recorded import EXCHANGES, JOB_EXCHANGES, replay

CALLS = [
    pytest.param(call, id=f"{door} {call['method']} {call['path']} {number}")
    for door, calls in EXCHANGES.items()
    for number, call in enumerate(calls)
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_of_a_real_client_is_answered(
    client: httpx.AsyncClient, service: PlainService, call: dict[str, Any]
) -> None:
    body = base64.b64decode(call["body"])
    response = await client.request(call["method"], call["path"], headers=call["headers"], content=body)
    assert response.status_code == 200, response.text
    if call["method"] in ("POST", "PUT"):
        assert b"Hi" in response.content
        assert len(service.images) == 1


async def test_the_options_of_a_client_arrive(client: httpx.AsyncClient, service: PlainService) -> None:
    for door in ("docling", "tritonclient", "ocrmypdf"):
        call = EXCHANGES[door][-1]
        body = base64.b64decode(call["body"])
        assert (await client.request(call["method"], call["path"], headers=call["headers"], content=body)).is_success
    english, every, german = service.requests
    assert [request.profile.name for request in (english, every, german)] == ["auto", "auto", "printed"]
    assert every.cascade is None
    assert [request.recognition.languages for request in (english, german)] == [("en",), ("de",)]


@pytest.mark.parametrize("door", EXCHANGES)
async def test_a_call_without_its_body_is_refused_in_words(client: httpx.AsyncClient, door: str) -> None:
    call = EXCHANGES[door][-1]
    response = await client.request(call["method"], call["path"], headers=call["headers"], content=b"")
    assert 400 <= response.status_code < 500
    assert response.json()


@pytest.mark.processes
@pytest.mark.parametrize("door", JOB_EXCHANGES)
async def test_calls_of_a_real_client_that_follow_from_each_other_are_answered(tmp_path: Path, door: str) -> None:
    with with_a_worker(PlainService(), tmp_path) as whole:
        async with asking(whole.app()) as client, asyncio.timeout(60.0):
            answers = await replay(client, JOB_EXCHANGES[door])
    assert [answer.status_code for answer in answers if not answer.is_success] == []
    assert any("Hi" in answer.text for answer in answers)
    assert any(answer.content.startswith(b"%PDF") for answer in answers) == (door == "azure-ai-documentintelligence")
