"""The application with jobs, and a worker beside it that reads what was submitted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI

from deployments.gateway.documents.documents import Documents
from deployments.job_worker.job_keeper import JobKeeper
from deployments.job_worker.job_reader import JobReader
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from deployments.messages.capabilities import Capabilities
from ocr import Scope
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import Whole, plain_config, spec
from tests.fakes.sized_pages import SizedPages, WrittenDocuments


class Service:
    """The application and a worker over one store; `skipped_s` moves the clock of both."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.store = MemoryJobStore()
        self.pages = SizedPages()
        self.documents: Any = WrittenDocuments()
        self.skipped_s = 0.0
        self.config = plain_config(**settings)
        self.files = JobFiles(str(folder))
        self.queue = JobQueue(self.store, self.files, lambda: self.config.jobs, clock=self._now)
        self.app: FastAPI = Whole(self.pages, self.config, jobs=self.queue).app()
        self.keeper = JobKeeper(self.queue)

    def _now(self) -> float:
        return time.time() + self.skipped_s

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities.of(self.config, [spec(each, Scope.LINE, Scope.CHARACTER) for each in ("a", "b", "lines")])

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        documents = cast("Documents", self.documents)
        reader = JobReader(self.queue, self.pages, documents, lambda: self.capabilities, "one")
        task = asyncio.create_task(reader.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def make_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the worker and those who wait for it look often."""
    for name, seconds in {"_LOOK_S": 0.05, "_IDLE_S": 0.02, "_PAUSE_S": 0.05, "_STORE_AWAY_S": 0.02}.items():
        monkeypatch.setattr(f"deployments.job_worker.job_reader.{name}", seconds)
    monkeypatch.setattr("deployments.gateway.jobs.job_changes._LOOK_S", 0.02)
