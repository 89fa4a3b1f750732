"""The application with a job that was read, and people who review it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from deployments.config.api_keys import caller_of, hashed
from deployments.config.schema import SecurityConfig
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import PlainService, Whole, asking, plain_config
from tests.fakes.reviewed_jobs import agreed, disputed, finished_job, page_saying

ANN, BOB = "ann-key-0123456789", "bob-key-0123456789"

PAGES = (
    page_saying(
        [agreed("Harbour"), disputed("Qvay", "Quay", 0.3), agreed("Road")],
        [disputed("Bristo1", "Bristol", 0.5), agreed("BS1")],
        page=1,
    ),
    page_saying([disputed("lnvoice", "Invoice", 0.6)], page=2),
)
"""Six words, of which the three with the numbers 1, 3 and 5 are doubted, the second the most."""


def name_of(api_key: str) -> str:
    """The name of a caller with this key."""
    caller = caller_of(api_key, SecurityConfig(api_keys=(hashed(ANN), hashed(BOB))))
    assert caller is not None
    return f"key {caller.key}"


@dataclass
class Person:
    """Somebody at a screen."""

    client: httpx.AsyncClient
    api_key: str
    session: str
    review_key: str | None = None

    async def asks(self, method: str, path: str, expect: int | None = None, **more: Any) -> httpx.Response:
        headers = {"X-API-Key": self.api_key} | ({"X-Review-Key": self.review_key} if self.review_key else {})
        response = await self.client.request(method, f"/jobs/1{path}", headers=headers, **more)
        if expect is None:
            assert response.is_success, response.text
        else:
            assert response.status_code == expect, response.text
        return response

    async def next(self, count: int = 20) -> list[dict[str, Any]]:
        answer = await self.asks("POST", "/review/next", json={"session": self.session, "count": count})
        words: list[dict[str, Any]] = answer.json()["words"]
        return words

    async def says(self, *decisions: dict[str, Any]) -> dict[str, Any]:
        body = {"session": self.session, "reviewer": self.session.title(), "decisions": decisions}
        answer: dict[str, Any] = (await self.asks("POST", "/review/decisions", json=body)).json()
        return answer

    async def types(self, number: int, text: str) -> dict[str, Any]:
        return await self.says({"number": number, "kind": "typed", "text": text})


class Service:
    """The application over a store; `skipped_s` moves its clock."""

    def __init__(self, folder: str) -> None:
        self.skipped_s = 0.0
        keys = [hashed(ANN), hashed(BOB)]
        self.config = plain_config(security={"api_keys": keys, "api_key_required": True})
        self.store = MemoryJobStore()
        self.queue = JobQueue(self.store, JobFiles(folder), lambda: self.config.jobs, clock=self._now)
        self.app: FastAPI = Whole(PlainService(), self.config, jobs=self.queue).app()

    def _now(self) -> float:
        return time.time() + self.skipped_s


@pytest.fixture
async def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    made = Service(str(tmp_path_factory.mktemp("files")))
    await finished_job(made.queue, *PAGES, owner=name_of(ANN))
    return made


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(service.app) as client:
        yield client


@pytest.fixture
def person(client: httpx.AsyncClient) -> Callable[..., Person]:
    return lambda api_key, session, review_key=None: Person(client, api_key, session, review_key)


@pytest.fixture
async def ann(client: httpx.AsyncClient) -> Person:
    """The owner of the job, who has made a review of it."""
    owner = Person(client, ANN, "ann")
    await owner.asks("POST", "/review", 201, json={"sure_share": 0.0})
    return owner


@pytest.fixture
async def bob(client: httpx.AsyncClient, ann: Person) -> Person:
    """Somebody else, who was given the key of the review."""
    key = (await ann.asks("GET", "/review")).json()["key"]
    return Person(client, BOB, "bob", key)
