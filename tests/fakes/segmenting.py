"""A segmenter for the worker's process that does harm to images of certain widths, and loaders of it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from ocr import Crop, Image, Layout, Scope, SegmentedPage
from ocr.errors import EngineUnavailable
from ocr.interfaces import MAX_LINES, Checkpoint, go_on

HANGS, CRASHES, IS_FAULTY, COMPUTES, RUNS_OUT_OF_MEMORY, LOOKS_UP = 11, 12, 13, 14, 15, 16


def _compute() -> None:
    while True:
        pass


def _divide() -> None:
    raise ZeroDivisionError("a secret")


_HARM = {
    HANGS: lambda: time.sleep(600),
    CRASHES: lambda: os.kill(os.getpid(), signal.SIGSEGV),
    IS_FAULTY: _divide,
    COMPUTES: _compute,
    RUNS_OUT_OF_MEMORY: lambda: os.kill(os.getpid(), signal.SIGKILL),
}


class HarmfulSegmenter:
    """One region that is the whole image, unless the image has one of the widths above."""

    def segment(self, image: Image, *, max_lines: int = MAX_LINES, checkpoint: Checkpoint = go_on) -> SegmentedPage:
        if image.width_px in _HARM:
            _HARM[image.width_px]()
        while image.width_px == LOOKS_UP:  # computes without end, but stops when it is told
            checkpoint()
        return self.character(image)

    def character(self, image: Image) -> SegmentedPage:
        region = Crop.whole(image.pixels, Scope.LINE).region
        return SegmentedPage(Layout(image.width_px, image.height_px, (region,)), (image.pixels,))


@dataclass(frozen=True)
class Harmful:
    """Notes the process in which it is loaded in the file `pids`."""

    pids: Path

    def load(self) -> ImageFileSegmenter:
        with self.pids.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return ImageFileSegmenter(HarmfulSegmenter(), processor_clock=time.process_time)


@dataclass(frozen=True)
class Missing:
    """Cannot be loaded, and says what is in the environment."""

    def load(self) -> ImageFileSegmenter:
        raise EngineUnavailable(f"the model is missing; environment: {' '.join(sorted(os.environ))}", "fetch it")
