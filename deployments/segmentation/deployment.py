"""The Serve shell of the segmentation: bytes of an image in, a layout and then the crops out.

To cut is a generator of two values. The caller takes the first, which is small, and passes the *reference* of the
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
from deployments.messages.answers import CutCharacters, CutPage, CutRefused, NamedPicture
from deployments.messages.request import Handling
from deployments.replica.runtime import Keeper, Upkeep
from deployments.segmentation.page_cutting import Scissors
from ocr import Laps, LoadOptions, SegmentedPage

log = logging.getLogger("quorum.segmentation")

Result = TypeVar("Result")

DETECTOR = "paddleocr_detector"
"""Key of the text detector in the model store."""


class SegmentationReplica:
    """A replica of the segmentation. It cuts in one worker thread, so that health checks are answered meanwhile."""

    def __init__(self, config: SegmentationConfig, model_dir: Path, cache_dir: Path, upkeep: Upkeep) -> None:
        self._following = Keeper(upkeep).follow()
        model = models.resolve(
            DETECTOR, config.model, model_dir=model_dir.expanduser(), cache_dir=cache_dir.expanduser()
        )
        options = LoadOptions(model, threads=config.threads)
        self._scissors = Scissors(segmentation.load(options, *rapidocr_models.orientation_files()))
        self._scissors.warm_up()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="segmentation")

    async def page(self, data: bytes, handling: Handling) -> AsyncIterator[CutPage | CutRefused | SegmentedPage]:
        """The lines of a page: first where they are, then their pixels."""
        laps = Laps(SEGMENTATION)
        cut = await self._in_thread(lambda: self._scissors.page(data, handling, laps), laps)
        if isinstance(cut, CutRefused):
            log.info("refused a page: %s", cut.error.code)
            yield cut
            return
        log.info("found %d lines", len(cut.layout.regions))
        yield CutPage(cut.layout, laps.spent)
        yield cut

    async def pictures(self, data: bytes, handling: Handling) -> tuple[NamedPicture, ...] | CutRefused:
        """What is done to a page on the way to its lines."""
        return await self._in_thread(lambda: self._scissors.pictures(data, handling), Laps(SEGMENTATION))

    async def characters(
        self, images: Sequence[bytes], handling: Handling
    ) -> AsyncIterator[CutCharacters | SegmentedPage]:
        """One crop per image of one character: first which image has which crop, then the crops."""
        laps = Laps(SEGMENTATION)
        cut, crops = await self._in_thread(lambda: self._scissors.characters(images, handling), laps)
        laps.lap("prepare")
        log.info("prepared %d of %d characters", len(cut.layout.regions), len(images))
        yield replace(cut, spent=laps.spent)
        yield crops

    async def _in_thread(self, work: Callable[[], Result], laps: Laps) -> Result:
        def begin() -> Result:
            laps.lap("queue")
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._thread, begin)

    async def ping(self) -> bool:
        """Answers once the replica is warm."""
        return True
