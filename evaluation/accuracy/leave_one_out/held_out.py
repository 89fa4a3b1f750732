"""Figures of collections that nothing was fitted to: whether the vote is worse than its best engine anywhere, how much
better it is, and whether its doubt finds the wrong words.

A collection is everything of one source (evaluation.pages.collections). What is measured on its sets was fitted without
all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.accuracy.calibration import WordCalibration, word_calibration
from evaluation.accuracy.cascade import CascadeSet
from evaluation.accuracy.error_rates import FUSED, Sample, SetFigures, figures, word_f1
from evaluation.accuracy.word_scores import AGREEMENT, scored_words
from evaluation.metrics.bootstrap import Interval, paired_interval
from evaluation.metrics.doubt import ReviewFigures, ScoredWords, auroc, errors_left, least_left, review
from evaluation.pages.collections import LEARNT, collection_of
from fusion import Thresholds

BEST_ENGINE = "best engine"
REVIEWED = (0.05, 0.10, 0.20)
"""Shares of the words that a person looks at, the most doubtful first."""

MANY_EDITS = 300
"""From so many edits of the best engine on an interval is asked for; below, FEW_MORE edits more are allowed."""
HIGHEST = 0.05
FEW_MORE = 5


@dataclass(frozen=True, slots=True)
class Doubt:
    """How well one way of being sure finds the wrong words of what it reads: the area under the ROC curve (None where
    nothing is wrong), the part of the errors that is left after each of REVIEWED, and would be if doubt were perfect,
    and what the threshold finds.
    """

    auroc: float | None
    left: tuple[float, ...]
    least_left: tuple[float, ...]
    review: ReviewFigures
    errors: int

    @classmethod
    def of(cls, words: ScoredWords, threshold: float) -> Doubt:
        left = tuple(errors_left(words, share) for share in REVIEWED)
        least = tuple(least_left(words, share) for share in REVIEWED)
        return cls(auroc(words), left, least, review(words, threshold), words.errors)


@dataclass(frozen=True, slots=True)
class Marked:
    """How many of some lines the fusion marks as not legible."""

    lines: int
    marked: int

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Marked:
        return cls(len(samples), sum(not sample.legible for sample in samples))


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """One set: its figures, by which part the fusion's edits differ from those of the best engine, the F1 of each
    reader's words, how words are calibrated, the doubt of the fusion, of the best engine and of agreement alone, and
    what is marked as not legible of lines with text, and of found lines where no true one lies.
    """

    collection: str
    learnt: bool
    figures: SetFigures
    difference: Interval
    word_f1: Mapping[str, float]
    calibration: WordCalibration
    doubt: Mapping[str, Doubt]
    text_lines: Marked
    other_lines: Marked

    @classmethod
    def of(cls, name: str, samples: Sequence[Sample], oracle: int | None) -> HeldOutSet:
        """Of the samples of one set."""
        own = figures(samples, oracle)
        threshold = Thresholds().review
        words = {
            FUSED: scored_words(samples, FUSED, FUSED),
            BEST_ENGINE: scored_words(samples, own.best, own.best),
            AGREEMENT: scored_words(samples, FUSED, AGREEMENT),
        }
        return cls(
            collection_of(name),
            name in LEARNT,
            own,
            paired_interval(own.cer[FUSED].edits, own.cer[own.best].edits),
            {reader: word_f1(samples, reader) for reader in own.cer},
            word_calibration(words[FUSED]),
            {by: Doubt.of(scored, threshold) for by, scored in words.items()},
            Marked.of([sample for sample in samples if sample.truth]),
            Marked.of([sample for sample in samples if not sample.truth and sample.texts[FUSED]]),
        )

    @property
    def best_edits(self) -> int:
        return self.figures.cer[self.figures.best].count.edits

    @property
    def fused_edits(self) -> int:
        return self.figures.cer[FUSED].count.edits

    @property
    def best_word_f1(self) -> float:
        """Of the engine whose words are the best."""
        return max(value for reader, value in self.word_f1.items() if reader != FUSED)

    @property
    def never_worse(self) -> bool:
        """No more edits than the best engine where that makes many, and surely not HIGHEST more; else FEW_MORE."""
        if self.best_edits >= MANY_EDITS:
            return self.fused_edits <= self.best_edits and self.difference.high < HIGHEST
        return self.fused_edits <= self.best_edits + FEW_MORE


@dataclass(frozen=True, slots=True)
class HeldOutTable:
    """All sets by one way of finding lines."""

    title: str
    sets: Mapping[str, HeldOutSet]

    @property
    def pooled(self) -> Interval:
        """By which part the edits differ over all sets together, from those of each set's best engine."""
        fused = [edits for own in self.sets.values() for edits in own.figures.cer[FUSED].edits]
        best = [edits for own in self.sets.values() for edits in own.figures.cer[own.figures.best].edits]
        return paired_interval(fused, best)

    @property
    def reduction(self) -> float:
        """Mean over the sets."""
        return _mean([own.figures.reduction for own in self.sets.values()])

    @property
    def share(self) -> float | None:
        """Mean over the sets in which the best path is better than the best engine."""
        known = [own.figures.share for own in self.sets.values() if own.figures.share is not None]
        return _mean(known) if known else None

    def left(self, by: str) -> tuple[float, ...]:
        """The part of the errors that is left after each of REVIEWED, mean over the sets."""
        return tuple(_mean([own.doubt[by].left[place] for own in self.sets.values()]) for place in range(len(REVIEWED)))

    def least_left(self, by: str) -> tuple[float, ...]:
        """The same if doubt were perfect."""
        every = [own.doubt[by].least_left for own in self.sets.values()]
        return tuple(_mean([one[place] for one in every]) for place in range(len(REVIEWED)))

    def auroc(self, by: str) -> float:
        """Mean over the sets."""
        return _mean([own for one in self.sets.values() if (own := one.doubt[by].auroc) is not None])


@dataclass(frozen=True, slots=True)
class LeaveOutReport:
    """Everything that was measured with collections left out. `fitted` says by collection what was fitted without it;
    `cascades` are by set; `without` has by set and engine the edits of the fusion of all others; `fusing_ms` is the
    processor time of one line.
    """

    tables: Sequence[HeldOutTable]
    fitted: Mapping[str, str]
    cascades: Mapping[str, CascadeSet] = field(default_factory=dict)
    without: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fusing_ms: float | None = None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
