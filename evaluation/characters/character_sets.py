"""Single characters that several engines have read, and how many of them their vote reads right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from fusion import Method, Profile, fuse_character
from ocr import Crop, Hypothesis, Image
from segmentation.detection.projection import ProjectionDetector
from segmentation.segmenter import TextSegmenter

Grey = NDArray[np.uint8]
"""(H, W)"""


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """Pictures with what they show, and what each engine says of them."""

    name: str
    truths: tuple[str, ...]
    hypotheses: tuple[Mapping[str, Hypothesis], ...]

    def hits(self, profile: Profile, method: Method) -> list[bool]:
        """Which characters the ensemble reads right."""
        said = (fuse_character(hypotheses, profile, method).text for hypotheses in self.hypotheses)
        return [one == truth for one, truth in zip(said, self.truths, strict=True)]

    def alone(self, engine: str) -> list[bool]:
        """Which characters an engine reads right by itself: none where it says nothing, whatever others say there."""
        own = replace(self, hypotheses=tuple({engine: hypotheses[engine]} for hypotheses in self.hypotheses))
        return own.hits(Profile("alone", {engine: 1.0}), Method.WEIGHTED_VOTING)

    def right(self, profile: Profile, method: Method) -> float:
        """The part that the ensemble reads right."""
        return sum(self.hits(profile, method)) / len(self.truths)


def read_set(
    store: ReadingStore, readers: Sequence[Reader], key: str, name: str, made: Sequence[tuple[Grey, str]]
) -> CharacterSet:
    def crops() -> list[Crop]:
        segmenter = TextSegmenter(ProjectionDetector())
        images = [Image(np.repeat(picture[:, :, None], 3, axis=2)) for picture, _ in made]
        return [crop for image in images for crop in segmenter.character(image).crops()]

    readings = {reader.name: store.read_crops(key, reader, crops).hypotheses for reader in readers}
    hypotheses = tuple({engine: said[index] for engine, said in readings.items()} for index in range(len(made)))
    return CharacterSet(name, tuple(truth for _, truth in made), hypotheses)
