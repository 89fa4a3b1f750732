"""What a replica has its worker load and do: frozen values that travel to the worker's process and run there. To make
one loads no library that looks at images, so that the replica's own process stays small.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from deployments.config.deployment_names import SEGMENTATION
from deployments.messages.answers import CharacterCropsAnswer, ImageRefused, NamedPicture
from deployments.messages.request import SegmentationRequest
from ocr import LoadOptions, SegmentedPage, StepTimer, TimedStep

if TYPE_CHECKING:
    from deployments.segmentation.image_file_segmenter import ImageFileSegmenter

Result_co = TypeVar("Result_co", covariant=True)


class Loader(Protocol):
    """Makes the segmenter of a worker."""

    def load(self) -> ImageFileSegmenter:
        """Raises EngineUnavailable."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of `segmentation.loading.load`."""

    options: LoadOptions
    orientation: Path | None = None
    reading: Path | None = None

    def load(self) -> ImageFileSegmenter:
        from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
        from segmentation.loading import load

        segmenter = load(self.options, self.orientation, self.reading)
        return ImageFileSegmenter(segmenter, processor_clock=time.process_time, make_room=segmenter.release_memory)


class Task(Protocol[Result_co]):
    """Work for the worker, within what `request` allows."""

    @property
    def request(self) -> SegmentationRequest:
        """The deadline and the processor time."""

    def run(self, segmenter: ImageFileSegmenter) -> Result_co:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a task comes to when something goes wrong that nobody raised on purpose."""

    traceback: str


@dataclass(frozen=True, slots=True)
class SegmentPage:
    """The lines of a page, and where the time went."""

    data: bytes
    request: SegmentationRequest

    def run(self, segmenter: ImageFileSegmenter) -> tuple[SegmentedPage | ImageRefused, tuple[TimedStep, ...]]:
        timer = StepTimer(SEGMENTATION)
        return segmenter.page(self.data, self.request, timer), timer.timings


@dataclass(frozen=True, slots=True)
class DrawPictures:
    """Pictures of what is done to a page on the way to its lines."""

    data: bytes
    request: SegmentationRequest

    def run(self, segmenter: ImageFileSegmenter) -> tuple[NamedPicture, ...] | ImageRefused:
        return segmenter.pictures(self.data, self.request)


@dataclass(frozen=True, slots=True)
class PrepareCharacters:
    """One crop for each image of one character."""

    images: tuple[bytes, ...]
    request: SegmentationRequest

    def run(self, segmenter: ImageFileSegmenter) -> tuple[CharacterCropsAnswer, SegmentedPage]:
        return segmenter.characters(self.images, self.request)
