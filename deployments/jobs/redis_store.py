"""Jobs in a Redis server, for clusters of several nodes. How durable that is, is the server's configuration:
`appendonly yes` and `appendfsync always` keep what was acknowledged.

Keys, each after `quorum:APPLICATION:jobs:`

    job:ID         hash: `version`, and each of its parts (job_parts.py)
    owner:OWNER    hash: id -> summary, of all jobs of one caller
    open           hash: id -> summary, of jobs that have not ended
    due            sorted set of ids by Job.due_at
    folders        hash: id -> folder

A change watches its job and is made in one transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from deployments.config.redis_options import redis_options
from deployments.jobs.job import Job, JobSummary
from deployments.jobs.job_parts import Changes, changes, job_of, parts_of
from deployments.jobs.job_store import Quota, away

if TYPE_CHECKING:
    from redis.asyncio.client import Pipeline

_REDIS_S = 5.0
_TRIES = 100


class RedisJobStore:
    """A JobStore in a Redis server, for one application."""

    def __init__(self, url: str, application: str) -> None:
        import redis.asyncio  # takes longer to load than all that is needed without a Redis

        self._redis = redis.asyncio.Redis.from_url(url, decode_responses=True, **redis_options(_REDIS_S))
        self._away = (redis.exceptions.RedisError, OSError, TimeoutError)
        self._lost_race = redis.exceptions.WatchError
        self._prefix = f"quorum:{application}:jobs:"

    async def add(self, job: Job, quota: Quota) -> Job:
        owner = self._key("owner", job.owner)
        async with self._errors():
            for _ in range(_TRIES):
                async with self._redis.pipeline(transaction=True) as pipeline:
                    await pipeline.watch(self._key("job", job.id), owner)
                    found = _job(await pipeline.hgetall(self._key("job", job.id)))
                    if found is not None:
                        return found
                    others = await pipeline.hvals(owner)
                    quota.require_room([JobSummary.model_validate_json(text) for text in others], job.summary().size)
                    if await self._written(pipeline, job, parts_of(job)):
                        return job
        raise away(TimeoutError("others write all the time"))

    async def get(self, job_id: str) -> Job | None:
        async with self._errors():
            return _job(await self._redis.hgetall(self._key("job", job_id)))

    async def version(self, job_id: str) -> int | None:
        async with self._errors():
            version = await self._redis.hget(self._key("job", job_id), "version")
            return None if version is None else int(version)

    async def replace(self, job: Job, earlier: Job) -> bool:
        async with self._errors(), self._redis.pipeline(transaction=True) as pipeline:
            await pipeline.watch(self._key("job", job.id))
            version = await pipeline.hget(self._key("job", job.id), "version")
            if version is None or int(version) != earlier.version:
                return False
            return await self._written(pipeline, job, changes(job, earlier))

    async def remove(self, job: Job) -> None:
        async with self._errors(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._key("job", job.id))
            pipeline.hdel(self._key("owner", job.owner), job.id)
            pipeline.hdel(self._key("open"), job.id)
            pipeline.hdel(self._key("folders"), job.id)
            pipeline.zrem(self._key("due"), job.id)
            await pipeline.execute()

    async def of_owner(self, owner: str, before: float, most: int) -> list[Job]:
        async with self._errors():
            texts = await self._redis.hvals(self._key("owner", owner))
            known = [JobSummary.model_validate_json(text) for text in texts]
            earlier = sorted((each for each in known if each.created_at < before), key=lambda each: -each.created_at)
            async with self._redis.pipeline(transaction=False) as pipeline:
                for summary in earlier[:most]:
                    pipeline.hgetall(self._key("job", summary.id))
                found = await pipeline.execute()
        return [job for job in map(_job, found) if job is not None]

    async def open_jobs(self) -> list[JobSummary]:
        async with self._errors():
            texts = await self._redis.hvals(self._key("open"))
        return [JobSummary.model_validate_json(text) for text in texts]

    async def due(self, now: float, most: int) -> list[str]:
        async with self._errors():
            ids = await self._redis.zrangebyscore(self._key("due"), "-inf", now, start=0, num=most)
        return [str(each) for each in ids]

    async def folders(self) -> set[str]:
        async with self._errors():
            return {str(folder) for folder in await self._redis.hvals(self._key("folders"))}

    async def close(self) -> None:
        await self._redis.aclose()

    async def _written(self, pipeline: Pipeline, job: Job, changed: Changes) -> bool:
        """Whether the transaction was made: not where what is watched has changed."""
        summary = job.summary()
        text = summary.model_dump_json()
        pipeline.multi()  # type: ignore[no-untyped-call]
        key, gone = self._key("job", job.id), [name for name, content in changed.items() if content is None]
        kept: dict[Any, Any] = {name: content for name, content in changed.items() if content is not None}
        pipeline.hset(key, mapping={"version": job.version, **kept})
        if gone:
            pipeline.hdel(key, *gone)
        pipeline.hset(self._key("owner", job.owner), job.id, text)
        pipeline.hset(self._key("folders"), job.id, job.folder)
        if summary.is_open:
            pipeline.hset(self._key("open"), job.id, text)
        else:
            pipeline.hdel(self._key("open"), job.id)
        if summary.due_at is None:
            pipeline.zrem(self._key("due"), job.id)
        else:
            pipeline.zadd(self._key("due"), {job.id: summary.due_at})
        try:
            await pipeline.execute()
        except self._lost_race:
            return False
        return True

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        try:
            yield
        except self._away as error:
            raise away(error) from error


def _job(fields: Mapping[Any, Any]) -> Job | None:
    """The job whose parts are the fields of its hash; without any there is none."""
    return job_of(fields) if fields else None
