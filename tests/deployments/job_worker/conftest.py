"""A worker in this process, over a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from deployments.gateway.documents.documents import Documents
from deployments.job_worker.job_reader import JobReader
from deployments.jobs.job import Job, JobFile
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue, places
from deployments.messages.capabilities import Capabilities
from deployments.replica.asked_at_once import AskedAtOnce
from ocr import Scope
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import plain_config, spec
from tests.fakes.sized_pages import SizedPages, WrittenDocuments

QUICK = {"lease_s": 2.0, "pages_at_once": 3, "max_attempts": 3}


class Workshop:
    """The store, the service and the documents that workers work with. `now` is moved by the test."""

    def __init__(self, folder: Path, store: Any = None) -> None:
        self.store = store or MemoryJobStore()
        self.service = SizedPages()
        self.documents = WrittenDocuments()
        self.skipped_s = 0.0
        self.config = plain_config(jobs=QUICK)
        self._folder = folder
        self.queue = self.another_queue()

    def another_queue(self) -> JobQueue:
        """As another process has it."""
        import time

        return JobQueue(
            self.store,
            JobFiles(str(self._folder)),
            lambda: self.config.jobs,
            clock=lambda: time.time() + self.skipped_s,
        )

    def reader(self, name: str = "one", asked: AskedAtOnce | None = None) -> JobReader:
        specs = [spec(each, Scope.LINE, Scope.CHARACTER) for each in ("a", "b", "lines")]
        capabilities = Capabilities.of(self.config, specs)
        documents = cast("Documents", self.documents)
        return JobReader(self.another_queue(), self.service, documents, lambda: capabilities, name, asked=asked)

    async def submit(self, *files: bytes, job_id: str = "a", **fields: Any) -> Job:
        kept = []
        for number, content in enumerate(files):
            async with self.queue.files.writing(f"{job_id}/{number}") as writer:
                await writer.write(content)
            kept.append(JobFile(name=f"{number}.pdf", path=str(number), size=len(content)))
        now = self.queue.now
        made: dict[str, Any] = {"id": job_id, "owner": "key 1", "folder": job_id, "digest": "d", "priority": "batch"}
        times = {"created_at": now, "expires_at": now + 3600.0, "forget_at": now + 7200.0}
        options = {"options": {"task": "text"}, "formats": ("json",)}
        return await self.queue.add(Job(**{**made, **times, **options, "files": tuple(kept), **fields}))

    async def job(self, job_id: str = "a") -> Job:
        job = await self.store.get(job_id)
        assert job is not None
        return job

    async def until(self, state: str, job_id: str = "a") -> Job:
        async with asyncio.timeout(30.0):
            while (job := await self.job(job_id)).state != state:
                await asyncio.sleep(0.01)
        return job

    async def widths(self, job_id: str = "a") -> list[int]:
        """What was read, in the order of the result."""
        import json

        job = await self.job(job_id)
        pages = [await self.queue.outcome(job, place) for place in places(job)]
        answers = [json.loads(page.answer) for page in pages if hasattr(page, "answer")]
        return [answer.get("width", -1) for answer in answers]

    @asynccontextmanager
    async def working(self, *names: str) -> AsyncIterator[list[asyncio.Task[None]]]:
        tasks = [asyncio.create_task(self.reader(name).run()) for name in names or ("one",)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    for name, seconds in {"_LOOK_S": 0.05, "_IDLE_S": 0.02, "_PAUSE_S": 0.05, "_STORE_AWAY_S": 0.02}.items():
        monkeypatch.setattr(f"deployments.job_worker.job_reader.{name}", seconds)
    return Workshop(tmp_path)
