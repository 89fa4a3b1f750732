"""From the output of a CTC network to characters with probabilities and places.

A CTC network gives T steps from left to right, each with probabilities over a blank and the characters that it knows.
Decoding is greedy (Graves et al. 2006, "Connectionist Temporal Classification", section 3.2) over the columns that may
be chosen. Spans are in crop pixels. Nothing here knows an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.common.alphabet import alphabet
from ocr.hypothesis import Alternative, CharacterHypothesis, Span
from ocr.image import Classes, Crop, Scope

ALTERNATIVES = 3
MIN_ALTERNATIVE = 0.01

Steps = NDArray[np.float32]
"""Probabilities (T, C) of T steps from left to right over C columns; column 0 is the blank. Rows sum to 1."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that may be chosen, and their characters. The first is the blank, whose character is never used."""

    indices: NDArray[np.intp]  # (K,)
    characters: tuple[str, ...]


class Run(NamedTuple):
    """Steps start <= t < end at which the same character was the most probable one."""

    column: int
    start: int
    end: int


class Decoder:
    """Decodes the steps of one network. `characters` names its columns, the blank first."""

    def __init__(self, characters: Sequence[str]) -> None:
        self._characters = tuple(characters)
        self._columns: dict[tuple[str, Classes | None], Columns] = {}

    def decode(self, crop: Crop, steps: Steps, step_px: float) -> list[CharacterHypothesis]:
        """What `steps` say of `crop`, in the alphabet of its language or, for a single character, of its classes.

        `step_px` is the width of one step in crop pixels. Steps behind the end of the crop count as well: where
        letters are narrower than two steps, a network that sees the whole line writes on into the padding.
        """
        width, height = crop.region.width_px, crop.region.height_px
        if crop.region.scope is Scope.CHARACTER:
            columns = self._allowed(crop.language, crop.classes)
            return _single(steps[:, columns.indices], columns.characters)
        columns = self._allowed(crop.language, None)
        return _line(steps[:, columns.indices], columns.characters, step_px, width, height)

    def _allowed(self, language: str, classes: Classes | None) -> Columns:
        key = (language, classes)
        if key not in self._columns:
            self._columns[key] = _columns(self._characters, language, classes)
        return self._columns[key]


def _columns(characters: Sequence[str], language: str, classes: Classes | None) -> Columns:
    """The columns of the blank and of the characters of the language, or of the classes."""
    allowed = alphabet(language) if classes is None else frozenset(classes.alphabet)
    kept = [0] + [column for column in range(1, len(characters)) if allowed is None or characters[column] in allowed]
    return Columns(np.array(kept), tuple(characters[column] for column in kept))


def _single(probabilities: Steps, characters: Sequence[str]) -> list[CharacterHypothesis]:
    """The most probable character anywhere in the crop, against the others that it could be and against none at all."""
    scores = probabilities.max(axis=0)  # (K,)
    scores[0] = probabilities[:, 0].min()
    scores /= scores.sum()
    best, *others = np.argsort(scores[1:])[::-1][: ALTERNATIVES + 1] + 1
    alternatives = tuple(
        Alternative(characters[column], float(scores[column])) for column in others if scores[column] >= MIN_ALTERNATIVE
    )
    return [CharacterHypothesis(characters[best], float(scores[best]), None, alternatives)]


def _line(
    probabilities: Steps, characters: Sequence[str], step_px: float, width_px: int, height_px: int
) -> list[CharacterHypothesis]:
    """The runs of equal best columns without the blanks, and without spaces at the ends."""
    runs = list(_runs(probabilities.argmax(axis=1)))
    while runs and characters[runs[0].column] == " ":
        del runs[0]
    while runs and characters[runs[-1].column] == " ":
        del runs[-1]
    spans = _spans(runs, step_px, width_px, height_px)
    return [_character(probabilities, characters, run, span) for run, span in zip(runs, spans, strict=True)]


def _runs(best: NDArray[np.intp]) -> Iterator[Run]:
    """The runs of equal values in (T,) that are not the blank."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    for start, end in zip(starts, ends, strict=True):
        if best[start] != 0:
            yield Run(int(best[start]), int(start), int(end))


def _character(probabilities: Steps, characters: Sequence[str], run: Run, span: Span) -> CharacterHypothesis:
    """A character is as probable as at its best step; that step also tells what else it could be."""
    peak = probabilities[run.start + int(probabilities[run.start : run.end, run.column].argmax())]  # (K,)
    ranked = np.argsort(peak)[::-1][: ALTERNATIVES + 2]
    alternatives = [
        Alternative(characters[column], float(peak[column]))
        for column in ranked
        if column not in (0, run.column) and peak[column] >= MIN_ALTERNATIVE
    ]
    probability = min(1.0, float(peak[run.column]))
    return CharacterHypothesis(characters[run.column], probability, span, tuple(alternatives[:ALTERNATIVES]))


def _spans(runs: Sequence[Run], step_px: float, width_px: int, height_px: int) -> list[Span]:
    """Where each character stands.

    CTC tells where a character was recognised, not where it begins: neighbours meet half way between the middles of
    their runs, and no character reaches farther from its middle than half the height of the line.
    """
    if runs:  # what was written behind the end of the crop is drawn into it, all places alike
        step_px = min(step_px, width_px / runs[-1].end)
    middles = [(run.start + run.end) / 2 * step_px for run in runs]
    borders = [0.0, *((left + right) / 2 for left, right in pairwise(middles)), float(width_px)]
    reach = max(height_px / 2, step_px)
    return [
        Span(max(borders[index], middle - reach), min(borders[index + 1], middle + reach))
        for index, middle in enumerate(middles)
    ]
