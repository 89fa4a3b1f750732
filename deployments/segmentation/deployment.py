"""The Serve class of the segmentation: bytes of an image in, a layout and then the crops out.

Its methods are generators of two values. The caller takes the first, which is small, and passes the *reference* of the
second on to the engines: the crops go from this node to theirs and never through the caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import segmentation
from cluster.weights import models, rapidocr_models
from deployments.config.deployment_names import SEGMENTATION
from deployments.config.schema import SegmentationConfig
from deployments.messages.answers import CharacterCropsAnswer, ImageRefused, LayoutAnswer, NamedPicture
from deployments.messages.request import SegmentationRequest
from deployments.replica.runtime import ReplicaRuntime, ReplicaSettings
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from ocr import LoadOptions, SegmentedPage, StepTimer

log = logging.getLogger("quorum.segmentation")

Result = TypeVar("Result")

DETECTOR = "paddleocr_detector"
"""Key of the text detector in the model store."""


class SegmentationReplica:
    """A replica of the segmentation. It cuts in one worker thread, so that health checks are answered meanwhile."""

    def __init__(self, config: SegmentationConfig, model_dir: Path, cache_dir: Path, settings: ReplicaSettings) -> None:
        self._config_watcher = ReplicaRuntime(settings).watch_config()
        model = models.resolve(
            DETECTOR, config.model, model_dir=model_dir.expanduser(), cache_dir=cache_dir.expanduser()
        )
        options = LoadOptions(model, threads=config.threads)
        self._segmenter = ImageFileSegmenter(segmentation.load(options, *rapidocr_models.orientation_files()))
        self._segmenter.warm_up()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="segmentation")

    async def page(
        self, data: bytes, request: SegmentationRequest
    ) -> AsyncIterator[LayoutAnswer | ImageRefused | SegmentedPage]:
        """The lines of a page: first where they are, then their pixels."""
        timer = StepTimer(SEGMENTATION)
        segmented = await self._in_thread(lambda: self._segmenter.page(data, request, timer), timer)
        if isinstance(segmented, ImageRefused):
            log.info("refused a page: %s", segmented.error.code)
            yield segmented
            return
        log.info("found %d lines", len(segmented.layout.regions))
        yield LayoutAnswer(segmented.layout, timer.timings)
        yield segmented

    async def pictures(self, data: bytes, request: SegmentationRequest) -> tuple[NamedPicture, ...] | ImageRefused:
        """What is done to a page on the way to its lines."""
        return await self._in_thread(lambda: self._segmenter.pictures(data, request), StepTimer(SEGMENTATION))

    async def characters(
        self, images: Sequence[bytes], request: SegmentationRequest
    ) -> AsyncIterator[CharacterCropsAnswer | SegmentedPage]:
        """One crop per image of one character: first which image has which crop, then the crops."""
        timer = StepTimer(SEGMENTATION)
        segmented, crops = await self._in_thread(lambda: self._segmenter.characters(images, request), timer)
        timer.end_step("prepare")
        log.info("prepared %d of %d characters", len(segmented.layout.regions), len(images))
        yield replace(segmented, timings=timer.timings)
        yield crops

    async def _in_thread(self, work: Callable[[], Result], timer: StepTimer) -> Result:
        def begin() -> Result:
            timer.end_step("queue")
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, begin)

    async def ping(self) -> bool:
        """Answers once the replica is warm."""
        return True
