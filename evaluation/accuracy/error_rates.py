"""What every engine and the fusion read on real pages, counted: on true lines, and from the page image.

A `Sample` is what is compared as one string: a true line, or a group of lines that lie in the same place (see
matching).
Here readings become samples and samples become figures; nothing is read and nothing is printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.bootstrap import Interval, interval, paired
from evaluation.metrics.line_matching import Group
from evaluation.metrics.text_comparison import Count, characters, words
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine

FUSED = "fused"


@dataclass(frozen=True, slots=True)
class Sample:
    """A truth, and what each reader read there; all as they are compared."""

    set_name: str
    truth: str
    reads: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with its interval, and the edits of each sample."""

    count: Count
    within: Interval
    edits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetFigures:
    """Of one set: each reader's character and word error rates, who of the engines is best, how likely it is that the
    fusion differs from it by chance, and the edits of the best path through the networks (None from the page).
    """

    samples: int
    characters: Mapping[str, Rate]
    words: Mapping[str, Rate]
    best: str
    chance: float
    oracle: int | None = None

    @property
    def reduction(self) -> float:
        """The part of the best engine's character errors that the fusion does not make."""
        best, fused = self.characters[self.best].count.edits, self.characters[FUSED].count.edits
        return 1.0 - fused / best if best else 0.0

    @property
    def share(self) -> float | None:
        """How far the fusion comes from the best engine towards the best path."""
        best, fused = self.characters[self.best].count.edits, self.characters[FUSED].count.edits
        if self.oracle is None or best <= self.oracle:
            return None
        return (best - fused) / (best - self.oracle)


def figures(samples: Sequence[Sample], oracle: int | None = None) -> SetFigures:
    """Of the samples of one set. Readers that some sample lacks are left out."""
    names = [name for name in samples[0].reads if all(name in sample.reads for sample in samples)]
    by_character = {name: _rate([characters(own.reads[name], own.truth) for own in samples]) for name in names}
    by_word = {name: _rate([words(own.reads[name], own.truth) for own in samples]) for name in names}
    best = min((name for name in names if name != FUSED), key=lambda name: by_character[name].count.edits)
    chance = paired(by_character[FUSED].edits, by_character[best].edits)
    return SetFigures(len(samples), by_character, by_word, best, chance, oracle)


def _rate(counts: Sequence[Count]) -> Rate:
    edits = [count.edits for count in counts]
    total = sum(counts, Count())
    return Rate(total, interval(edits, [count.length for count in counts]), tuple(edits))


def line_sample(line: LabelledLine, fused: FusedLine, name: str) -> Sample:
    """A true line."""
    reads = {engine: line.compared(claim.text) for engine, claim in line.claims.items()}
    return Sample(name, line.truth, {**reads, FUSED: line.compared(fused.text)})


def group_sample(
    name: str, group: Group, truths: Sequence[str], reads: Mapping[str, Sequence[str]], compared: Mapping[str, str]
) -> Sample:
    """A group of lines of a page: what is true there, and what each reader read of the found ones. `compared` has each
    text as it is compared.
    """
    return Sample(
        name,
        _together([compared[truths[index]] for index in group.true]),
        {reader: _together([compared[texts[index]] for index in group.found]) for reader, texts in reads.items()},
    )


def _together(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)
