"""From what people said in reviews to a better profile, and to what it is worth before anything changes.

How far the profile moves is chosen by cross-validation over documents: each document is decided by what was fitted to
the others. People looked at doubtful words, so what a change does to the others is expected from their confidences: a
change of a word that is right with probability p costs 2p - 1 errors, as if it were right otherwise. Where there are no
fewer errors than chance explains, or more among words that nobody doubted, the vote stays as it is and only its
confidences follow what people found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.accuracy.fused_lines import materials
from evaluation.metrics.text_comparison import correct_words
from fusion import FusedLine, Method, Profile, fuse_page
from fusion.votes.page_evidence import PageEvidence, ReadLine
from training.reviews.corrections_fit import ReviewedSlots, edits_in, fit_moves, moved
from training.reviews.reviewed_lines import ReviewedLine, WeightedSlots, weighted_slots
from training.reviews.word_calibration import brier, recalibrated

STRENGTHS = (4.0, 16.0, 64.0)
"""Of the ridge, in edits: how many edits a move of one unit has to save."""
_FOLDS = 5
_LEAST_SLOTS = 12
"""Decisive slots below which the vote stays as it is."""
_STANDARD_ERRORS = 1.64
"""Fewer errors count where they are so many standard errors of their difference over documents."""


@dataclass(frozen=True, slots=True)
class ReviewedDocument:
    """The pages of one document. Of each page all lines stand together, those without a reviewed word as well."""

    name: str
    pages: tuple[tuple[ReviewedLine, ...], ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """What cross-validation by document says: weighted wrong words with the profile and with the tuned one, the same of
    words that nobody doubted, the errors that are expected more where nobody looked, how many documents have more and
    fewer, and the Brier score of the words' confidences.
    """

    errors_before: float
    errors_after: float
    sure_before: float
    sure_after: float
    elsewhere: float
    documents_worse: int
    documents_better: int
    brier_before: float
    brier_after: float


@dataclass(frozen=True, slots=True)
class ReviewTuning:
    """The profile, whether its vote moved, by which strength, and what that is worth."""

    profile: Profile
    strength: float | None
    words: int
    decisive_slots: int
    validation: Validation

    def describe(self) -> Iterator[str]:
        """For people, before anything changes."""
        own = self.validation
        yield f"{self.words} words that people looked at, {self.decisive_slots} places at which engines differ there"
        fewer = own.errors_before - own.errors_after
        part = fewer / own.errors_before if own.errors_before else 0.0
        yield (
            f"cross-validated by document: {own.errors_before:.0f} wrong words before, {own.errors_after:.0f} after "
            f"({part:.0%} fewer); fewer in {own.documents_better} documents, more in {own.documents_worse}"
        )
        yield f"words that nobody doubted: {own.sure_before:.0f} wrong before, {own.sure_after:.0f} after"
        yield f"words at which nobody looked: {own.elsewhere:+.1f} errors are expected"
        yield f"confidences (Brier score): {own.brier_before:.4f} before, {own.brier_after:.4f} after"
        if self.strength is None:
            yield "the vote stays as it is: nothing better was found; the confidences follow what people found"


def tune_to_reviews(documents: Sequence[ReviewedDocument], profile: Profile, engines: Sequence[str]) -> ReviewTuning:
    """The best profile that corrections support; the same profile with other confidences where none is better."""
    read = [_ReadDocument.of(document, profile, engines) for document in documents]
    slots = _all_slots(read)
    strength = _strength(read, profile, engines) if len(slots) >= _LEAST_SLOTS else None
    outcomes = _validated(read, profile, engines, strength)
    if strength is not None and not _is_better(outcomes):
        strength = None
        outcomes = _validated(read, profile, engines, strength)
    tuned = profile if strength is None else moved(profile, fit_moves(slots, profile, engines, strength))
    words = sum(len(line.words) for document in documents for page in document.pages for line in page)
    return ReviewTuning(_recalibrated(tuned, read), strength, words, len(slots), _summary(outcomes))


# --- documents as they are read ---


@dataclass(frozen=True, slots=True)
class _ReadDocument:
    """A document, what a profile makes of it, and its weighted slots."""

    document: ReviewedDocument
    profile: Profile
    fused: tuple[tuple[FusedLine, ...], ...]
    slots: ReviewedSlots

    @classmethod
    def of(cls, document: ReviewedDocument, profile: Profile, engines: Sequence[str]) -> _ReadDocument:
        fused = tuple(tuple(_fused(page, profile)) for page in document.pages)
        found: list[tuple[WeightedSlots, PageEvidence]] = []
        for page, lines in zip(document.pages, fused, strict=True):
            if not any(line.words for line in page):
                continue
            evidence = _page_evidence(lines, profile)
            for number, (line, own) in enumerate(zip(page, lines, strict=True)):
                slots = weighted_slots(line, own, number, engines) if line.words else None
                if slots is not None:
                    found.append((slots, evidence))
        return cls(document, profile, fused, ReviewedSlots(tuple(found)))


def _fused(page: Sequence[ReviewedLine], profile: Profile) -> list[FusedLine]:
    lines = [reviewed.line for reviewed in page]
    return fuse_page([line.hypotheses for line in lines], materials(lines), profile, Method.CONFIDENCE_WEIGHTED)


def _page_evidence(fused: Sequence[FusedLine], profile: Profile) -> PageEvidence:
    spelling = profile.tuning.spelling if profile.tuning else None
    read = [ReadLine.of(line.aligned) for line in fused]
    return PageEvidence.of(read, None if spelling is None else spelling.languages)


def _recalibrated(profile: Profile, read: Sequence[_ReadDocument]) -> Profile:
    pairs = [
        pair
        for own in read
        for page, fused in zip(own.document.pages, own.fused, strict=True)
        if any(line.words for line in page)
        for pair in zip(page, fused if profile is own.profile else _fused(page, profile), strict=True)
    ]
    return recalibrated(profile, pairs)


# --- cross-validation ---


def _folds(read: Sequence[_ReadDocument]) -> list[tuple[list[_ReadDocument], list[_ReadDocument]]]:
    """What is fitted to and what is left out, by document."""
    count = min(_FOLDS, len(read))
    if count < 2:
        return []
    parts = [[document for place, document in enumerate(read) if place % count == fold] for fold in range(count)]
    return [
        ([document for place, document in enumerate(read) if place % count != fold], part)
        for fold, part in enumerate(parts)
    ]


def _all_slots(read: Sequence[_ReadDocument]) -> ReviewedSlots:
    return ReviewedSlots(tuple(line for document in read for line in document.slots.lines))


def _strength(read: Sequence[_ReadDocument], profile: Profile, engines: Sequence[str]) -> float | None:
    """The strength of the ridge with the fewest edits in slots of documents that were left out; None where the profile
    as it is makes no more.
    """
    edits = dict.fromkeys(STRENGTHS, 0.0)
    before = 0.0
    for fitting, left_out in _folds(read):
        own, slots = _all_slots(fitting), _all_slots(left_out)
        if not len(own) or not len(slots):
            continue
        before += sum(edits_in(slots, profile, engines))
        for strength in STRENGTHS:
            edits[strength] += sum(edits_in(slots, moved(profile, fit_moves(own, profile, engines, strength)), engines))
    best = min(STRENGTHS, key=lambda strength: (edits[strength], -strength))
    return best if edits[best] < before else None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of one document that was left out: (before, after) each."""

    errors: tuple[float, float]
    sure: tuple[float, float]
    elsewhere: float
    brier: tuple[float, float]
    weight: float

    @property
    def fewer(self) -> float:
        """Errors that are gone, less those that are expected where nobody looked."""
        return self.errors[0] - self.errors[1] - self.elsewhere


def _validated(
    read: Sequence[_ReadDocument], profile: Profile, engines: Sequence[str], strength: float | None
) -> list[_Outcome]:
    """Each document as it is fused by what was fitted to others."""
    found = []
    for fitting, left_out in _folds(read):
        own = _all_slots(fitting)
        tuned = profile
        if strength is not None and len(own):
            tuned = moved(profile, fit_moves(own, profile, engines, strength))
        tuned = _recalibrated(tuned, fitting)
        found += [_outcome(document, tuned) for document in left_out]
    return found


def _outcome(read: _ReadDocument, tuned: Profile) -> _Outcome:
    errors, sure, squares, weight, elsewhere = np.zeros(2), np.zeros(2), np.zeros(2), 0.0, 0.0
    for page, before in zip(read.document.pages, read.fused, strict=True):
        if not any(line.words for line in page):
            continue
        for line, old, new in zip(page, before, _fused(page, tuned), strict=True):
            elsewhere += _expected_elsewhere(line, old, new)
            if not line.words:
                continue
            errors += (line.wrong(old.text), line.wrong(new.text))
            only_sure = replace(line, words=tuple(word for word in line.words if word.weight > 1.0))
            sure += (only_sure.wrong(old.text), only_sure.wrong(new.text))
            squares += (brier(line, old), brier(line, new))
            weight += sum(word.weight for word in line.words)
    return _Outcome(_pair(errors), _pair(sure), elsewhere, _pair(squares), weight)


def _expected_elsewhere(line: ReviewedLine, old: FusedLine, new: FusedLine) -> float:
    """The errors that changes of words are expected to make at which nobody looked; below 0 where they mend some."""
    if old.text == new.text:
        return 0.0
    read = line.line.normalised(old.text)
    if len(read.split()) != len(old.words):
        return 0.0
    stay = list(correct_words(read, line.line.normalised(new.text)))
    return sum(
        2.0 * word.confidence - 1.0
        for word, stays, weight in zip(old.words, stay, line.weights_of(read), strict=True)
        if not stays and not weight
    )


def _pair(values: np.ndarray) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _is_better(outcomes: Sequence[_Outcome]) -> bool:
    """Whether there are fewer errors than chance explains, and no more among words that nobody doubted."""
    fewer = np.array([own.fewer for own in outcomes])
    if len(fewer) < 2:
        return False
    noise = float(fewer.std(ddof=1)) * math.sqrt(len(fewer))
    seen = sum(own.errors[0] - own.errors[1] for own in outcomes)
    sure = sum(own.sure[1] - own.sure[0] for own in outcomes)
    return seen > 0.0 and float(fewer.sum()) > _STANDARD_ERRORS * noise and sure <= 0.0


def _summary(outcomes: Sequence[_Outcome]) -> Validation:
    def total(part: str, place: int) -> float:
        return float(sum(getattr(own, part)[place] for own in outcomes))

    weight = max(1e-9, sum(own.weight for own in outcomes))
    return Validation(
        total("errors", 0),
        total("errors", 1),
        total("sure", 0),
        total("sure", 1),
        sum(own.elsewhere for own in outcomes),
        sum(own.fewer < 0.0 for own in outcomes),
        sum(own.fewer > 0.0 for own in outcomes),
        total("brier", 0) / weight,
        total("brier", 1) / weight,
    )
