"""The answer: what a page says, how sure we are, and who said what.

Document > Page > Line > Word > Character > Vote. Confidences are probabilities in [0, 1]; places are page pixels. Where
it is asked for, votes are kept, so that "why this letter" can be answered from the result alone. Nothing here knows how
votes are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ocr.engine_report import EngineReport
from ocr.geometry import Polygon
from ocr.hypothesis import Hypothesis
from ocr.runtime.pickling import fast_pickle, pickle_as_bytes
from ocr.runtime.timing import TimedStep


def _require_probability(value: float, owner: object) -> None:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{owner!r}: {value} is not a probability")


@fast_pickle
@dataclass(frozen=True, slots=True)
class Vote:
    """What one engine said at one place. `text` is "" when it said that nothing is there. `weight` is what the vote
    counted (all engines that spoke at the place sum to 1), `probability` how sure the engine was of it.
    """

    engine: str
    text: str
    weight: float
    probability: float

    def __post_init__(self) -> None:
        _require_probability(self.probability, self)
        if self.weight < 0.0:
            raise ValueError(f"vote of {self.engine} for {self.text!r}: weight {self.weight} is negative")


@fast_pickle
@dataclass(frozen=True, slots=True)
class Character:
    """One character of the answer, with the votes that were kept. `polygon` is None where no engine knows the place."""

    text: str
    confidence: float
    votes: tuple[Vote, ...] = ()
    polygon: Polygon | None = None

    def __post_init__(self) -> None:
        _require_probability(self.confidence, self)


@fast_pickle
@dataclass(frozen=True, slots=True)
class Word:
    """The characters between two spaces. `votes` is what each engine read in its place."""

    characters: tuple[Character, ...]
    confidence: float
    polygon: Polygon | None = None
    votes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_probability(self.confidence, self)
        if not self.characters:
            raise ValueError("a word has at least one character")

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)


@fast_pickle
@dataclass(frozen=True, slots=True)
class Reading:
    """What one engine said of a whole line: its text of so many characters, and how sure it was of one on average. The
    hypothesis itself is many times as large and stays where the vote was.
    """

    text: str
    confidence: float
    length: int
    abstained: bool = False

    def __post_init__(self) -> None:
        _require_probability(self.confidence, self)

    @classmethod
    def of(cls, hypothesis: Hypothesis) -> Reading:
        return cls(hypothesis.text, hypothesis.confidence, len(hypothesis.characters), hypothesis.abstained)


@fast_pickle
@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer. `characters` has the spaces too; `readings` is what each engine said of all of it. A line
    that is not `legible` is one that nobody can read, or no text at all. Lines of the same `row` stand side by side.
    `language` is the code of the language that it is in; "" where that was not asked.
    """

    characters: tuple[Character, ...]
    words: tuple[Word, ...]
    confidence: float
    polygon: Polygon
    block: int = 0
    readings: Mapping[str, Reading] = field(default_factory=dict)
    legible: bool = True
    row: int | None = None
    language: str = ""

    def __post_init__(self) -> None:
        _require_probability(self.confidence, self)

    @property
    def text(self) -> str:
        return "".join(character.text for character in self.characters)


@pickle_as_bytes
@dataclass(frozen=True, slots=True)
class Page:
    """One page of the answer, in reading order, with the report of every configured engine and where the time went that
    it took, one after another.
    """

    width_px: int
    height_px: int
    lines: tuple[Line, ...]
    reports: tuple[EngineReport, ...]
    method: str
    profile: str
    timings: tuple[TimedStep, ...] = ()

    @property
    def text(self) -> str:
        """The rows of legible lines, an empty one between blocks. Lines that were voted empty are left out."""
        return _text_of(self.legible_lines)

    @property
    def text_of_all_lines(self) -> str:
        """The same with the lines that nobody can read."""
        return _text_of(self.lines)

    @property
    def legible_lines(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.legible)

    @property
    def confidence(self) -> float:
        """Mean confidence in [0, 1] of the words of legible lines, by their characters; 0 for a page without any."""
        words = [word for line in self.legible_lines for word in line.words]
        total = sum(len(word.characters) for word in words)
        return sum(word.confidence * len(word.characters) for word in words) / total if total else 0.0


def _text_of(lines: Sequence[Line]) -> str:
    return text_of_rows((line.text, line.block, line.row) for line in lines if line.characters)


def text_of_rows(lines: Iterable[tuple[str, int, int | None]]) -> str:
    """The text of lines with their block and row: those of one row side by side, an empty row between blocks."""
    rows: list[str] = []
    last: tuple[int, int | None] | None = None
    for text, block, row in lines:
        if last is not None and row is not None and last == (block, row):
            rows[-1] += f" {text}"
        else:
            rows += [""] * (last is not None and last[0] != block)
            rows.append(text)
        last = block, row
    return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class Document:
    """Pages in order."""

    pages: tuple[Page, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages)
