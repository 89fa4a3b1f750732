"""The Serve class of the segmentation: bytes of an image in, a layout and then the crops out.

Its methods are generators of two values. The caller takes the first, which is small, and passes the *reference* of the
second on to the engines: the crops go from this node to theirs and never through the caller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cluster.weights import models, rapidocr_models
from deployments.config.deployment_names import SEGMENTATION
from deployments.config.schema import SegmentationConfig
from deployments.messages.answers import CharacterCropsAnswer, ImageRefused, LayoutAnswer, NamedPicture
from deployments.messages.deadlines import arrived
from deployments.messages.request import SegmentationRequest
from deployments.replica.runtime import ReplicaRuntime, ReplicaSettings, shares_of_own_node
from deployments.segmentation.fair_workers import FairWorkers
from deployments.segmentation.worker_process import WorkerProcess
from deployments.segmentation.worker_tasks import DrawPictures, Models, PrepareCharacters, SegmentPage, Task
from ocr import Layout, LoadOptions, SegmentedPage, StepTimer
from ocr.errors import QuorumError
from ocr.runtime.process_memory import memory_mb, own_memory_mb

log = logging.getLogger("quorum.segmentation")

Result = TypeVar("Result")

DETECTOR = "paddleocr_detector"
"""Key of the text detector in the model store."""

# One for the page whose turn it is, one for a page that is paused meanwhile, or that has ended its worker.
_WORKERS = 2


class SegmentationReplica:
    """A replica of the segmentation: it hands pages to its workers, processes of their own, as callers take turns."""

    def __init__(self, config: SegmentationConfig, model_dir: Path, cache_dir: Path, settings: ReplicaSettings) -> None:
        self._config_watcher = ReplicaRuntime(settings, self._used_mb).watch_config()
        model = models.resolve(
            DETECTOR, config.model, model_dir=model_dir.expanduser(), cache_dir=cache_dir.expanduser()
        )
        models_of_worker = Models(LoadOptions(model, threads=config.threads), *rapidocr_models.orientation_files())
        self._workers = [WorkerProcess(models_of_worker, config.hung_after_s) for _ in range(_WORKERS)]
        self._turns = FairWorkers(self._workers, shares=shares_of_own_node(), threads=config.threads)
        self._turns.start_first()
        self._turns.start_missing()

    async def page(
        self, data: bytes, request: SegmentationRequest
    ) -> AsyncIterator[LayoutAnswer | ImageRefused | SegmentedPage]:
        """The lines of a page: first where they are, then their pixels."""
        timer = StepTimer(SEGMENTATION)
        segmented: SegmentedPage | ImageRefused
        try:
            segmented, timings = await self._run(SegmentPage(data, arrived(request, time.time())), timer)
        except QuorumError as error:
            segmented, timings = ImageRefused(error), ()
        if isinstance(segmented, ImageRefused):
            log.info("refused a page: %s", segmented.error.code)
            yield segmented
            return
        log.info("found %d lines", len(segmented.layout.regions))
        timer.add_steps(timings, "hand over")
        yield LayoutAnswer(segmented.layout, timer.timings)
        yield segmented

    async def pictures(self, data: bytes, request: SegmentationRequest) -> tuple[NamedPicture, ...] | ImageRefused:
        """What is done to a page on the way to its lines."""
        try:
            return await self._run(DrawPictures(data, arrived(request, time.time())), StepTimer(SEGMENTATION))
        except QuorumError as error:
            return ImageRefused(error)

    async def characters(
        self, images: Sequence[bytes], request: SegmentationRequest
    ) -> AsyncIterator[CharacterCropsAnswer | SegmentedPage]:
        """One crop per image of one character: first which image has which crop, then the crops."""
        timer = StepTimer(SEGMENTATION)
        try:
            segmented, crops = await self._run(PrepareCharacters(tuple(images), arrived(request, time.time())), timer)
        except QuorumError as error:
            segmented = CharacterCropsAnswer((error,) * len(images), Layout(1, 1, ()))
            crops = SegmentedPage(segmented.layout, ())
        timer.end_step("prepare")
        log.info("prepared %d of %d characters", len(segmented.layout.regions), len(images))
        yield replace(segmented, timings=timer.timings)
        yield crops

    def _used_mb(self) -> float:
        return own_memory_mb() + sum(memory_mb(worker.pid) for worker in self._workers if worker.pid)

    async def _run(self, task: Task[Result], timer: StepTimer) -> Result:
        return await self._turns.run(task, task.request.asker, lambda: timer.end_step("queue"))

    async def ping(self) -> bool:
        """Whether a page would be segmented now: not while every worker is being replaced."""
        self._turns.start_missing()
        return self._turns.is_ready

    def check_health(self) -> None:
        """Raise when no worker can be started: the replica ought to be replaced."""
        problems = [worker.problem for worker in self._workers if worker.problem]
        if problems and not self._turns.is_ready:
            raise RuntimeError(problems[0])
