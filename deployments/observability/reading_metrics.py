"""What is recorded of each reading, in the metrics and in the log. The text itself is only in the field `text`, which
the log cuts out unless the configuration allows it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest
from deployments.observability.metrics import (
    ANSWERS,
    CONFIDENCE,
    ENGINE_OUTCOMES,
    ENGINE_READINGS,
    ENGINE_SECONDS,
    TASKS,
    RecordMetric,
)
from fusion import judge
from ocr import EngineReport, Hypothesis, Page, Reading, Scope, Status
from ocr.errors import QuorumError

log = logging.getLogger("quorum.reading")

_TEXT, _CHARACTER = TASKS[Scope.LINE], TASKS[Scope.CHARACTER]
# These engines were not asked, so they have no latency.
_NOT_ASKED = frozenset({Status.SKIPPED, Status.UNAVAILABLE})


def observe_page(page: Page, request: ReadRequest, record: RecordMetric) -> None:
    """Tell of one page."""
    _observe_reports(page.reports, record)
    _observe_agreement([(line.text, line.readings) for line in page.lines], record)
    band = _observe_confidence(page.confidence, _TEXT, request, record)
    log.info(
        "read a page of %d lines",
        len(page.lines),
        extra={
            **_common(page.reports, request),
            "confidence": round(page.confidence, 4),
            "band": band,
            "text": page.text,
        },
    )


def observe_characters(
    readings: Sequence[CharacterReading | QuorumError], request: ReadRequest, record: RecordMetric
) -> None:
    """Tell of the characters of one request."""
    read = [reading for reading in readings if isinstance(reading, CharacterReading)]
    _observe_agreement([(reading.character.text, reading.hypotheses) for reading in read], record)
    for reading in read:
        _observe_confidence(reading.character.confidence, _CHARACTER, request, record)
    reports = read[0].reports if read else ()  # of the request, the same for each of its characters
    _observe_reports(reports, record)
    text = "".join(reading.character.text for reading in read)
    log.info("read %d of %d characters", len(read), len(readings), extra={**_common(reports, request), "text": text})


def _common(reports: Iterable[EngineReport], request: ReadRequest) -> dict[str, object]:
    return {
        "config_version": request.config_version,
        "method": str(request.method),
        "profile": request.profile.name,
        "engines": {report.engine: report.status.value for report in reports},
    }


def _observe_reports(reports: Iterable[EngineReport], record: RecordMetric) -> None:
    for report in reports:
        record(ENGINE_OUTCOMES, engine=report.engine, outcome=report.status.value)
        if report.status not in _NOT_ASKED:
            record(ENGINE_SECONDS, report.seconds, engine=report.engine)


def _observe_agreement(
    readings: Iterable[tuple[str, Mapping[str, Hypothesis] | Mapping[str, Reading]]], record: RecordMetric
) -> None:
    """Whether engines agree with the text that was made of their hypotheses: told once for each of them, because each
    time is a call into Ray.
    """
    counts = Counter(
        (engine, "yes" if hypothesis.text.strip() == text.strip() else "no")
        for text, hypotheses in readings
        for engine, hypothesis in hypotheses.items()
        if not hypothesis.abstained
    )
    for (engine, agrees), count in counts.items():
        record(ENGINE_READINGS, count, engine=engine, agrees=agrees)


def _observe_confidence(confidence: float, task: str, request: ReadRequest, record: RecordMetric) -> str:
    band = judge(confidence, request.profile.thresholds).band.value
    record(CONFIDENCE, confidence, task=task)
    record(ANSWERS, task=task, band=band)
    return band
