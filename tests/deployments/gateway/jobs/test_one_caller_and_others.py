"""What one caller may take of what results and uploads need, and that nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployments.config.schema import JobsConfig, LimitsConfig
from deployments.gateway.formats import PdfPageText, format_named
from deployments.gateway.jobs import jobs_api
from deployments.gateway.jobs.job_changes import JobChanges
from deployments.gateway.jobs.job_results import JobResults, Written, _chosen, place_of
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.jobs.result_turns import ResultTurns
from deployments.gateway.reading_api import ReadingApi
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits
from deployments.jobs.job import Job, JobFile, ended
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue, KeptPage, Place
from deployments.jobs.job_store import Quota
from deployments.messages.request import Asker
from deployments.replica.processor_turns import ProcessorTurns
from ocr.errors import InvalidRequest, NotFound, OutOfRange, Overloaded
from tests.deployments.jobs.test_job import job_of
from tests.fakes.held_shares import HeldShares
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.reviewed_jobs import agreed, page_saying

MUCH = Quota(max_jobs=1000, max_waiting_pages=10_000, max_bytes=1e9, max_remembered=1000)
OF_A_PDF = PdfPageText("read", (), (), False, (1.0, 0.0, 0.0, 1.0, 0.0, 0.0))


async def _same(pdf: bytes, layers: object, limits: LimitsConfig) -> bytes:
    return pdf


class Kept:
    """A queue whose store and files a test fills, and results of what is in it."""

    def __init__(self, folder: Path, **jobs: Any) -> None:
        self.store = MemoryJobStore()
        self.queue = JobQueue(self.store, JobFiles(str(folder)), lambda: JobsConfig(**jobs))
        documents = SimpleNamespace(with_text_layers=_same)
        self.shares = HeldShares("key 1", "key 2")
        self.readings = cast(
            "ReadingApi",
            SimpleNamespace(
                limits=LimitsConfig(timeout_s=5.0),
                documents=documents,
                processors=ProcessorTurns(self.shares),
                asker_named=Asker,
            ),
        )
        self.results = JobResults(self.queue, self.readings)

    async def pdf(self, pages: int) -> Job:
        """A job of a PDF, which was read."""
        await self.queue.files.write("f/0", b"%PDF")
        answer = page_saying([agreed("Harbour")])
        for number in range(1, pages + 1):
            told = answer.model_copy(update={"page": number}).model_dump_json().encode()
            page = KeptPage(told, {name: getattr(OF_A_PDF, name) for name in OF_A_PDF.__slots__}, (72.0, 72.0))
            await self.queue.files.write(f"f/pages/0-{number}-{number}.json.gz", page.packed())
        file = JobFile(
            name="a.pdf",
            path="0",
            size=4,
            page_numbers=tuple(range(1, pages + 1)),
            page_count=pages,
            tokens=tuple(range(1, pages + 1)),
        )
        return await self.queue.add(ended(job_of(1).changed(files=(file,)), "succeeded", self.queue.now))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "files")


async def test_more_results_than_there_are_threads_are_all_written(kept: Kept) -> None:
    """Each waits in a thread for pages that the event loop reads in threads of its own."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    job = await kept.pdf(3)
    async with asyncio.timeout(30.0):
        written = await asyncio.gather(*(kept.results.written(job, format_named("pdf"), 0, None) for _ in range(8)))
    assert len(written) == 8


async def test_one_caller_does_not_have_all_turns_at_results_and_is_told_when_it_waits_too_long(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await kept.pdf(1)
    go_on = asyncio.Event()
    writing = 0

    async def slow(*_: object) -> Written:
        nonlocal writing
        writing += 1
        await go_on.wait()
        return Written(b"", "application/pdf")

    monkeypatch.setattr(kept.results, "_written", slow)
    monkeypatch.setattr(kept.readings, "limits", LimitsConfig(timeout_s=0.2))
    pdf = format_named("pdf")
    own = [asyncio.create_task(kept.results.written(job, pdf, 0, None)) for _ in range(6)]
    refused = [outcome for outcome in await _ended(own, 3) if isinstance(outcome, Overloaded)]
    assert (writing, len(refused)) == (3, 3)
    others = asyncio.create_task(kept.results.written(job.changed(owner="key 2"), pdf, 0, None))
    await asyncio.sleep(0)
    assert writing == 4
    go_on.set()
    await asyncio.gather(others, *own, return_exceptions=True)


async def _ended(tasks: list[asyncio.Task[Written]], count: int) -> list[object]:
    async with asyncio.timeout(30.0):
        while sum(task.done() for task in tasks) < count:
            await asyncio.sleep(0.01)
    return [task.exception() for task in tasks if task.done()]


async def test_a_caller_waits_for_so_many_results_and_others_for_theirs(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployments.gateway.jobs.job_results._WAITING_OF_ONE_CALLER", 1)
    running = await kept.queue.add(job_of(2))
    kept.results.require_room_to_wait(running.owner)
    lines = kept.results.stream(running.owner, running, None, 30.0)
    waiting = asyncio.create_task(anext(lines))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="yours"):
        kept.results.require_room_to_wait(running.owner)
    kept.results.require_room_to_wait("key 2")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    kept.results.require_room_to_wait(running.owner)


async def test_a_result_waits_while_its_caller_leaves_the_processors_to_others(kept: Kept) -> None:
    job = await kept.pdf(2)
    kept.shares.may = set()
    writing = asyncio.create_task(kept.results.written(job, format_named("pdf"), 0, None))
    lines = kept.results.stream(job.owner, job, None, 0.0)
    streaming = asyncio.create_task(anext(lines))  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    assert [task.done() for task in (writing, streaming)] == [False, False]
    assert {"key 1": 1.0} in kept.shares.wanted
    kept.shares.may = {"key 1"}
    async with asyncio.timeout(30.0):
        assert b'"resume": "0.0"' in await streaming
        assert (await writing).media_type == "application/pdf"
    await lines.aclose()  # type: ignore[attr-defined]
    assert {caller for caller, _ in kept.shares.charged} == {"key 1"}


async def test_what_is_computed_for_results_that_one_has_made_at_once_counts_more(kept: Kept) -> None:
    charged: list[float] = []

    class Counting(HeldShares):
        def had(self, caller: str, seconds: float, counts: float) -> float:
            charged.append(counts)
            return 0.0

    turns = ResultTurns(ProcessorTurns(Counting("key 1")), Asker)
    async with turns.piece("key 1"):
        pass
    all_there = asyncio.Barrier(3)

    async def piece() -> None:
        async with turns.piece("key 1"):
            await all_there.wait()

    async with asyncio.timeout(30.0):
        await asyncio.gather(*(piece() for _ in range(3)))
        assert await turns.joined("key 1", iter([b"a", b"b"])) == b"ab"
    assert max(charged[1:4]) == 3.0
    assert (charged[0], charged[-1]) == (1.0, 1.0)


async def test_those_who_wait_for_the_same_job_look_at_it_together(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.gateway.jobs.job_changes._LOOK_S", 0.01)
    job = await kept.queue.add(job_of(2))
    looks = 0
    version = kept.store.version

    async def counted(job_id: str) -> int | None:
        nonlocal looks
        looks += 1
        return await version(job_id)

    monkeypatch.setattr(kept.store, "version", counted)
    changes = JobChanges(kept.queue)
    assert await asyncio.gather(*(changes.after(job) for _ in range(30))) == [job] * 30
    assert looks == 1
    changed = job.changed(started_at=1.0).as_version_after(job)
    assert await kept.store.replace(changed, job)
    assert await asyncio.gather(changes.after(job), changes.after(job)) == [changed, changed]
    assert looks == 2


async def test_a_job_that_is_gone_while_one_waits_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.gateway.jobs.job_changes._LOOK_S", 0.01)
    job = await kept.queue.add(job_of(2))
    await kept.store.remove(job)
    with pytest.raises(NotFound):
        await JobChanges(kept.queue).after(job)


@pytest.mark.parametrize("resume", ["-1.0", "0.-2", "0.-9999", "1", "0.0.0", "a.b"])
def test_a_resume_token_that_nobody_was_told_is_refused(resume: str) -> None:
    with pytest.raises(OutOfRange, match="resume token"):
        place_of(resume)


@pytest.mark.parametrize(
    ("pages", "chosen"),
    [
        ("2", [2]),
        ("1-3,2-4", [1, 2, 3, 4]),
        ("9-", [9, 10]),
        ("5-3,7", [7]),
        ("1-2,2-1,4-9,5", [1, 2, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_ranges_of_pages_choose_each_page_once(pages: str, chosen: list[int]) -> None:
    assert [place.index + 1 for place in _chosen(job_of(10), 0, pages)] == chosen


def test_as_many_ranges_as_a_request_has_room_for_cost_no_more_than_a_few() -> None:
    """Each page is looked up among them; to compare each with each would be 20 million steps."""
    assert _chosen(job_of(10_000), 0, ",".join(["1-10000"] * 2000)) == [Place(0, index) for index in range(10_000)]


class Arriving:
    """Uploads that are under way until a test lets them arrive."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = 0

    async def take(self, files: JobFiles, folder: str, limits: UploadLimits) -> KeptUpload:
        self.begun += 1
        await self.go_on.wait()
        raise InvalidRequest("the body broke off", "send it again")


@asynccontextmanager
async def under_way(jobs: JobsApi, upload: Arriving, *sizes: int | None) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(jobs.receive("key 1", "a key", size, upload.take)) for size in sizes]
    async with asyncio.timeout(30.0):
        while upload.begun < len(sizes):
            await asyncio.sleep(0)
    try:
        yield
    finally:
        upload.go_on.set()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("sizes", [(90_000_000,), (None,), (40_000_000, 45_000_000)])
async def test_uploads_under_way_count_before_they_are_kept(tmp_path: Path, sizes: tuple[int | None, ...]) -> None:
    """Also under a key, where it is not known before whether the job is there already."""
    kept = Kept(tmp_path / "files", max_kept_mb=100.0)
    kept.readings.limits = LimitsConfig(max_job_mb=90.0)  # type: ignore[misc]
    jobs = JobsApi(kept.queue, kept.readings)
    upload = Arriving()
    async with under_way(jobs, upload, *sizes):
        with pytest.raises(Overloaded, match="under way"):
            await jobs.receive("key 1", "another", 20_000_000, upload.take)
        other = asyncio.create_task(jobs.receive("key 2", None, 20_000_000, upload.take))
        async with asyncio.timeout(30.0):
            while upload.begun <= len(sizes):
                await asyncio.sleep(0)
    with pytest.raises(InvalidRequest):
        await other
    with pytest.raises(InvalidRequest):  # there is room again
        await jobs.receive("key 1", "another", 20_000_000, upload.take)


async def test_a_list_ends_early_where_jobs_have_very_many_files(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_api, "_LISTED_FILES", 10)
    for number in range(12):
        files = (3,) if number < 9 else (1,) * 5
        await kept.store.add(job_of(*files, id=f"{number}", created_at=float(number)), MUCH)
    jobs = JobsApi(kept.queue, kept.readings)
    seen: list[str] = []
    before, has_more = 99.0, True
    while has_more:
        shown, has_more = await jobs.of_owner("key 1", before, 50)
        assert sum(len(job.files) for job in shown) <= 10 or len(shown) == 1
        seen += [job.id for job in shown]
        before = shown[-1].created_at
    assert seen == [f"{number}" for number in reversed(range(12))]
    assert [job.id for job in (await jobs.of_owner("key 1", 99.0, 2))[0]] == ["11", "10"]
