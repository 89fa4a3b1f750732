"""The replica, apart from Serve: what a page that ends the worker costs those after it, and what `/ready` is told."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.config.schema import SegmentationConfig
from deployments.messages.answers import CharacterCropsAnswer, ImageRefused, LayoutAnswer
from deployments.messages.request import Asker, SegmentationRequest
from deployments.segmentation import worker_process
from ocr import SegmentedPage
from ocr.errors import DeadlineExceeded, NotAnImage
from tests.deployments.segmentation.test_image_file_segmenter import png
from tests.fakes.segmenting import COMPUTES, CRASHES, HANGS, Harmful

pytestmark = pytest.mark.processes


@pytest.fixture
def replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from deployments.segmentation import deployment

    monkeypatch.setattr(worker_process, "_GRACE_S", 0.2)
    seen: list[Any] = []
    runtime = SimpleNamespace(watch_config=lambda: None)
    monkeypatch.setattr(deployment, "ReplicaRuntime", lambda _settings, used_mb: seen.append(used_mb) or runtime)
    monkeypatch.setattr(deployment, "Models", lambda *_: Harmful(tmp_path / "pids"))
    monkeypatch.setattr(deployment.models, "resolve", lambda *_, **__: None)
    settings: Any = None
    replica = deployment.SegmentationReplica(SegmentationConfig(), tmp_path, tmp_path, settings)
    assert seen[0]() > 2 * 20  # its own memory and that of a worker
    yield replica
    close(replica)


def close(replica: Any) -> None:
    for lane in replica._turns._lanes:
        lane.thread.submit(lane.worker.close).result()


def request(deadline: float = math.inf, caller: str = "") -> SegmentationRequest:
    return SegmentationRequest("general", (), 1_000_000, deadline, asker=Asker(caller))


async def page(replica: Any, width: int, deadline: float = math.inf, caller: str = "") -> list[Any]:
    return [answer async for answer in replica.page(png(width), request(deadline, caller))]


async def all_ready(replica: Any) -> None:
    async with asyncio.timeout(60):
        while not all(worker.is_ready for worker in replica._workers):
            await replica.ping()
            await asyncio.sleep(0.05)


async def test_a_page_is_a_layout_with_where_the_time_went_and_then_the_crops(replica):
    layout, crops = await page(replica, 30)
    assert isinstance(layout, LayoutAnswer)
    assert [step.name for step in layout.timings] == ["queue", "decode", "clean", "find lines", "hand over"]
    assert isinstance(crops, SegmentedPage)
    assert crops.pixels[0].shape == (20, 30, 3)


async def test_a_page_that_hangs_is_refused_and_the_replica_is_ready_again_without_another_page(replica):
    await all_ready(replica)
    [refused] = await page(replica, HANGS, time.time() + 0.3)
    assert isinstance(refused, ImageRefused)
    assert isinstance(refused.error, DeadlineExceeded)
    assert await replica.ping()  # the other worker is there
    await all_ready(replica)
    replica.check_health()


async def test_pages_that_waited_behind_one_that_ended_the_worker_are_read(replica):
    ended, *read = await asyncio.gather(*(page(replica, width) for width in (CRASHES, 30, 40)))
    assert isinstance(ended[0].error, NotAnImage)
    assert [answers[1].pixels[0].shape[1] for answers in read] == [30, 40]


async def test_characters_that_end_the_worker_are_each_told_so(replica, monkeypatch):
    for worker in replica._workers:
        monkeypatch.setattr(worker, "_answer", lambda _patience_s: (_ for _ in ()).throw(EOFError()))
    answer, crops = [each async for each in replica.characters([png(30), png(40)], request())]
    assert isinstance(answer, CharacterCropsAnswer)
    assert len(answer.outcomes) == 2
    assert crops.pixels == ()


async def test_a_replica_without_a_worker_that_starts_is_unhealthy(replica):
    for worker in replica._workers:
        worker._command = ("false",)
    close(replica)
    [refused] = await page(replica, 30)
    assert isinstance(refused, ImageRefused)
    assert not await replica.ping()
    with pytest.raises(RuntimeError, match="does not start"):
        replica.check_health()


async def test_a_page_that_computes_without_end_holds_up_no_other_caller(replica):
    await all_ready(replica)
    endless = asyncio.create_task(page(replica, COMPUTES, time.time() + 3.0, caller="a"))
    while not any(lane.page for lane in replica._turns._lanes):
        await asyncio.sleep(0.01)
    read = [(await page(replica, 30, time.time() + 30.0, caller="b"))[1] for _ in range(5)]
    assert [crops.pixels[0].shape[1] for crops in read] == [30] * 5
    assert not endless.done()
    [refused] = await endless
    assert isinstance(refused.error, DeadlineExceeded)
