"""What an answer says of all pages of a document together, added up a page at a time; the texts themselves apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ocr import Status
from ocr.contract import FailedPage, PageAnswer, TextPrediction

PAGES_APART = "\n\n"
"""Between the texts of two pages."""

FAILED = frozenset({Status.TIMEOUT, Status.ERROR, Status.SHED, Status.UNAVAILABLE})
"""Of an engine that was asked and gave no reading."""


@dataclass(slots=True)
class Mean:
    """The mean of confidences, each as often as it counts; 0 where there is nothing."""

    total: float = 0.0
    count: int = 0

    @classmethod
    def of(cls, values: Iterable[tuple[float, int]]) -> Mean:
        """The mean of values, each with how often it counts."""
        mean = cls()
        for value, count in values:
            mean.add(value, count)
        return mean

    def add(self, value: float, count: int) -> None:
        self.total += value * count
        self.count += count

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass(slots=True)
class _EngineTotals:
    """What one engine said on all pages; its status is that of the first page where it failed, if it did."""

    first: TextPrediction
    confidence: Mean = field(default_factory=Mean)
    latency_ms: float = 0.0
    model: str = ""
    spoken: TextPrediction | None = None
    failed: tuple[int, TextPrediction] | None = None

    def add(self, page: int, prediction: TextPrediction) -> None:
        self.confidence.add(prediction.confidence, len(prediction.text))
        self.latency_ms += prediction.latency_ms
        self.model = self.model or prediction.model
        if self.spoken is None and prediction.text:
            self.spoken = prediction
        if self.failed is None and prediction.status in FAILED:
            self.failed = page, prediction

    def prediction(self) -> TextPrediction:
        """Without its text."""
        told = self.failed[1] if self.failed else self.spoken or self.first
        return TextPrediction(
            text="",
            confidence=self.confidence.value,
            status=told.status,
            latency_ms=self.latency_ms,
            model=self.model,
            detail=f"page {self.failed[0]}: {self.failed[1].detail}" if self.failed else self.first.detail,
        )


@dataclass(slots=True)
class DocumentTotals:
    """The pages until now."""

    asked: int = 0
    read: int = 0
    needs_review: bool = False
    is_degraded: bool = False
    doubted_words: int = 0
    illegible_lines: int = 0
    _confidence: Mean = field(default_factory=Mean)
    _engines: dict[str, _EngineTotals] = field(default_factory=dict)

    def add(self, page: PageAnswer | FailedPage) -> None:
        """The next page."""
        self.asked += 1
        if isinstance(page, FailedPage):
            self.is_degraded = True
            return
        self.read += 1
        self.needs_review |= page.needs_review
        self.is_degraded |= page.degraded
        self.doubted_words += page.doubted_words
        self.illegible_lines += page.illegible_lines
        self._confidence.add(page.confidence, len(page.characters))
        for name, prediction in page.engine_predictions.items():
            self._engines.setdefault(name, _EngineTotals(prediction)).add(page.page, prediction)

    @property
    def confidence(self) -> float:
        return self._confidence.value

    @property
    def engine_predictions(self) -> Mapping[str, TextPrediction]:
        """By engine, without what it read."""
        return {name: engine.prediction() for name, engine in self._engines.items()}
