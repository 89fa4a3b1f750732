"""What real clients sent, byte for byte: recorded from the versions that docs/integrations names."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

_FIXTURES = Path(__file__).parents[1] / "fixtures"

EXCHANGES: dict[str, list[dict[str, Any]]] = json.loads((_FIXTURES / "exchanges.json").read_text())
"""By client: its calls, each answered by itself."""

JOB_EXCHANGES: dict[str, list[dict[str, Any]]] = json.loads((_FIXTURES / "job_exchanges.json").read_text())
"""By client: calls that follow from each other. {job} stands for the id in the answer to the first of them."""


async def replay(client: httpx.AsyncClient, calls: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """The answers to calls that follow from each other; one that asks whether it is read is sent until it is."""
    answers: list[httpx.Response] = []
    job = ""
    for call in calls:
        body = base64.b64decode(call["body"]).replace(b"{job}", job.encode())
        path = call["path"].replace("{job}", job)
        while True:
            answer = await client.request(call["method"], path, headers=call["headers"], content=body)
            if b'"status"' not in answer.content or b'"running"' not in answer.content:
                break
            await asyncio.sleep(0.05)
        answers.append(answer)
        job = job or _job_of(answer)
    return answers


def _job_of(answer: httpx.Response) -> str:
    place = answer.headers.get("operation-location")
    return urlsplit(place).path.rpartition("/")[2] if place else str(answer.json().get("id", ""))
