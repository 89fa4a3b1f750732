"""Error rates of every engine and of the fusion, with intervals.

A `Sample` is what is compared as one string: a line of the ground truth, or a match of lines that lie in the same place
(evaluation.metrics.line_matching). Nothing is read and nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.metrics.bootstrap import Interval, bootstrap_interval, paired_bootstrap
from evaluation.metrics.text_comparison import EditCount, character_edits, correct_words, word_edits

FUSED = "fused"


@dataclass(frozen=True, slots=True)
class Sample:
    """A ground truth, and what each reader read there; all normalised for comparison. `word_scores` say how sure the
    words of a reader are, by the name of what judges them (evaluation.accuracy.word_scores). `legible` is what the
    fusion says of the line.
    """

    set_name: str
    truth: str
    texts: Mapping[str, str]
    word_scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    legible: bool = True


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with its interval, and the edits of each sample."""

    count: EditCount
    within: Interval
    edits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetFigures:
    """Of one set: each reader's character error rate (CER) and word error rate (WER), the best engine, how likely it is
    that the fusion differs from it by chance, and the edits of the oracle's path through the confusion networks (None
    for detected lines).
    """

    samples: int
    cer: Mapping[str, Rate]
    wer: Mapping[str, Rate]
    best: str
    chance: float
    oracle: int | None = None

    @property
    def reduction(self) -> float:
        """The part of the best engine's character errors that the fusion does not make."""
        best, fused = self.cer[self.best].count.edits, self.cer[FUSED].count.edits
        return 1.0 - fused / best if best else 0.0

    @property
    def share(self) -> float | None:
        """How far the fusion comes from the best engine towards the best path."""
        best, fused = self.cer[self.best].count.edits, self.cer[FUSED].count.edits
        if self.oracle is None or best <= self.oracle:
            return None
        return (best - fused) / (best - self.oracle)


def figures(samples: Sequence[Sample], oracle: int | None = None) -> SetFigures:
    """Of the samples of one set. Readers that some sample lacks are left out."""
    names = [name for name in samples[0].texts if all(name in sample.texts for sample in samples)]
    by_character = {name: _rate([character_edits(own.texts[name], own.truth) for own in samples]) for name in names}
    by_word = {name: _rate([word_edits(own.texts[name], own.truth) for own in samples]) for name in names}
    best = min((name for name in names if name != FUSED), key=lambda name: by_character[name].count.edits)
    chance = paired_bootstrap(by_character[FUSED].edits, by_character[best].edits)
    return SetFigures(len(samples), by_character, by_word, best, chance, oracle)


def word_f1(samples: Sequence[Sample], reader: str) -> float:
    """Harmonic mean of two shares: of the words that a reader reads those that are right, and of the true words those
    that it reads.
    """
    right = sum(sum(correct_words(sample.texts[reader], sample.truth)) for sample in samples)
    words = sum(len(sample.texts[reader].split()) + len(sample.truth.split()) for sample in samples)
    return 2.0 * right / words if words else 1.0


def _rate(counts: Sequence[EditCount]) -> Rate:
    edits = [count.edits for count in counts]
    total = sum(counts, EditCount())
    return Rate(total, bootstrap_interval(edits, [count.length for count in counts]), tuple(edits))
