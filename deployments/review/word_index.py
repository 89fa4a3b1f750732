"""All words of some documents in reading order, numbered from 0, each with its place and its confidence.

What was read of a job does not change, so an index is written once. Words of lines that nobody can read, and text that
a PDF has itself, are no words of a review.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ocr.contract import PageAnswer


@dataclass(frozen=True, slots=True)
class WordPlace:
    """Where a word stands: its file, the index of its page among those that were asked for, of its line in the page's,
    and its own in the line's.
    """

    file: int
    page: int
    line: int
    word: int


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The places of all words and how sure each is, in [0, 1]."""

    places: tuple[WordPlace, ...]
    confidences: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.places)

    def packed(self) -> bytes:
        """As JSON: a column for each part."""
        columns = zip(*((place.file, place.page, place.line, place.word) for place in self.places), strict=True)
        return json.dumps({"places": [list(column) for column in columns], "confidences": self.confidences}).encode()

    @classmethod
    def unpacked(cls, content: bytes) -> WordIndex:
        told = json.loads(content)
        return cls(tuple(WordPlace(*row) for row in zip(*told["places"], strict=True)), tuple(told["confidences"]))


def index_of(pages: Iterable[tuple[int, int, PageAnswer]]) -> WordIndex:
    """Of pages in reading order, each with its file and its index in the file."""
    found = [
        (WordPlace(file, page, line, word), confidence)
        for file, page, answer in pages
        for line, word, confidence in words_of(answer)
    ]
    return WordIndex(tuple(place for place, _ in found), tuple(confidence for _, confidence in found))


def words_of(answer: PageAnswer) -> Iterator[tuple[int, int, float]]:
    """The line, the index in it and the confidence of each word that people may be asked."""
    if answer.text_source == "existing":
        return
    for number, line in enumerate(answer.lines):
        if line.legible:
            yield from ((number, index, word.confidence) for index, word in enumerate(line.words))


def numbers_within(index: WordIndex, numbers: Sequence[int], file: int | None) -> list[int]:
    """Those of the words that stand in a file; all where none is named."""
    return [number for number in numbers if file is None or index.places[number].file == file]
