"""From the ensemble's result to the answers of the HTTP contract. Pure; knows neither HTTP nor Serve."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deployments.gateway.documents.documents import PageOutcome, ReadPage
from deployments.gateway.error_responses import error_answer
from deployments.gateway.formats import PdfPageText
from deployments.gateway.formats.document_totals import FAILED, PAGES_APART, DocumentTotals, Mean
from deployments.gateway.page_regions import in_regions, numbered_on, region_answers
from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import ReadRequest
from deployments.messages.states import CircuitState, EngineState, ServiceState
from fusion import judge, judge_page
from ocr import CardMemory, Character, EngineReport, Hypothesis, Line, NoCard, Page, Polygon, Status, TimedStep, Word
from ocr.contract import (
    CardStatus,
    CharacterAnswer,
    CharacterPlace,
    CharacterPrediction,
    ComponentStatus,
    DocumentAnswer,
    EngineStatus,
    FailedItem,
    FailedPage,
    LineAnswer,
    PageAnswer,
    Picture,
    RegionAnswer,
    StatusAnswer,
    TextAnswer,
    TextPrediction,
    TimedPart,
    Timings,
    VoteAnswer,
    WordAnswer,
)
from ocr.errors import QuorumError
from ocr.page import text_of_rows
from ocr.runtime.timing import timeline

# An engine in one of these states was asked and did not do what it was asked for.


def character_answer(reading: CharacterReading, request: ReadRequest, processing_time_ms: float) -> CharacterAnswer:
    """The answer of `/predict`."""
    confidence = reading.character.confidence
    verdict = judge(confidence, request.profile.thresholds)
    predictions = {
        report.engine: _character_prediction(report, reading.hypotheses.get(report.engine))
        for report in reading.reports
    }
    return CharacterAnswer(
        character=reading.character.text or None,
        confidence=confidence,
        method=str(request.method),
        profile=request.profile.name,
        processing_time_ms=processing_time_ms,
        accepted=verdict.accepted,
        needs_review=verdict.needs_review,
        band=verdict.band.value,
        degraded=any(prediction.status in FAILED for prediction in predictions.values()),
        config_version=request.config_version,
        timestamp=datetime.now(UTC),
        engine_predictions=predictions,
    )


def text_answer(
    page: Page, request: ReadRequest, processing_time_ms: float, pictures: Sequence[NamedPicture] | None = None
) -> TextAnswer:
    """The answer of `/predict_text` to one page."""
    legible, confidence = page.legible_lines, page.confidence
    shown = page.lines if request.illegible else legible
    words = [word.confidence for line in legible for word in line.words]
    illegible = len(page.lines) - len(legible)
    thresholds = request.profile.thresholds
    verdict = judge_page(confidence, words, illegible / max(1, len(page.lines)), thresholds)
    lines = [_line_answer(line, explain=request.explain) for line in page.lines]
    return TextAnswer(
        text=page.text_of_all_lines if request.illegible else page.text,
        confidence=confidence,
        width=page.width_px,
        height=page.height_px,
        lines=numbered_on(lines),
        regions=_region_answers(lines, request, (page.width_px, page.height_px)),
        characters=[
            _place(character, explain=request.explain)
            for line in shown
            for character in line.characters
            if not character.text.isspace()
        ],
        engine_predictions={report.engine: _text_prediction(report, page.lines) for report in page.reports},
        method=page.method,
        profile=page.profile,
        processing_time_ms=processing_time_ms,
        accepted=verdict.accepted,
        needs_review=verdict.needs_review,
        doubted_words=sum(confidence < thresholds.review for confidence in words),
        illegible_lines=illegible,
        band=verdict.band.value,
        degraded=any(report.status in FAILED for report in page.reports),
        config_version=request.config_version,
        timestamp=datetime.now(UTC),
        pictures=None if pictures is None else [_picture(picture) for picture in pictures],
    )


def existing_text_answer(
    text: PdfPageText, size_px: tuple[int, int], request: ReadRequest, engines: Sequence[str]
) -> TextAnswer:
    """The answer to a page of a PDF that has text: no engine was asked, and what the page says is certain."""
    told = in_regions(text.lines, request.regions, size_px) if request.regions else text.lines
    lines = [_existing_line(line) for line in told]
    skipped = TextPrediction(
        text="",
        confidence=0.0,
        status=Status.SKIPPED.value,
        latency_ms=0.0,
        model="",
        detail="the page has text of its own; existing_text=redo reads it",
    )
    return TextAnswer(
        text=_rows(lines),
        text_source="existing",
        confidence=1.0,
        width=size_px[0],
        height=size_px[1],
        lines=numbered_on(lines),
        regions=_region_answers(lines, request, size_px),
        characters=[
            CharacterPlace(character=letter, confidence=1.0, bounding_box=_xywh(box))
            for line in told
            for word in line["words"]
            for letter, box in word["letters"]
        ],
        engine_predictions=dict.fromkeys(engines, skipped),
        method=str(request.method),
        profile=request.profile.name,
        processing_time_ms=0.0,
        accepted=True,
        needs_review=False,
        band=judge(1.0, request.profile.thresholds).band.value,
        degraded=False,
        config_version=request.config_version,
        timestamp=datetime.now(UTC),
    )


def _region_answers(
    lines: Sequence[LineAnswer], request: ReadRequest, size_px: tuple[int, int]
) -> dict[str, RegionAnswer] | None:
    if not request.regions:
        return None
    return region_answers(request.regions, lines, size_px, illegible=request.illegible)


def _existing_line(line: Mapping[str, Any]) -> LineAnswer:
    words = [
        WordAnswer(text=word["text"], confidence=1.0, polygon=_rounded(word["corners"]), votes={})
        for word in line["words"]
    ]
    return LineAnswer(
        text=" ".join(word.text for word in words),
        confidence=1.0,
        polygon=_rounded(line["corners"]),
        block=line["block"],
        words=words,
    )


def _rows(lines: Sequence[LineAnswer]) -> str:
    """The rows of the lines, an empty one between blocks."""
    return text_of_rows((line.text, line.block, line.row) for line in lines)


def _rounded(corners: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 1), round(y, 1)) for x, y in corners)


def _xywh(box: Sequence[float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(side) for side in box)
    return left, top, right - left, bottom - top


def timings_answer(timings: Sequence[TimedStep]) -> Timings:
    """Where the time of a request went, from its steps in order."""
    parts = [
        TimedPart(
            name=part.step.name,
            where=part.step.where,
            depth=part.depth,
            start_ms=_ms(part.start_s),
            duration_ms=_ms(part.step.seconds),
            critical=part.critical,
        )
        for part in timeline(timings)
    ]
    return Timings(wall_ms=_ms(sum(step.seconds for step in timings)), parts=parts)


def _ms(seconds: float) -> float:
    """To the microsecond: what comes after it is noise."""
    return round(seconds * 1000.0, 3)


def document_answer(
    outcomes: Sequence[PageOutcome], page_count: int, request: ReadRequest, processing_time_ms: float
) -> DocumentAnswer:
    """The answer of `/predict_text` to a document."""
    return document_of_pages([page_answer(outcome) for outcome in outcomes], page_count, request, processing_time_ms)


def document_of_pages(
    pages: Sequence[PageAnswer | FailedPage], page_count: int, request: ReadRequest, processing_time_ms: float
) -> DocumentAnswer:
    """The same of answers to its pages."""
    totals = DocumentTotals()
    for page in pages:
        totals.add(page)
    answer = document_of_totals(totals, page_count, request, processing_time_ms)
    read = [page for page in pages if isinstance(page, PageAnswer)]
    said = {
        name: [page.engine_predictions[name].text for page in read if name in page.engine_predictions]
        for name in answer.engine_predictions
    }
    return answer.model_copy(
        update={
            "text": PAGES_APART.join(page.text for page in read),
            "pages": list(pages),
            "engine_predictions": {
                name: prediction.model_copy(update={"text": PAGES_APART.join(said[name])})
                for name, prediction in answer.engine_predictions.items()
            },
        }
    )


def document_of_totals(
    totals: DocumentTotals, page_count: int, request: ReadRequest, processing_time_ms: float
) -> DocumentAnswer:
    """The same without the pages and without texts."""
    verdict = judge(totals.confidence, request.profile.thresholds)
    return DocumentAnswer(
        text="",
        confidence=totals.confidence,
        page_count=page_count,
        pages=[],
        succeeded=totals.read,
        engine_predictions=dict(totals.engine_predictions),
        method=str(request.method),
        profile=request.profile.name,
        processing_time_ms=processing_time_ms,
        accepted=verdict.accepted,
        needs_review=totals.needs_review,
        doubted_words=totals.doubted_words,
        illegible_lines=totals.illegible_lines,
        band=verdict.band.value,
        degraded=totals.is_degraded,
        config_version=request.config_version,
        timestamp=datetime.now(UTC),
    )


def page_answer(outcome: PageOutcome) -> PageAnswer | FailedPage:
    """One page of a document as an answer holds it."""
    if isinstance(outcome, ReadPage):
        return outcome.answer
    return FailedPage(page=outcome.number, error=error_answer(outcome.error).error)


def failed_item(error: QuorumError) -> FailedItem:
    return FailedItem(error=error_answer(error).error)


def _picture(picture: NamedPicture) -> Picture:
    return Picture(name=picture.name, image=base64.b64encode(picture.file).decode())


def status_answer(
    state: ServiceState,
    components: Mapping[str, ComponentStatus],
    capabilities: Capabilities,
    *,
    ready: bool,
    version: str,
) -> StatusAnswer:
    """The answer of `/status`: every configured engine, also those that nobody has heard of yet."""
    engines = {name: _engine_status(name, state, components, capabilities) for name in capabilities.scopes}
    degraded = not all(engine.available and engine.circuit == "closed" for engine in engines.values())
    return StatusAnswer(
        status="not_ready" if not ready else "degraded" if degraded else "ready",
        version=version,
        uptime_s=state.uptime_s,
        engines=engines,
        components=dict(components),
        methods=[str(method) for method in type(capabilities.config.method)],
        profiles=list(capabilities.profiles),
    )


def _engine_status(
    name: str, state: ServiceState, components: Mapping[str, ComponentStatus], capabilities: Capabilities
) -> EngineStatus:
    known = state.engines.get(name) or EngineState(name, tuple(capabilities.scopes[name]), problem="starting")
    component = components.get(name)
    return EngineStatus(
        available=known.available,
        asleep=known.asleep is not None,
        model=known.model,
        detail=known.problem,
        circuit=state.circuits.get(name, CircuitState.CLOSED).value,
        scopes=[str(scope) for scope in known.scopes],
        languages=list(known.languages),
        weight={profile.name: profile.weights.get(name, 0.0) for profile in capabilities.profiles.values()},
        replicas=component.replicas if component else 0,
        cpus=known.cpus,
        gpu_fraction=known.gpu_fraction,
        card=_card_status(known.card) if isinstance(known.card, CardMemory) else None,
        no_card=known.card.reason if isinstance(known.card, NoCard) else "",
        threads=known.threads,
        load_seconds=known.load_seconds,
        memory_mb=known.memory_mb,
        memory_limit_mb=known.memory_limit_mb,
    )


def _card_status(held: CardMemory) -> CardStatus:
    def mb(count: int | None) -> float | None:
        return None if count is None else count / 1e6

    return CardStatus(
        framework=held.framework,
        limit_mb=held.limit_bytes / 1e6,
        allocated_mb=mb(held.allocated_bytes),
        reserved_mb=mb(held.reserved_bytes),
        process_mb=mb(held.process_bytes),
    )


def _character_prediction(report: EngineReport, hypothesis: Hypothesis | None) -> CharacterPrediction:
    first = hypothesis.characters[0] if hypothesis and hypothesis.characters else None
    return CharacterPrediction(
        character=hypothesis.text if hypothesis and first else None,
        confidence=hypothesis.confidence if hypothesis else 0.0,
        alternatives={} if first is None else {guess.text: guess.probability for guess in first.alternatives},
        status=_item_status(report, hypothesis).value,
        latency_ms=report.seconds * 1000.0,
        model=report.model,
        detail=report.detail if hypothesis is None else hypothesis.abstention or "",
    )


def _item_status(report: EngineReport, hypothesis: Hypothesis | None) -> Status:
    """In a batch an engine may have read this image and not come to others, or have abstained on this one alone."""
    if hypothesis is None:
        return report.status
    return Status.ABSTAINED if hypothesis.abstained else Status.OK


def _text_prediction(report: EngineReport, lines: tuple[Line, ...]) -> TextPrediction:
    readings = [line.readings[report.engine] for line in lines if report.engine in line.readings]
    return TextPrediction(
        text="\n".join(reading.text for reading in readings),
        confidence=Mean.of((reading.confidence, reading.length) for reading in readings).value,
        status=report.status.value,
        latency_ms=report.seconds * 1000.0,
        model=report.model,
        detail=report.detail,
    )


def _line_answer(line: Line, *, explain: bool) -> LineAnswer:
    return LineAnswer(
        text=line.text,
        confidence=line.confidence,
        polygon=_corners(line.polygon),
        block=line.block,
        row=line.row,
        language=line.language or None,
        legible=line.legible,
        words=[_word_answer(word) for word in line.words],
        readings={name: reading.text for name, reading in line.readings.items()} if explain else None,
    )


def _word_answer(word: Word) -> WordAnswer:
    return WordAnswer(
        text=word.text,
        confidence=word.confidence,
        polygon=_corners(word.polygon) if word.polygon else None,
        votes=dict(word.votes),
    )


def _place(character: Character, *, explain: bool) -> CharacterPlace:
    return CharacterPlace(
        character=character.text,
        confidence=character.confidence,
        bounding_box=character.polygon.bounding_box().xywh if character.polygon else None,
        votes={
            vote.engine: VoteAnswer(text=vote.text, weight=vote.weight, probability=vote.probability)
            for vote in character.votes
        }
        if explain
        else None,
    )


def _corners(polygon: Polygon) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 1), round(y, 1)) for x, y in polygon.corners)
