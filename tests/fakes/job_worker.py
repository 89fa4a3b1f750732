"""A worker of jobs in a thread of this process, beside an application in another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployments.gateway.documents.documents import Documents
from deployments.gateway.documents.page_drawing import PageDrawer
from deployments.gateway.documents.text_layers import TextLayerWriter
from deployments.job_worker.job_reader import JobReader
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import PlainService, Whole, plain_config


@contextmanager
def with_a_worker(service: PlainService, folder: Path, **limits: object) -> Iterator[Whole]:
    """The application, and a worker that reads its jobs with the same service, for as long as the context lasts."""
    config, store = plain_config(limits=limits), MemoryJobStore()
    whole = Whole(service, config, jobs=JobQueue(store, JobFiles(str(folder)), lambda: config.jobs))
    current = whole.admin_api().live
    over = threading.Event()

    async def work() -> None:
        documents = Documents(PageDrawer(2, 2, 60.0), TextLayerWriter(1))
        queue = JobQueue(store, JobFiles(str(folder)), lambda: config.jobs)
        reading = asyncio.create_task(
            JobReader(queue, service, documents, lambda: current.capabilities, "beside").run()
        )
        while not over.is_set():
            await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        yield whole
    finally:
        over.set()
        thread.join()
