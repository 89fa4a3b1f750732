"""The application over jobs that a worker reads, for clients who come back for what they sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.job_service import Service, make_quick
from tests.fakes.plain_service import asking


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    make_quick(monkeypatch)
    return Service(tmp_path / "files", limits={"max_pages": 5, "max_job_mb": 1.0, "max_request_mb": 0.1})


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(service.app) as client:
        yield client
