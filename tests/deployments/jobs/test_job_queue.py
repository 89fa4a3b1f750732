"""What is done by the clock, and what one caller's jobs cost others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deployments.config.schema import JobsConfig
from deployments.jobs import callbacks
from deployments.jobs.job import OPENING, UNREAD, Callback, CallbackCall, Job, ended
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from tests.deployments.jobs.test_job import job_of
from tests.fakes.memory_jobs import MemoryJobStore

NOW = 500.0


class Silent:
    """Whoever is called back, and does not answer until a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer = asyncio.Event()
        self.called: list[str] = []
        monkeypatch.setattr(callbacks, "call", self._call)

    async def _call(self, job: Job, callback: Callback, now: float, networks: object) -> CallbackCall:
        self.called.append(job.id)
        await self.answer.wait()
        return CallbackCall(at=now, status=204)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Silent:
    return Silent(monkeypatch)


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    return JobQueue(MemoryJobStore(), JobFiles(str(tmp_path)), lambda: JobsConfig(max_pages=10), clock=lambda: NOW)


async def calling(queue: JobQueue, job_id: str, owner: str = "key 1") -> None:
    """A job that has ended, whose callback is due."""
    callback = Callback(url="https://hooks.example/", secret="whsec_")
    await queue.add(ended(job_of(1, id=job_id, owner=owner, callback=callback), "succeeded", NOW))


async def test_what_is_over_is_deleted_while_somebody_who_is_called_does_not_answer(
    queue: JobQueue, silent: Silent
) -> None:
    await calling(queue, "called")
    await queue.add(job_of(1, id="over", expires_at=NOW - 1.0))
    async with asyncio.timeout(10.0):
        await queue.look_after()
        await queue.look_after()
    over = await queue.store.get("over")
    assert over is not None
    assert (over.state, over.holds_content) == ("expired", False)
    silent.answer.set()
    await queue.calls_made()
    called = await queue.store.get("called")
    assert called is not None
    assert called.callback is not None
    assert called.callback.is_delivered


async def test_one_caller_has_a_few_callbacks_made_at_once_and_others_do_not_wait_for_them(
    queue: JobQueue, silent: Silent
) -> None:
    for number in range(9):
        await calling(queue, f"{number}")
    await calling(queue, "another", "key 2")
    await queue.look_after()
    await asyncio.sleep(0)
    assert len(silent.called) == 5
    assert "another" in silent.called
    assert await queue.store.due(NOW, 100) == []  # the rest is made later, and keeps nothing else from being due
    assert len(await queue.store.due(NOW + 2.0 * callbacks.CALL_S, 100)) == 10
    await queue.close()


async def test_a_callback_that_raises_costs_the_others_nothing(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    async def call(job: Job, *_: Any) -> CallbackCall:
        called.append(job.id)
        if job.id == "bad":
            raise RuntimeError("a fault of ours")
        return CallbackCall(at=NOW, status=204)

    monkeypatch.setattr(callbacks, "call", call)
    for job_id in ("bad", "good"):
        await calling(queue, job_id)
    await queue.look_after()
    await queue.calls_made()
    assert sorted(called) == ["bad", "good"]
    assert "a fault of ours" in caplog.text


async def test_the_pages_of_all_files_of_a_job_are_counted_together(queue: JobQueue) -> None:
    job = await queue.add(job_of(6, None, None, id="a"))
    leased = await queue.next_pages("one", 4)  # pages of the first file
    assert leased is not None
    for count, problem in ((5, "too_large"), (4, None)):
        found = await queue.next_pages("two", 4)
        while found is not None and found.leases[0].index != OPENING:
            found = await queue.next_pages("two", 4)
        assert found is not None
        [lease] = found.leases
        assert await queue.opened(job.id, lease, count, range(1, count + 1))
        current = await queue.store.get(job.id)
        assert current is not None
        file = current.files[lease.file]
        assert (file.problem.code if file.problem else None) == problem
    assert [len(file.tokens) for file in current.files] == [6, 0, 4]
    assert set(current.files[2].tokens) == {UNREAD}
