"""Every store of jobs keeps the same promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.jobs.job import Job, Lease, PageFailure, ended, lease_pages, page_read, without_content
from deployments.jobs.job_store import JobStore, Quota, change
from deployments.jobs.redis_store import RedisJobStore
from deployments.jobs.sqlite_store import SqliteJobStore
from ocr.contract import Problem
from ocr.errors import NotReady, RateLimited
from tests.deployments.jobs.test_job import job_of

MUCH = Quota(max_jobs=100, max_waiting_pages=10_000, max_bytes=1e9, max_remembered=1000)


async def test_a_job_comes_back_as_it_was_kept_also_to_others(stores: list[JobStore]) -> None:
    one, other = stores
    job = job_of(3, None, options={"lang": "de"})
    assert await one.add(job, MUCH) == job
    assert await other.get(job.id) == job
    assert await other.get("another") is None


async def test_the_same_job_twice_is_one(stores: list[JobStore]) -> None:
    one, other = stores
    await one.add(job_of(3), MUCH)
    assert await other.add(job_of(3, digest="other"), MUCH) == job_of(3)
    assert len(await one.open_jobs()) == 1


async def test_of_two_who_change_a_job_at_once_neither_loses_its_change(stores: list[JobStore]) -> None:
    await stores[0].add(job_of(40), MUCH)
    got: list[Lease] = []

    async def read_all(store: JobStore, reader: str) -> None:
        while True:
            leases: tuple[Lease, ...] = ()

            def lease(job: Job) -> Job:
                nonlocal leases
                leased, leases = lease_pages(job, reader, 3, 0.0, 30.0)
                return leased

            await change(store, "a", lease)
            if not leases:
                return
            got.extend(leases)
            for each in leases:
                assert await change(store, "a", lambda job, each=each: page_read(job, each, 1, None, 1.0)) is not None

    await asyncio.gather(read_all(stores[0], "one"), read_all(stores[1], "two"))
    assert sorted(lease.index for lease in got) == list(range(40))
    job = await stores[0].get("a")
    assert job is not None
    assert (job.state, job.pages_done) == ("succeeded", 40)


async def test_the_version_of_a_job_tells_whether_it_changed(stores: list[JobStore]) -> None:
    job = await stores[0].add(job_of(1), MUCH)
    assert await stores[1].version(job.id) == job.version
    assert await stores[0].replace(ended(job, "cancelled", 5.0).as_version_after(job), job)
    assert await stores[1].version(job.id) == job.version + 1
    assert await stores[1].version("b") is None


async def test_a_version_that_is_not_the_next_is_refused(stores: list[JobStore]) -> None:
    job = job_of(3)
    await stores[0].add(job, MUCH)
    assert await stores[0].replace(job.changed(priority="interactive", version=2), job)
    assert not await stores[1].replace(job.changed(priority="batch", version=2), job)
    kept = await stores[1].get(job.id)
    assert kept is not None
    assert kept.priority == "interactive"
    assert not await stores[0].replace(job_of(3, id="unknown", version=2), job_of(3, id="unknown"))


async def test_what_a_change_leaves_out_is_gone_and_all_else_stays(stores: list[JobStore]) -> None:
    problem = Problem(code="not_an_image", message="it is damaged")
    failures = tuple(PageFailure(file=0, page=page, problem=problem) for page in (1, 2))
    job = job_of(70, None, options={"lang": "de"}, failures=failures)
    await stores[0].add(job, MUCH)
    bare = without_content(job, 5.0, 60.0).as_version_after(job)
    assert await stores[1].replace(bare, job)
    assert await stores[0].get(job.id) == bare
    assert bare.failures == ()
    assert len(bare.files[0].tokens) == 70


async def test_a_caller_sees_its_own_jobs_the_newest_first_in_parts(stores: list[JobStore]) -> None:
    for number in range(4):
        await stores[0].add(job_of(1, id=f"{number}", created_at=float(number)), MUCH)
    await stores[0].add(job_of(1, id="foreign", owner="key 2"), MUCH)
    assert [job.id for job in await stores[1].of_owner("key 1", 99.0, 3)] == ["3", "2", "1"]
    assert [job.id for job in await stores[1].of_owner("key 1", 1.0, 3)] == ["0"]


async def test_what_has_ended_is_no_longer_open_and_is_due_when_it_is_over(stores: list[JobStore]) -> None:
    job = job_of(1)
    await stores[0].add(job, MUCH)
    assert await stores[1].due(999.0, 10) == []
    assert await stores[0].replace(ended(job, "cancelled", 5.0).as_version_after(job), job)
    assert await stores[1].open_jobs() == []
    assert await stores[1].due(6.0, 10) == [job.id]
    assert await stores[1].folders() == {"f"}
    await stores[0].remove(job)
    assert (await stores[1].due(6.0, 10), await stores[1].folders(), await stores[1].get(job.id)) == ([], set(), None)


@pytest.mark.parametrize(
    "quota",
    [
        replace(MUCH, max_jobs=1),
        replace(MUCH, max_waiting_pages=3),
        replace(MUCH, max_bytes=15.0),
        replace(MUCH, max_remembered=1),
    ],
    ids=["jobs", "pages", "bytes", "remembered"],
)
async def test_a_caller_that_has_its_share_gets_no_more_and_others_do(stores: list[JobStore], quota: Quota) -> None:
    await stores[0].add(job_of(3), quota)
    with pytest.raises(RateLimited, match=r"yours|for you") as refused:
        await stores[1].add(job_of(1, id="b"), quota)
    assert refused.value.retry_after_s
    assert await stores[1].get("b") is None
    await stores[1].add(job_of(1, id="c", owner="key 2"), quota)


async def test_while_the_file_cannot_be_used_callers_are_told_to_come_back(tmp_path: Path) -> None:
    path = tmp_path / "below" / "jobs.sqlite3"
    (tmp_path / "below").write_text("a file, where a folder should be")
    store = SqliteJobStore(path)
    with pytest.raises(NotReady) as away:
        await store.add(job_of(1), MUCH)
    assert away.value.retry_after_s
    (tmp_path / "below").unlink()
    await store.add(job_of(1), MUCH)  # as soon as it can be used again
    assert path.stat().st_mode & 0o777 == 0o600  # it holds secrets of callbacks
    await store.close()


async def test_while_redis_is_away_callers_are_told_to_come_back() -> None:
    store = RedisJobStore("redis://127.0.0.1:1", "quorum")
    with pytest.raises(NotReady) as away:
        await store.get("a")
    assert away.value.retry_after_s
    await store.close()
