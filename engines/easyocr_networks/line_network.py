"""A line network in EasyOCR's format: crops in, hypotheses out.

Crops are prepared as EasyOCR prepares them; its own functions for that import torch. Its public answer has one
confidence a line, so the network is asked directly, and its CTC output is decoded here. Nothing here knows what
computes the network.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.ctc import Decoder, Steps
from engines.common.text_rows import crop_to_text_rows
from engines.common.unreadable import unreadable
from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Scope

MAX_RATIO = 60
"""A crop that is wider than this many times its height is squeezed to it: nothing else bounds the memory it takes."""
CHARACTERS = 16
"""Single characters in one run where all are padded to the same width."""
_OTHER_MODEL = "set engines.easyocr.model to a model of EasyOCR's for it, or let the other engines read"

Infer = Callable[[NDArray[np.float32]], Steps]


@dataclass(frozen=True, slots=True)
class LineNetwork:
    """One network. `infer` makes steps (N, T, C) of pictures (N, 1, H, W) in [-1, 1]; `height_px` is what it reads at,
    `row_margin` what a line keeps above and below its letters (engines/common/text_rows.py), `together` how many crops
    one run takes. `runs` makes several runs at once.
    """

    infer: Infer
    decoder: Decoder
    height_px: int
    row_margin: float
    model: str
    together: int
    runs: ThreadPoolExecutor

    def refusal(self, crop: Crop) -> str | None:
        """Why it cannot write the languages of a crop, with the remedy; None where it can."""
        return unreadable(f"the model {self.model}", crop.languages, self.decoder.alphabet, _OTHER_MODEL)

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order, of crops that hold something."""
        seen = zip(crops, self.steps(crops), strict=True)
        return [self.decoder.hypothesis(crop, steps, step_px) for crop, (steps, step_px) in seen]

    def steps(self, crops: Sequence[Crop]) -> list[tuple[Steps, float]]:
        """Of each crop, in order, what the decoder takes: its steps, and the width of one in crop pixels."""
        answers: dict[int, tuple[Steps, float]] = {}
        # From the widest down, so that no run is left alone with a long one.
        order = sorted(range(len(crops)), key=lambda index: _width_to_height(crops[index]), reverse=True)
        batches = list(self._batches(crops, order))
        read = self.runs.map(lambda batch: list(self._run([crops[index] for index in batch])), batches)
        for batch, found in zip(batches, read, strict=True):
            answers |= zip(batch, found, strict=True)
        return [answers[index] for index in range(len(crops))]

    def _batches(self, crops: Sequence[Crop], order: Sequence[int]) -> Iterator[Sequence[int]]:
        """What one run takes together: lines as far as `together` says, single characters that are equally wide."""
        lines = [index for index in order if crops[index].region.scope is Scope.LINE]
        yield from _parts(lines, self.together)
        singles = defaultdict(list)
        for index in order:
            if crops[index].region.scope is Scope.CHARACTER:
                singles[heights(_width_to_height(crops[index]))].append(index)
        for alike in singles.values():
            yield from _parts(alike, CHARACTERS)

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        greys = [_grey(crop, self.row_margin) for crop in crops]
        padded_width = self.height_px * max(heights(grey.shape[1] / grey.shape[0]) for grey in greys)
        pictures = np.stack([network_input(grey, self.height_px, padded_width) for grey in greys])[:, None]
        for crop, grey, steps in zip(crops, greys, self.infer(pictures), strict=True):
            height, width = grey.shape
            scaled_width = min(math.ceil(self.height_px * width / height), padded_width)
            yield steps, padded_width / steps.shape[0] * crop.region.width_px / scaled_width


def _width_to_height(crop: Crop) -> float:
    return crop.region.width_px / crop.region.height_px


def _parts(indices: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (indices[first : first + most] for first in range(0, len(indices), most))


def heights(ratio: float) -> int:
    """To how many of its heights EasyOCR pads a crop of this width to height; one that stands counts as if it lay."""
    return math.ceil(max(ratio, 1.0 / ratio))


def network_input(grey: NDArray[np.uint8], height_px: int, padded_width: int) -> NDArray[np.float32]:
    """The crop as EasyOCR's networks take it, (height_px, padded_width) in [-1, 1]: scaled in two steps, and its last
    column repeated.
    """
    from PIL import Image

    height, width = grey.shape
    ratio = width / height
    size = (int(height_px * ratio), height_px) if ratio >= 1.0 else (height_px, int(height_px * (1.0 / ratio)))
    scaled = Image.fromarray(np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8))
    own_width = min(math.ceil(height_px * (scaled.width / scaled.height)), padded_width)
    drawn = np.asarray(scaled.resize((own_width, height_px), Image.Resampling.BICUBIC))
    padded = np.pad(drawn, ((0, 0), (0, padded_width - own_width)), mode="edge").astype(np.float32)
    return (padded / np.float32(255.0) - np.float32(0.5)) / np.float32(0.5)


def _grey(crop: Crop, row_margin: float) -> NDArray[np.uint8]:
    """Grey pixels (H, W), those of a line without the paper around it, squeezed to MAX_RATIO if need be."""
    from PIL import Image

    picture = Image.fromarray(crop.pixels).convert("L")
    if crop.region.scope is Scope.LINE:
        picture = Image.fromarray(crop_to_text_rows(np.asarray(picture), row_margin))
    widest = MAX_RATIO * picture.height
    if picture.width > widest:
        picture = picture.resize((widest, picture.height), Image.Resampling.BILINEAR)
    return np.asarray(picture)
