"""What the cluster does by the clock, and that it does it once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployments.config.schema import MonitorConfig
from deployments.gateway.admin_api import periodic_tasks
from deployments.observability.monitor import DailyFiles, Monitor, PeriodicTask
from tests.fakes.plain_service import PlainService, Whole, plain_config

DAY = 86_400.0


class Clockwork:
    """A monitor whose clock, lease and configuration a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000 * DAY
        self.config = MonitorConfig(enabled=True, health_s=300.0, self_test_s=3600.0, retention_days=7.0)
        self.holds = True
        self.done: list[str] = []
        self.fails = False
        self.files = {name: DailyFiles(folder / name, ".jsonl") for name in ("health", "test")}
        self.monitor = self.another()

    def another(self) -> Monitor:
        work = (
            PeriodicTask("health", lambda config: config.health_s, self.files["health"], lambda _: self._do("health")),
            PeriodicTask("test", lambda config: config.self_test_s, self.files["test"], lambda _: self._do("test")),
        )
        return Monitor(lambda: self.config, work, self._lease, lambda: self.now)

    async def _do(self, name: str) -> str:
        self.done.append(name)
        if self.fails:
            raise ZeroDivisionError("dear diary")
        return f"{name} at {self.now}"

    async def _lease(self) -> bool:
        return self.holds

    async def passing(self, seconds: float, monitor: Monitor | None = None) -> list[str]:
        """What is done in so many seconds."""
        self.done = []
        end = self.now + seconds
        while self.now < end:
            await (monitor or self.monitor).tick()
            self.now += 60.0
        return self.done


async def test_each_job_has_its_own_period(tmp_path: Path) -> None:
    done = await Clockwork(tmp_path).passing(7200.0)
    assert (done.count("health"), done.count("test")) == (24, 2)


async def test_nothing_is_done_while_it_is_off_or_somebody_else_holds_the_lease(tmp_path: Path) -> None:
    clockwork = Clockwork(tmp_path)
    clockwork.holds = False
    assert await clockwork.passing(7200.0) == []
    clockwork.holds = True
    clockwork.config = MonitorConfig()
    assert await clockwork.passing(7200.0) == []


async def test_a_replica_that_takes_over_goes_on_with_the_schedule(tmp_path: Path) -> None:
    clockwork = Clockwork(tmp_path)
    await clockwork.passing(1800.0)
    assert (await clockwork.passing(1740.0, clockwork.another())).count("test") == 0
    assert (await clockwork.passing(120.0, clockwork.another())).count("test") == 1


async def test_a_job_that_fails_is_written_down_without_its_words_and_comes_again(tmp_path: Path) -> None:
    clockwork = Clockwork(tmp_path)
    clockwork.fails = True
    assert (await clockwork.passing(600.0)).count("health") == 2
    [file] = (tmp_path / "health").iterdir()
    assert file.read_text().splitlines() == ['{"failed": "ZeroDivisionError"}'] * 2


async def test_what_is_older_than_the_retention_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    clockwork = Clockwork(tmp_path)
    folder = tmp_path / "health"
    folder.mkdir()
    for name in ("1972-09-15.jsonl", "1972-09-20.jsonl", "1972-09-25.jsonl", "notes.txt"):
        (folder / name).write_text("x\n")
        os.utime(folder / name, (0, 0))
    await clockwork.passing(60.0)
    assert clockwork.now // DAY == 1_000  # 1972-09-27
    assert sorted(file.name for file in folder.iterdir()) == [
        "1972-09-20.jsonl",
        "1972-09-25.jsonl",
        "1972-09-27.jsonl",
        "notes.txt",
    ]


async def test_the_jobs_look_test_and_export(tmp_path: Path) -> None:
    whole = Whole(PlainService(), plain_config())
    whole.nodes.page = "# TYPE ray_ocr_queue_crops gauge\nray_ocr_queue_crops 3.0\n"
    config = MonitorConfig(self_test_samples=4)
    reports = {task.name: await task.run(config) for task in periodic_tasks(whole.admin_api(), whole.record, tmp_path)}
    assert '"missing": {"b": "no model"}' in reports["health"]
    assert '"samples": 4' in reports["self-test"]
    assert "ray_ocr_queue_crops 3.0" in reports["export"]
    assert whole.recorded["ocr_engines_available", ()] == [1]
    assert whole.recorded["ocr_self_test_success", ()] == [pytest.approx(0.0)]
