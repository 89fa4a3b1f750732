"""Periodic tasks, when `monitor.enabled` says so: a look at every component, a self-test, an export of all metrics, and
the deletion of what is older than the retention.

Every Gateway replica has a Monitor; the one that holds the lease acts. When a task ran last is seen from the file that
it left, so a replica that takes over goes on with the schedule. Times are seconds; knows no Ray.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.config.schema import MonitorConfig

log = logging.getLogger("quorum.monitor")

TICK_S = 5.0
LEASE_S = 30.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class DailyFiles:
    """A folder with one file for each day."""

    folder: Path
    suffix: str

    def append(self, text: str, now: float) -> None:
        """Append to the file of the day."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}{self.suffix}"
        with path.open("a") as file:
            file.write(f"{text.rstrip()}\n")
        os.utime(path, (now, now))

    def last_modified(self) -> float | None:
        """When something was added last; None when nothing is there."""
        return max((path.stat().st_mtime for path in self._paths()), default=None)

    def prune(self, before: float) -> int:
        """Delete the files of days that ended earlier; returns how many those were."""
        old = [path for path in self._paths() if _end_of(path) < before]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _paths(self) -> list[Path]:
        return [path for path in self.folder.glob(f"????-??-??{self.suffix}") if path.is_file()]


def _end_of(path: Path) -> float:
    """When the day of the file ended, from its name, so that copying files about changes nothing."""
    day = datetime.strptime(path.name[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    return day.timestamp() + _DAY_S


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """What is done every `every_s` seconds; the text that `run` returns is appended to its files."""

    name: str
    every_s: Callable[[MonitorConfig], float]
    files: DailyFiles
    run: Callable[[MonitorConfig], Awaitable[str]]


class Monitor:
    """Runs tasks by the clock while it holds the lease."""

    def __init__(
        self,
        config: Callable[[], MonitorConfig],
        periodic_tasks: tuple[PeriodicTask, ...],
        lease: Callable[[], Awaitable[bool]],
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._tasks = periodic_tasks
        self._lease = lease
        self._clock = clock

    async def run(self) -> None:
        """For as long as the replica lives."""
        while True:
            try:
                await self.tick()
            except Exception:  # the next tick may find the world in order again
                log.exception("the monitor failed")
            await asyncio.sleep(TICK_S)

    async def tick(self) -> None:
        """Do what is due."""
        config = self._config()
        if not config.enabled or not await self._lease():
            return
        for task in self._tasks:
            now = self._clock()
            last = await asyncio.to_thread(task.files.last_modified)
            if last is not None and now - last < task.every_s(config):
                continue
            try:
                said = await task.run(config)
            except Exception as error:
                log.exception("%s failed", task.name)
                said = json.dumps({"failed": type(error).__name__})
            await asyncio.to_thread(task.files.append, said, now)
            gone = await asyncio.to_thread(task.files.prune, now - config.retention_days * _DAY_S)
            log.info("%s done, %d old files deleted", task.name, gone)
