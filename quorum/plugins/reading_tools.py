"""What an assistant may ask about files through Quorum: their text, which words are doubtful, and why.

A file is named by its path below one folder, so that nobody who asks gets at anything else. What was read is kept for
the next question about the same file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, Field

from ocr.contract import DocumentAnswer, FailedPage, LineAnswer, PageAnswer
from ocr.errors import InvalidRequest, OutOfRange
from ocr.geometry import bounds
from quorum.client import Client

KEPT_FILES = 16
DOUBT = 0.8
"""A word with less confidence is doubtful, unless the caller draws the line elsewhere."""


class FileText(BaseModel):
    """What stands in a file. Of lines that nobody can read there is neither text nor words."""

    text: str
    confidence: float
    pages: int
    words: int
    doubtful_words: int = Field(description=f"Words with a confidence below {DOUBT}.")
    illegible_lines: int = Field(description="Lines that nobody can read.")
    failed_pages: dict[int, str] = Field(default_factory=dict, description="Pages that could not be read, and why.")


class WordReading(BaseModel):
    """One word in its place, and what each engine read there."""

    word: str
    confidence: float
    page: int
    line: str
    readings: Mapping[str, str] = Field(description="The reading of each engine; an empty one saw nothing there.")
    box: tuple[int, int, int, int] | None = Field(description="Left, top, right, bottom in pixels of the page.")


@dataclass(frozen=True, slots=True)
class _Reading:
    pages: Sequence[PageAnswer]
    failed: Mapping[int, str]
    answer: DocumentAnswer


class ReadingTools:
    """Questions about files below `folder`, answered by a running Quorum, one file at a time."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder.resolve()
        self._reading = Lock()  # mcp runs each tool in a thread
        self._kept: OrderedDict[tuple[Path, int, int, str], _Reading] = OrderedDict()

    def read_file(self, path: str, lang: str = "auto") -> FileText:
        """The text of an image or a document, and how sure Quorum is of it."""
        reading = self._read(path, lang)
        words = list(_words(reading))
        return FileText(
            text=reading.answer.text,
            confidence=reading.answer.confidence,
            pages=len(reading.pages) + len(reading.failed),
            words=len(words),
            doubtful_words=sum(word.confidence < DOUBT for word in words),
            illegible_lines=reading.answer.illegible_lines,
            failed_pages=dict(reading.failed),
        )

    def doubtful_words(self, path: str, lang: str = "auto", below: float = DOUBT, most: int = 20) -> list[WordReading]:
        """The words that Quorum is least sure of, the most doubtful first."""
        doubtful = [word for word in _words(self._read(path, lang)) if word.confidence < below]
        return sorted(doubtful, key=lambda word: word.confidence)[:most]

    def explain_word(self, path: str, word: str, lang: str = "auto") -> list[WordReading]:
        """Every place of a word, with what each engine read there. Case and punctuation around it do not count.

        Raises OutOfRange when the word is not in the file.
        """
        wanted = _bare(word)
        found = [each for each in _words(self._read(path, lang)) if _bare(each.word) == wanted]
        if not found:
            raise OutOfRange(f"'{word}' is not in {path} as it was read", "ask read_file for the text")
        return found

    def _read(self, path: str, lang: str) -> _Reading:
        file = (self._folder / path).resolve()
        if not file.is_relative_to(self._folder):
            raise InvalidRequest(f"{path} is outside of {self._folder}", "name a file below that folder")
        if not file.is_file():
            raise InvalidRequest(f"there is no file {path} in {self._folder}", "check the name")
        facts = file.stat()
        key = (file, facts.st_mtime_ns, facts.st_size, lang)
        with self._reading:
            if key not in self._kept:
                self._kept[key] = _reading_of(self._client.read_document(file, lang=lang))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_FILES:
                self._kept.popitem(last=False)
            return self._kept[key]


def _reading_of(answer: DocumentAnswer) -> _Reading:
    read = [page for page in answer.pages if isinstance(page, PageAnswer)]
    failed = {page.page: page.error.message for page in answer.pages if isinstance(page, FailedPage)}
    return _Reading(read, failed, answer)


def _words(reading: _Reading) -> Iterator[WordReading]:
    for page in reading.pages:
        for line in page.lines:
            if line.legible:
                yield from _words_of_line(page.page, line)


def _words_of_line(number: int, line: LineAnswer) -> Iterator[WordReading]:
    for word in line.words:
        yield WordReading(
            word=word.text,
            confidence=word.confidence,
            page=number,
            line=line.text,
            readings=dict(word.votes),
            box=None if word.polygon is None else _box(word.polygon),
        )


def _box(polygon: Sequence[tuple[float, float]]) -> tuple[int, int, int, int]:
    left, top, right, bottom = map(round, bounds(polygon))
    return left, top, right, bottom


def _bare(word: str) -> str:
    return word.strip(".,;:!?()[]\"'").casefold()
