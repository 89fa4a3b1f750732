"""The worker: every page once, right, in order, whatever becomes of workers, the service and the store meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.current_caller import CURRENT_CALLER
from deployments.jobs.job import UNREAD
from deployments.jobs.job_queue import places
from deployments.jobs.sqlite_store import SqliteJobStore
from deployments.messages.request import ReadRequest
from deployments.replica.asked_at_once import AskedAtOnce
from ocr import Page
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded
from ocr.job_contract import Priority
from tests.deployments.job_worker.conftest import Workshop
from tests.fakes.plain_service import png
from tests.fakes.sized_pages import SizedPages, width_of, written_document

ALL = [width_of(number) for number in range(1, 11)]


async def test_every_page_of_every_file_is_read_once_and_stands_in_its_place(workshop: Workshop) -> None:
    await workshop.submit(written_document(10), written_document(2))
    async with workshop.working():
        job = await workshop.until("succeeded")
    assert await workshop.widths() == [*ALL, *ALL[:2]]
    assert (job.pages_done, job.pages_total, job.pages_failed) == (12, 12, 0)
    assert workshop.service.asked_by == {("key 1", "batch")}


async def test_a_job_has_more_pages_than_a_request_may_have(workshop: Workshop) -> None:
    workshop.config = workshop.config.model_copy(update={"limits": LimitsConfig(max_pages=1)})
    await workshop.submit(written_document(10))
    async with workshop.working():
        await workshop.until("succeeded")


async def test_two_workers_share_a_job_and_no_page_is_read_twice(workshop: Workshop) -> None:
    await workshop.submit(written_document(10))
    async with workshop.working("one", "two"):
        await workshop.until("succeeded")
    assert await workshop.widths() == ALL
    assert set(workshop.service.read.values()) == {1}


async def test_only_the_pages_that_are_asked_for_are_read(workshop: Workshop) -> None:
    await workshop.submit(written_document(10), options={"task": "text", "pages": "2,9-"})
    async with workshop.working():
        job = await workshop.until("succeeded")
    assert await workshop.widths() == [width_of(2), width_of(9), width_of(10)]
    assert job.files[0].page_count == 10


async def test_a_character_of_each_image_is_read(workshop: Workshop) -> None:
    await workshop.submit(png(), png(), options={"task": "character"})
    async with workshop.working():
        job = await workshop.until("succeeded")
    pages = [await workshop.queue.outcome(job, place) for place in places(job)]
    assert [json.loads(page.answer)["character"] for page in pages if hasattr(page, "answer")] == ["Q", "Q"]


async def test_a_page_that_cannot_be_drawn_is_a_failure_in_its_place(workshop: Workshop) -> None:
    await workshop.submit(written_document(3, p2="torn"))
    async with workshop.working():
        job = await workshop.until("partly")
    assert await workshop.widths() == [width_of(1), -1, width_of(3)]
    assert [(failure.page, failure.problem.code) for failure in job.failures] == [(2, "not_an_image")]


async def test_a_file_that_cannot_be_opened_says_why_and_the_others_are_read(workshop: Workshop) -> None:
    await workshop.submit(b"no document", written_document(1))
    async with workshop.working():
        job = await workshop.until("partly")
    assert job.files[0].problem is not None
    assert "cannot be opened" in job.files[0].problem.message
    assert await workshop.widths() == [width_of(1)]


@pytest.mark.parametrize("error", [Overloaded("full", "later", 1.0), NotReady("starting", "later", 1.0)])
async def test_while_the_service_cannot_read_pages_wait_as_long_as_it_takes(
    workshop: Workshop, error: Overloaded | NotReady
) -> None:
    workshop.service.failures = {width_of(2): [error] * 7}  # more than there are attempts
    await workshop.submit(written_document(3))
    async with workshop.working():
        await workshop.until("succeeded")
    assert await workshop.widths() == ALL[:3]
    assert workshop.service.read[width_of(2)] == 8


@pytest.mark.parametrize("error", [DeadlineExceeded("too slow"), InternalFailure("a fault")])
async def test_a_page_that_fails_again_and_again_is_given_up(
    workshop: Workshop, error: DeadlineExceeded | InternalFailure
) -> None:
    workshop.service.failures = {width_of(2): [error] * 99}
    await workshop.submit(written_document(3))
    async with workshop.working():
        job = await workshop.until("partly")
    assert workshop.service.read[width_of(2)] == 3
    assert [failure.problem.code for failure in job.failures] == [error.code]


async def test_a_page_that_fails_once_is_read_again(workshop: Workshop) -> None:
    workshop.service.failures = {width_of(2): [InternalFailure("a fault")]}
    await workshop.submit(written_document(3))
    async with workshop.working():
        await workshop.until("succeeded")


async def test_a_worker_that_is_killed_loses_no_page_and_none_comes_twice(workshop: Workshop) -> None:
    """It dies without a word in the middle of its pages: nobody gives them back."""
    stuck = asyncio.Event()

    async def hang(width: int) -> None:
        if width == width_of(5) and not stuck.is_set():
            stuck.set()
            await asyncio.Event().wait()

    workshop.service.before_answer = hang
    await workshop.submit(written_document(10))
    async with workshop.working("doomed") as tasks:
        await stuck.wait()
        workshop.store.is_away = True  # nothing of what it does at its end reaches the store
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workshop.store.is_away = False
        assert (await workshop.job()).leases
    workshop.skipped_s += 3.0  # their leases are over
    async with workshop.working("heir"):
        await workshop.until("succeeded")
    assert await workshop.widths() == ALL


async def test_a_job_survives_the_restart_of_everything(workshop: Workshop, tmp_path: Path) -> None:
    """Of what ran before there is nothing left but files."""
    database, folder = tmp_path / "jobs.sqlite3", tmp_path / "files"
    before = Workshop(folder, SqliteJobStore(database))
    await before.submit(written_document(10))
    for _ in range(2):  # opens the file, and reads the first pages
        assert await before.reader().read_some()
    await before.store.close()
    after = Workshop(folder, SqliteJobStore(database))
    async with after.working("another"):
        await after.until("succeeded")
    assert await after.widths() == ALL
    assert before.service.read.total() == 3
    assert after.service.read.total() == 7
    await after.store.close()


async def test_a_worker_that_is_stopped_gives_its_pages_back_at_once(workshop: Workshop) -> None:
    reading = asyncio.Event()

    async def hang(width: int) -> None:
        reading.set()
        await asyncio.Event().wait()

    workshop.service.before_answer = hang
    await workshop.submit(written_document(3))
    async with workshop.working():
        await reading.wait()
    job = await workshop.job()
    assert job.leases == ()
    assert set(job.files[0].tokens) == {UNREAD}


async def test_what_a_worker_reads_too_late_is_not_taken(workshop: Workshop) -> None:
    """It was thought dead, and another one read its page."""
    slow_may_go_on = asyncio.Event()
    slow_begins = asyncio.Event()

    async def wait_at_the_first_page(width: int) -> None:
        if not slow_begins.is_set():
            slow_begins.set()
            await slow_may_go_on.wait()

    workshop.service.before_answer = wait_at_the_first_page
    await workshop.submit(written_document(1))
    slow, quick = workshop.reader("slow"), workshop.reader("quick")
    assert await slow.read_some()  # opens it
    slow._keep_leases = _keep_nothing  # type: ignore[method-assign]  # it hangs, and renews nothing
    late = asyncio.create_task(slow.read_some())
    await slow_begins.wait()
    workshop.skipped_s += 3.0
    assert await quick.read_some()
    kept = (await workshop.job()).files[0].tokens
    slow_may_go_on.set()
    assert await late
    assert (await workshop.job()).files[0].tokens == kept
    assert await workshop.widths() == [width_of(1)]
    assert workshop.service.read[width_of(1)] == 2


async def _keep_nothing(*_: Any) -> None:
    return


async def test_a_lease_lasts_as_long_as_its_reader_lives(workshop: Workshop) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()

    async def take_long(width: int) -> None:
        reading.set()
        await go_on.wait()

    workshop.service.before_answer = take_long
    await workshop.submit(written_document(1))
    async with workshop.working("slow"):
        await reading.wait()
        before = (await workshop.job()).leases[0].until
        workshop.skipped_s += 1.0  # more than a third of its time
        async with asyncio.timeout(10.0):
            while (await workshop.job()).leases[0].until == before:
                await asyncio.sleep(0.01)
        go_on.set()
        await workshop.until("succeeded")
    assert workshop.service.read[width_of(1)] == 1


async def test_a_job_that_is_cancelled_stops_while_its_pages_are_read(workshop: Workshop) -> None:
    reading, stopped = asyncio.Event(), asyncio.Event()

    async def take_for_ever(width: int) -> None:
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    workshop.service.before_answer = take_for_ever
    await workshop.submit(written_document(10))
    async with workshop.working():
        await reading.wait()
        job = await workshop.queue.cancel("key 1", "a")
        async with asyncio.timeout(10.0):
            await stopped.wait()
        workshop.service.before_answer = lambda _: None
        await workshop.submit(written_document(1), job_id="b")
        await workshop.until("succeeded", "b")  # the worker goes on
    assert (job.state, job.holds_content) == ("cancelled", False)
    assert await workshop.queue.files.folders() == ["b"]


async def test_the_store_is_asked_for_the_whole_job_only_where_it_has_changed(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on, looks = asyncio.Event(), asyncio.Event(), Counter[str]()

    async def wait(width: int) -> None:
        reading.set()
        await go_on.wait()

    workshop.service.before_answer = wait
    await workshop.submit(written_document(1))
    async with workshop.working():
        await reading.wait()
        await asyncio.sleep(0.1)  # what was leased is seen as it is
        for name in ("get", "version"):
            monkeypatch.setattr(workshop.store, name, _counting(getattr(workshop.store, name), name, looks))
        async with asyncio.timeout(10.0):
            while looks["version"] < 3:
                await asyncio.sleep(0.01)
        assert looks["get"] == 0
        go_on.set()
        await workshop.until("succeeded")


def _counting(ask: Callable[[str], Awaitable[Any]], name: str, looks: Counter[str]) -> Callable[[str], Awaitable[Any]]:
    async def counting(job_id: str) -> Any:
        looks[name] += 1
        return await ask(job_id)

    return counting


async def test_while_the_store_is_away_what_was_read_waits_and_is_not_read_again(workshop: Workshop) -> None:
    def go_away(width: int) -> None:
        if width == width_of(2):
            workshop.store.is_away = True

    workshop.service.before_answer = go_away
    await workshop.submit(written_document(3))
    async with workshop.working():
        async with asyncio.timeout(10.0):
            while sum(workshop.service.read.values()) < 3:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        workshop.service.before_answer = lambda _: None
        workshop.store.is_away = False
        await workshop.until("succeeded")
    assert await workshop.widths() == ALL[:3]
    assert set(workshop.service.read.values()) == {1}


async def test_a_page_that_kills_whoever_reads_it_is_given_up(workshop: Workshop) -> None:
    await workshop.submit(written_document(1))
    reader = workshop.reader()
    assert await reader.read_some()
    for attempt in range(1, 4):
        leased = await workshop.queue.next_pages(f"victim {attempt}", 1)
        assert leased is not None
        assert leased.leases[0].attempt == attempt
        workshop.skipped_s += 3.0
    assert await reader.read_some()
    job = await workshop.job()
    assert (job.state, workshop.service.read.total()) == ("failed", 0)
    assert "died, 3 times" in job.failures[0].problem.message


async def test_a_single_page_does_not_wait_for_pages_of_another_caller_that_are_being_read(workshop: Workshop) -> None:
    go_on = asyncio.Event()

    async def take_long(width: int) -> None:
        if CURRENT_CALLER.get() == "key 1":
            await go_on.wait()

    workshop.service.before_answer = take_long
    await workshop.submit(written_document(10), job_id="long", owner="key 1")
    async with workshop.working():
        async with asyncio.timeout(10.0):
            while len((await workshop.job("long")).leases) < 6:  # as many pages at once as it may have, and the next
                await asyncio.sleep(0.01)
        await workshop.submit(written_document(1), job_id="short", owner="key 2")
        await workshop.until("succeeded", "short")
        assert (await workshop.job("long")).pages_done == 0
        go_on.set()
        await workshop.until("succeeded", "long")
    assert await workshop.widths("long") == ALL


async def test_the_pages_of_many_callers_are_read_in_turn(workshop: Workshop) -> None:
    order: list[str] = []
    await workshop.submit(written_document(10), job_id="long", owner="key 1")
    await workshop.submit(written_document(1), job_id="short", owner="key 2")
    async with workshop.working():
        for job_id in ("short", "long"):
            await workshop.until("succeeded", job_id)
            order.append(f"{job_id} {(await workshop.job('long')).pages_done < 10}")
    assert order[0] == "short True"


class _Noting(SizedPages):
    """Notes for how many pages at once each page is read."""

    def forget(self) -> None:
        super().forget()
        self.at_once: list[int] = []

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        self.at_once.append(request.at_once)
        return await super().read_page(data, request)


@pytest.mark.parametrize(("priority", "at_once", "counts"), [("interactive", 5, 4.0), ("batch", 1, None)])
async def test_pages_that_somebody_waits_for_count_as_asked_for_at_once_and_a_batch_gives_way_anyhow(
    workshop: Workshop, priority: Priority, at_once: int, counts: float | None
) -> None:
    workshop.service = service = _Noting()
    told: list[dict[str, float]] = []
    asked = AskedAtOnce(lambda each: told.append(dict(each)))
    await workshop.submit(written_document(5), priority=priority)
    reader = workshop.reader(asked=asked)
    for _ in range(3):  # it is opened, and read three pages at a time
        assert await reader.read_some()
    assert service.at_once == [at_once] * 5
    assert max((each.get("key 1", 0.0) for each in told), default=0.0) == (counts or 0.0)
