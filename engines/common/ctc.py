"""From the output of a CTC network to characters with probabilities and places.

A CTC network gives T steps from left to right, each with probabilities over a blank and the characters that it knows.
Decoding is greedy (Graves et al. 2006, "Connectionist Temporal Classification", section 3.2). A character that is not
usual in the language is read where it is clearly seen (engines/common/usual_characters.py); where it is not, the best
usual one is, with no more than its own probability, and never nothing. Spans are in crop pixels. Nothing here knows an
engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.common.usual_characters import CLEARLY, is_latin, is_usual, twin
from ocr.hypothesis import Alternative, CharacterHypothesis, Hypothesis, Span
from ocr.image import Classes, Crop, Scope
from ocr.text.alphabet import UNWRITABLE, Alphabet

ALTERNATIVES = 3
MIN_ALTERNATIVE = 0.01

Steps = NDArray[np.float32]
"""Probabilities (T, C) of T steps from left to right over C columns; column 0 is the blank. Rows sum to 1."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that may be chosen, and their characters. The first is the blank, whose character is never used.

    What column `twins[i]` has is added to the column at place `twin_places[i]`: it is another code point of the same
    sign.
    """

    indices: NDArray[np.intp]  # (K,)
    characters: tuple[str, ...]
    twins: NDArray[np.intp]
    twin_places: NDArray[np.intp]

    @classmethod
    def of(cls, indices: Sequence[int], characters: Sequence[str], twins: Mapping[int, str] | None = None) -> Columns:
        """Of these columns of a network that writes `characters`; `twins` are other columns, by what they stand for."""
        own = tuple(characters[column] for column in indices)
        placed = {column: own.index(text) for column, text in (twins or {}).items() if text in own}
        return cls(np.array(indices), own, np.array([*placed], np.intp), np.array([*placed.values()], np.intp))

    def seen(self, steps: Steps) -> Steps:
        """What `steps` say of these columns: (T, K)."""
        chosen = steps[:, self.indices]
        for column, place in zip(self.twins, self.twin_places, strict=True):
            chosen[:, place] += steps[:, column]
        return chosen


class Run(NamedTuple):
    """Steps start <= t < end at which the same character was the most probable one."""

    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class SeenLine:
    """What a network sees on a line: probabilities (T, K) over columns with these characters, the blank first, and the
    width of a step and the size of the crop in pixels.
    """

    probabilities: Steps
    columns: tuple[str, ...]
    step_px: float
    width_px: int
    height_px: int

    def best_path(self) -> list[CharacterHypothesis]:
        """The runs of equal best columns without the blanks, and without spaces at the ends."""
        return self.read(list(_runs(self.probabilities.argmax(axis=1))))

    def read(self, runs: Sequence[Run], probabilities: Sequence[float] | None = None) -> list[CharacterHypothesis]:
        """The characters of some runs without spaces at the ends, as probable as is given or as they are at their best
        steps.
        """
        inked = [index for index, run in enumerate(runs) if self.columns[run.column] != " "]
        kept = range(inked[0], inked[-1] + 1) if inked else range(0)
        spans = _spans([runs[index] for index in kept], self.step_px, self.width_px, self.height_px)
        found = [
            _character(self.probabilities, self.columns, runs[index], span)
            for index, span in zip(kept, spans, strict=True)
        ]
        if probabilities is None:
            return found
        return [replace(own, probability=probabilities[index]) for index, own in zip(kept, found, strict=True)]


class Decoder:
    """Decodes the steps of one network. `characters` names its columns, the blank first; `alphabet` is what it can
    write.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        self._characters = tuple(characters)
        self._usual: dict[tuple[bool, bool], Columns] = {}
        self._of_classes: dict[Classes, Columns] = {}
        self.alphabet = Alphabet.of(character for character in self._characters[1:] if character != UNWRITABLE)

    def hypothesis(self, crop: Crop, steps: Steps, step_px: float) -> Hypothesis:
        """What `decode` reads, with the alphabet."""
        return Hypothesis.of(self.decode(crop, steps, step_px), self.alphabet)

    def decode(self, crop: Crop, steps: Steps, step_px: float) -> list[CharacterHypothesis]:
        """What `steps` say of `crop`; of a single character, which of its classes.

        `step_px` is the width of one step in crop pixels. Steps behind the end of the crop count as well: where
        letters are narrower than two steps, a network that sees the whole line writes on into the padding.
        """
        if crop.region.scope is Scope.CHARACTER:
            columns = self._columns_of(crop.classes)
            return _single(columns.seen(steps), columns.characters)
        return self.seen(crop, steps, step_px).best_path()

    def seen(self, crop: Crop, steps: Steps, step_px: float) -> SeenLine:
        """What `steps` say of a line before anything is decided: of the columns that are usual in its languages."""
        columns, seen = self._seen(steps, self._usual_in(crop.languages))
        return SeenLine(seen, columns.characters, step_px, crop.region.width_px, crop.region.height_px)

    def _columns_of(self, classes: Classes) -> Columns:
        if classes not in self._of_classes:
            allowed = [column for column, text in enumerate(self._characters) if column and text in classes.alphabet]
            self._of_classes[classes] = Columns.of([0, *allowed], self._characters)
        return self._of_classes[classes]

    def _usual_in(self, languages: tuple[str, ...]) -> Columns:
        latin = [is_latin(language) for language in languages]
        scripts = all(latin), latin[0]
        if scripts not in self._usual:
            self._usual[scripts] = self._usual_in_scripts(*scripts)
        return self._usual[scripts]

    def _usual_in_scripts(self, latin_alone: bool, latin_first: bool) -> Columns:
        """What is usual in languages of which all, or the first, are in Latin script: nothing else of them matters."""
        written = [(column, text) for column, text in enumerate(self._characters) if column and text]
        usual = [column for column, text in written if not latin_alone or is_usual(text)]
        twins = {column: same for column, text in written if latin_first and (same := twin(text)) is not None}
        return Columns.of([0, *usual], self._characters, twins)

    def _seen(self, steps: Steps, usual: Columns) -> tuple[Columns, Steps]:
        """The usual columns and those of unusual characters that are clearly seen, and the steps over them. Where an
        unusual one is the best and not clear, the blank cannot win: there is a character.
        """
        seen = usual.seen(steps)
        if len(usual.indices) == len(self._characters):
            return usual, seen
        unusual = 1.0 - seen.sum(axis=1)  # (T,)
        where = np.flatnonzero(unusual > seen.max(axis=1))
        if not len(where):
            return usual, seen
        others = steps[where].copy()  # (S, C)
        others[:, usual.indices] = 0.0
        others[:, usual.twins] = 0.0
        best = others.argmax(axis=1)
        highest = others[np.arange(len(where)), best]
        leads = highest > seen[where].max(axis=1)
        clear = leads & ((highest >= CLEARLY) | (seen[where, 1:].max(axis=1) < MIN_ALTERNATIVE))
        seen[where[leads & ~clear], 0] = 0.0
        added = np.unique(best[clear])
        columns = Columns.of([*usual.indices.tolist(), *added.tolist()], self._characters)
        return columns, np.concatenate([seen, steps[:, added]], axis=1)


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
