"""What Tesseract is given to read at once, and the interface of what runs it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ocr.hypothesis import CharacterHypothesis, Span
from ocr.image import Classes, Scope

_PSM_LINE, _PSM_CHARACTER = 7, 10

Symbol = tuple[str, float, float, float, bool]
"""A character as Tesseract tells it: text, confidence (0 to 100), left and right edge in pixels of the prepared
picture, whether a word begins with it.
"""


class Group(NamedTuple):
    """Crops that are read in the same way. `data` are the names of the data."""

    scope: Scope
    data: tuple[str, ...]
    classes: Classes | None

    @property
    def mode(self) -> int:
        """How Tesseract takes a picture (its --psm): as one line of text, or as one character."""
        return _PSM_LINE if self.classes is None else _PSM_CHARACTER

    @property
    def whitelist(self) -> str:
        """The only characters that may be the answer; empty for all."""
        return "" if self.classes is None else self.classes.alphabet


class Prepared(NamedTuple):
    """Grey pixels for Tesseract, dark on light, and how to get back: crop x = (x - border) / scale."""

    pixels: NDArray[np.uint8]  # (H, W)
    scale: float
    width_px: int  # of the crop


class Run(NamedTuple):
    """Some crops of a group, by their index in the batch, which one process reads one after the other."""

    group: Group
    crops: Mapping[int, Prepared]


class TesseractProgram(Protocol):
    """Reads prepared crops; from one thread at a time."""

    def runs(self, group: Group, crops: int) -> int:
        """To how many processes so many crops of a group are worth giving."""

    def read(self, run: Run) -> dict[int, list[CharacterHypothesis]]:
        """The characters of each crop, by its index; spans in pixels of the prepared picture.

        Raises:
            InternalFailure: the process died.
            DeadlineExceeded: it did not end in time.
        """


def characters(symbols: Iterable[Symbol]) -> list[CharacterHypothesis]:
    """What was read of one picture, with the spaces between its words."""
    read: list[CharacterHypothesis] = []
    for text, confidence, left, right, begins_word in symbols:
        character = CharacterHypothesis(text, _probability(confidence), Span(left, right) if left < right else None)
        if begins_word and read:
            read.append(_space(read[-1], character))
        read.append(character)
    return read


def _probability(confidence: float) -> float:
    """Tesseract's 0 to 100 back to a probability: it is 100 + 5 (log p - 0.085), the offset being `kCertOffset` of
    src/lstm/lstmrecognizer.cpp (Tesseract 5). Outside of dictionary words Tesseract multiplies by 2.25 before.
    """
    return min(1.0, math.exp((confidence - 100.0) / 5.0 + 0.085))


def _space(before: CharacterHypothesis, after: CharacterHypothesis) -> CharacterHypothesis:
    """The gap between two words, for which Tesseract gives no confidence: as sure as the less sure neighbour."""
    span = None
    if before.span is not None and after.span is not None and before.span.end < after.span.start:
        span = Span(before.span.end, after.span.start)
    return CharacterHypothesis(" ", min(before.probability, after.probability), span)
