"""A person who knows the truth and says of each word that is asked what stands there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from deployments.review.asking import Asking, chances, queue_of
from evaluation.accuracy.fused_lines import by_page, fused_lines
from evaluation.metrics.text_comparison import correct_words, held_words
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine, Profile
from training.reviews.review_tuning import ReviewedDocument
from training.reviews.reviewed_lines import ReviewedLine, ReviewedWord
from training.reviews.reviewed_pages import MOST_WEIGHT


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A fused word: its line, the true words that it holds, how sure it is and whether it is right."""

    line: int
    word: int
    held: tuple[str, ...]
    confidence: float
    right: bool


@dataclass(frozen=True, slots=True)
class Reviewable:
    """The lines of some pages as they are fused, and all their words in reading order."""

    lines: tuple[tuple[LabelledLine, FusedLine], ...]
    words: tuple[AskedWord, ...]

    @classmethod
    def of(cls, lines: Sequence[LabelledLine], profile: Profile) -> Reviewable:
        fused = tuple(fused_lines(lines, profile))
        words = [word for number, (line, own) in enumerate(fused) for word in _words(number, line, own)]
        return cls(fused, tuple(words))

    @property
    def confidences(self) -> list[float]:
        return [word.confidence for word in self.words]


def _words(number: int, line: LabelledLine, fused: FusedLine) -> Iterator[AskedWord]:
    read = line.normalised(fused.text)
    if len(read.split()) != len(fused.words):
        return
    owners = list(_owners(read, line.truth))
    for index, (word, is_right) in enumerate(zip(fused.words, correct_words(read, line.truth), strict=True)):
        own = tuple(text for text, owner in owners if owner == index)
        yield AskedWord(number, index, own, word.confidence, is_right)


def _owners(read: str, truth: str) -> Iterator[tuple[str, int]]:
    """For each true word the word read that has most of it, -1 where none has any of it."""
    words = truth.split()
    for number, word in enumerate(words):
        only = " ".join("\0" * len(other) if place != number else other for place, other in enumerate(words))
        held, lost = held_words(read, only)
        yield word, -1 if lost == len(words) else max(range(len(held)), key=held.__getitem__)


def reviewed_until(reviewable: Reviewable, changes: int, below: float, share: float) -> tuple[list[int], list[int]]:
    """The words that the person looks at, the most doubtful first, until so many were changed; and those changed."""
    queue = queue_of(reviewable.confidences, Asking("doubt", below, None, share, 0))
    seen: list[int] = []
    changed: list[int] = []
    for number in queue.numbers:
        if len(changed) == changes:
            break
        seen.append(number)
        changed += [number] * (not reviewable.words[number].right)
    return seen, changed


def weights_of(reviewable: Reviewable, seen: Sequence[int], below: float, share: float) -> dict[int, float]:
    """For how many words each of those stands."""
    queue = queue_of(reviewable.confidences, Asking("doubt", below, None, share, 0))
    return {number: min(MOST_WEIGHT, 1.0 / chance) for number, chance in chances(queue, seen).items()}


def reviewed_documents(reviewable: Reviewable, weights: Mapping[int, float]) -> list[ReviewedDocument]:
    """The documents with what the person said of the words that have a weight."""
    by_line: dict[int, list[tuple[AskedWord, float]]] = {}
    for number, word in enumerate(reviewable.words):
        by_line.setdefault(word.line, []).append((word, weights.get(number, 0.0)))
    lines = [
        _reviewed_line(line, fused, by_line.get(number, [])) for number, (line, fused) in enumerate(reviewable.lines)
    ]
    pages = _by_page(lines)
    names = dict.fromkeys(document_of(page[0].line) for page in pages)
    return [
        ReviewedDocument(name, tuple(tuple(page) for page in pages if document_of(page[0].line) == name))
        for name in names
    ]


def document_of(line: LabelledLine) -> str:
    """The name of the document of a line: its letter, or its page."""
    return f"{line.set_name}/{line.page.letter or line.page.image.name}"


def _by_page(lines: Iterable[ReviewedLine]) -> list[list[ReviewedLine]]:
    found = {id(reviewed.line): reviewed for reviewed in lines}
    return [[found[id(line)] for line in page] for page in by_page(reviewed.line for reviewed in found.values())]


def _reviewed_line(line: LabelledLine, fused: FusedLine, words: Sequence[tuple[AskedWord, float]]) -> ReviewedLine:
    """What the person said where there is a weight, what was fused elsewhere."""
    texts: list[str] = []
    found: list[ReviewedWord] = []
    length = 0
    read = line.normalised(fused.text).split()
    if not words:
        return ReviewedLine(replace(line, truth=line.normalised(fused.text)), ())
    for word, weight in words:
        own = " ".join(word.held) if weight else read[word.word]
        start = length + bool(length and own)
        if weight:
            found.append(ReviewedWord(start, start + len(own), weight))
        if own:
            texts.append(own)
            length = start + len(own)
    return ReviewedLine(replace(line, truth=" ".join(texts)), tuple(found))
