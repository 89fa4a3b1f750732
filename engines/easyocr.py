"""EasyOCR's recogniser, loaded by `easyocr.Reader` itself and decoded here from the raw CTC output.

A model directory holds either a custom recognition network in EasyOCR's format (NAME.py with class Model, NAME.yaml,
NAME.pth) or one of EasyOCR's own files (english_g2.pth). A .pth is a pickle and NAME.py is code: both are opened only
when their sha256 is the one in metadata.json. Crops are prepared by EasyOCR's own functions; its public answer has one
confidence a line, so the network is asked directly. EasyOCR's detector is not used and nothing is downloaded.
Source: https://github.com/JaidedAI/EasyOCR/blob/master/custom_model.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engines.ctc import Decoder, Steps
from engines.ink import is_blank
from ocr.claims import Hypothesis
from ocr.image import Crop, Scope
from ocr.ports import EngineSpec, Resources

MAX_RATIO = 60
"""A crop that is wider than this many times its height is squeezed to it: nothing else bounds the memory it takes."""
GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one, as EasyOCR itself does it: padding costs more than a batch saves."""


@dataclass(frozen=True, slots=True)
class EasyOCR:
    """A loaded recogniser. `height_px` is what its network reads at, `together` how many crops one run of it takes."""

    torch: ModuleType
    reader: Any
    decoder: Decoder
    height_px: int
    model: str
    together: int

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [Hypothesis()] * len(crops)
        readable = [index for index, crop in enumerate(crops) if not is_blank(crop.pixels)]
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px)
        for first in range(0, len(readable), self.together):
            batch = readable[first : first + self.together]
            for index, (steps, step_px) in zip(batch, self._run([crops[index] for index in batch]), strict=True):
                answers[index] = Hypothesis.of(self.decoder.read(crops[index], steps, step_px))
        return answers

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        scaled, widths = zip(*(self._scale(_grey(crop)) for crop in crops), strict=True)
        padded_width = max(widths)
        for crop, steps in zip(crops, self._infer(scaled, padded_width), strict=True):
            width, height = crop.region.width_px, crop.region.height_px
            scaled_width = min(math.ceil(self.height_px * min(width / height, MAX_RATIO)), padded_width)
            yield steps, padded_width / steps.shape[0] * width / scaled_width

    SPEC = EngineSpec(
        name="easyocr",
        scopes=frozenset({Scope.LINE, Scope.CHARACTER}),
        load=load,
        batch_size=16,
        resources=Resources(cpu=1.0, gpu=0.2, memory_mb=1500),
        prior_weights={"general": 0.20, "handwritten": 0.20, "printed": 0.25, "noisy": 0.35},
    )
