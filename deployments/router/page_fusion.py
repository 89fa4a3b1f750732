"""From what the engines read of a page to the fused page. Pure functions; the vote itself is in fusion/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import fusion
from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest
from deployments.router.allowed_characters import held_to
from deployments.router.fan_out import EngineOutcome
from deployments.router.line_languages import line_languages
from ocr import Character, Hypothesis, Layout, Line, Page, Status
from ocr.errors import DeadlineExceeded, InternalFailure, NotReady, Overloaded, QuorumError, ServiceError
from ocr.image import BLOCKS_OF_A_PART
from ocr.interfaces import Checkpoint, go_on
from ocr.text.normal_forms import normalised


def found_languages(
    layout: Layout, outcomes: Mapping[str, EngineOutcome], request: ReadRequest, checkpoint: Checkpoint = go_on
) -> list[str]:
    """In which language each line is: found out where the request says so, else which of its languages."""
    checkpoint()
    lines = [_hypotheses(index, outcomes) for index in range(len(layout.regions))]
    return line_languages(lines, request.recognition.languages, any_other=request.finds_languages)


def fused_page(
    layout: Layout,
    outcomes: Mapping[str, EngineOutcome],
    request: ReadRequest,
    checkpoint: Checkpoint = go_on,
    languages: Sequence[str] = (),
) -> Page:
    """The page, with every line that some engine read text in, each in its language if these are given. `checkpoint`
    may stop it, see ocr.interfaces.
    """
    outcomes = _with_other_models(outcomes, request.profile)
    hypotheses = _all_hypotheses(layout, outcomes, request)
    told = languages or [""] * len(layout.regions)
    fused = fused_lines(layout, outcomes, request, checkpoint)
    lines = [
        _written(fusion.line_on_page(line, region, own, keep_votes=request.explain), language, request.normal_forms)
        for line, region, own, language in zip(fused, layout.regions, hypotheses, told, strict=True)
    ]
    return Page(
        layout.width_px,
        layout.height_px,
        tuple(line for line in lines if line.characters or any(reading.text for reading in line.readings.values())),
        tuple(outcome.report for outcome in outcomes.values()),
        str(request.method),
        request.profile.name,
    )


def _written(line: Line, language: str, forms: Sequence[str]) -> Line:
    """The line in its language, as the answer writes it. What engines read, and their votes, stay as they are."""
    if line.text.isascii() or not forms:
        return replace(line, language=language)
    words = tuple(replace(word, characters=_in_forms(word.characters, forms)) for word in line.words)
    return replace(line, language=language, characters=_in_forms(line.characters, forms), words=words)


def _in_forms(characters: Sequence[Character], forms: Sequence[str]) -> tuple[Character, ...]:
    return tuple(replace(character, text=normalised(character.text, forms)) for character in characters)


def fused_lines(
    layout: Layout, outcomes: Mapping[str, EngineOutcome], request: ReadRequest, checkpoint: Checkpoint = go_on
) -> list[fusion.FusedLine]:
    """What the engines that have read each line say together; what counts on one depends on all lines of the page."""
    return fusion.fuse_page(
        _all_hypotheses(layout, outcomes, request),
        [region.material for region in layout.regions],
        request.profile.for_models(_models(outcomes)),
        request.method,
        checkpoint,
    )


def _models(outcomes: Mapping[str, EngineOutcome]) -> dict[str, str]:
    """What each engine that answered reads with."""
    return {name: outcome.report.model for name, outcome in outcomes.items() if outcome.report.model}


def _with_other_models(outcomes: Mapping[str, EngineOutcome], profile: fusion.Profile) -> dict[str, EngineOutcome]:
    """The same, where an engine whose model the profile was not tuned with says so."""
    tuning = profile.for_models(_models(outcomes)).tuning
    told = dict(outcomes)
    if tuning is None:
        return told
    for name in tuning.other_models:
        report = outcomes[name].report
        other = f"the profile was tuned with {tuning.models[name]}, so nothing is known of this model"
        detail = f"{report.detail}; {other}" if report.detail else other
        told[name] = replace(outcomes[name], report=replace(report, detail=detail))
    return told


def _all_hypotheses(
    layout: Layout, outcomes: Mapping[str, EngineOutcome], request: ReadRequest
) -> list[dict[str, Hypothesis]]:
    """What the engines read on each line, held to the characters that its part of the page may have."""
    allowed = [None if part.characters is None else frozenset(part.characters) for part in request.regions]
    read: list[dict[str, Hypothesis]] = []
    for index, region in enumerate(layout.regions):
        own, bound = _hypotheses(index, outcomes), allowed[region.block // BLOCKS_OF_A_PART] if allowed else None
        read.append(own if bound is None else {name: held_to(said, bound) for name, said in own.items()})
    return read


def _hypotheses(index: int, outcomes: Mapping[str, EngineOutcome]) -> dict[str, Hypothesis]:
    hypotheses = {name: outcome.hypothesis(index) for name, outcome in outcomes.items()}
    return {name: hypothesis for name, hypothesis in hypotheses.items() if hypothesis is not None}


def fused_characters(
    indices: Sequence[int | QuorumError],
    outcomes: Mapping[str, EngineOutcome],
    request: ReadRequest,
    checkpoint: Checkpoint = go_on,
) -> list[CharacterReading | QuorumError]:
    """The character of each crop; what could not be cut stays an error. `checkpoint` as in `fused_page`."""
    readings: list[CharacterReading | QuorumError] = []
    for index in indices:
        checkpoint()
        readings.append(index if isinstance(index, QuorumError) else fused_character(index, outcomes, request))
    return readings


def fused_character(
    index: int, outcomes: Mapping[str, EngineOutcome], request: ReadRequest
) -> CharacterReading | QuorumError:
    """The character in the crop at `index`, or DeadlineExceeded when no engine has read it."""
    hypotheses = _hypotheses(index, outcomes)
    if not hypotheses:
        return DeadlineExceeded(
            "no engine could start on this image in time",
            "send fewer images at once, or give more time with timeout_s",
            1.0,
        )
    return CharacterReading(
        fusion.fuse_character(
            hypotheses, request.profile.for_models(_models(outcomes)), request.method, request.recognition.classes
        ),
        hypotheses,
        tuple(outcome.report for outcome in outcomes.values()),
    )


def require_one_answer(outcomes: Mapping[str, EngineOutcome]) -> None:
    """Raise unless at least one engine answered, if only to abstain: no answer at all is not an empty page."""
    if any(outcome.answered for outcome in outcomes.values()):
        return
    reports = [outcome.report for outcome in outcomes.values() if outcome.report.status is not Status.SKIPPED]
    summary = ", ".join(f"{report.engine}: {report.status}" for report in reports)
    raise _failure_of({report.status for report in reports}, summary)


def _failure_of(statuses: set[Status], summary: str) -> ServiceError:
    if Status.TIMEOUT in statuses and statuses <= {Status.TIMEOUT, Status.UNAVAILABLE}:
        return DeadlineExceeded(f"no engine answered in time ({summary})", "give more time with timeout_s", 1.0)
    if Status.SHED in statuses:
        return Overloaded(f"the engines are overloaded ({summary})", "send the request again later", 1.0)
    if statuses == {Status.UNAVAILABLE}:
        return NotReady(f"no engine is ready ({summary})", "see /status for what each of them needs", 5.0)
    return InternalFailure(f"every engine failed ({summary})", "try again; the log has the details")
