"""The application over a service that answers by itself, for the routes of other people's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.fakes.plain_service import PlainService, app_over, asking

_SERVICE = PlainService()


@pytest.fixture(scope="session")
def app() -> FastAPI:
    return app_over(_SERVICE, max_pixels=100_000, max_request_mb=0.05, max_requests=2)


@pytest.fixture
def service() -> PlainService:
    _SERVICE.forget()
    return _SERVICE


@pytest.fixture
async def client(app: FastAPI, service: PlainService) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(app) as client:
        yield client
