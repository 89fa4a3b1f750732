"""Pages with what people said in place of what was read. Pure.

A word that a person looked at is certain; one that nobody can read has confidence 0 and stays as it was read. Where a
person typed a space there are two words, where nothing stands there is none. Everything that a page says of itself is
made anew from its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from deployments.gateway.page_regions import confidence_by_letters, regions_again
from deployments.jobs.job_queue import KeptPage, Place
from deployments.review.review import KeptDecision, Review
from fusion import Thresholds, judge_page
from ocr.contract import CharacterPlace, FailedPage, LineAnswer, PageAnswer, PageRegion, WordAnswer, WordCorrection
from ocr.geometry import Polygon
from ocr.page import text_of_rows

Places = tuple[tuple[float, float], ...]
Decisions = Mapping[tuple[int, int], KeptDecision]
"""What people said of a page, by line and word."""


def decisions_by_page(review: Review) -> dict[Place, dict[tuple[int, int], KeptDecision]]:
    """What holds of each page of a job, in order."""
    found: dict[Place, dict[tuple[int, int], KeptDecision]] = {}
    for _, decision in sorted(review.decided.items()):
        place = Place(decision.file, decision.page)
        found.setdefault(place, {})[decision.line, decision.word] = decision
    return found


@dataclass(frozen=True, slots=True)
class Corrections:
    """What people said of the pages of a job, and what the job was asked."""

    by_page: Mapping[Place, Decisions]
    thresholds: Thresholds
    regions: Sequence[PageRegion] = ()
    illegible: bool = False

    def reviewers(self, chosen: Iterable[Place]) -> dict[str, datetime]:
        """Who said something of words on some pages, and when last."""
        found: dict[str, datetime] = {}
        for place in chosen:
            for decision in self.by_page.get(place, {}).values():
                at = datetime.fromtimestamp(decision.at, UTC)
                found[decision.who] = max(at, found.get(decision.who, at))
        return found

    def applied(self, place: Place, kept: KeptPage) -> KeptPage:
        """A page as it is kept, with what people said of it."""
        if not self.by_page.get(place):
            return kept
        return replace(kept, answer=self.answer(place, kept).model_dump_json().encode())

    def answer(self, place: Place, kept: KeptPage) -> PageAnswer | FailedPage:
        """What was read of a page, with what people said of it. Not for the event loop: pages are dense."""
        answer = kept_answer(kept)
        decisions = self.by_page.get(place)
        if not decisions or isinstance(answer, FailedPage):
            return answer
        return corrected_page(answer, decisions, self.thresholds, regions=self.regions, illegible=self.illegible)


def kept_answer(kept: KeptPage) -> PageAnswer | FailedPage:
    """What was read of a page."""
    return (FailedPage if kept.is_failed else PageAnswer).model_validate_json(kept.answer)


def corrected_page(
    answer: PageAnswer,
    decisions: Decisions,
    thresholds: Thresholds,
    *,
    regions: Sequence[PageRegion] = (),
    illegible: bool = False,
) -> PageAnswer:
    """The page with decisions by the line and the word that they are about; `regions` and whether `illegible` lines are
    written out as the request had it.
    """
    if not decisions:
        return answer
    by_line = {line for line, _ in decisions}
    lines = [
        _corrected_line(line, {word: decision for (own, word), decision in decisions.items() if own == number})
        if number in by_line
        else line
        for number, line in enumerate(answer.lines)
    ]
    shown = [line for line in lines if line.legible or illegible]
    return answer.model_copy(
        update={
            **_judged(lines, thresholds),
            "text": text_of_rows((line.text, line.block, line.row) for line in shown if line.text),
            "lines": lines,
            "characters": _characters(answer, decisions, illegible=illegible),
            "regions": None
            if answer.regions is None
            else regions_again(regions, answer.regions, lines, illegible=illegible),
        }
    )


def _judged(lines: Sequence[LineAnswer], thresholds: Thresholds) -> dict[str, Any]:
    """What a page says of itself, from its words."""
    legible = [line for line in lines if line.legible]
    words = [word for line in legible for word in line.words]
    confidence = confidence_by_letters(words)
    illegible_share = (len(lines) - len(legible)) / max(1, len(lines))
    verdict = judge_page(confidence, [word.confidence for word in words], illegible_share, thresholds)
    return {
        "confidence": confidence,
        "accepted": verdict.accepted,
        "needs_review": verdict.needs_review,
        "band": verdict.band.value,
        "doubted_words": sum(word.confidence < thresholds.review for word in words),
    }


def correction_of(decision: KeptDecision) -> WordCorrection:
    """What an answer says of a decision."""
    return WordCorrection(
        kind=decision.kind,
        was=decision.was,
        text=decision.text,
        engines=list(decision.engines),
        by=decision.by,
        reviewer=decision.reviewer,
        at=datetime.fromtimestamp(decision.at, UTC),
    )


def certainty_of(decision: KeptDecision) -> float:
    """How sure a word is that a person looked at."""
    return 0.0 if decision.kind == "illegible" else 1.0


def _corrected_line(line: LineAnswer, decisions: Mapping[int, KeptDecision]) -> LineAnswer:
    words: list[WordAnswer] = []
    removed: list[WordAnswer] = []
    for number, word in enumerate(line.words):
        decision = decisions.get(number)
        if decision is None:
            words.append(word)
        elif decision.text.split():
            words += _corrected_words(word, decision)
        else:
            removed.append(word.model_copy(update={"correction": correction_of(decision)}))
    return line.model_copy(
        update={
            "text": " ".join(word.text for word in words),
            "confidence": confidence_by_letters(words, line.confidence),
            "words": words,
            "removed_words": removed,
        }
    )


def _corrected_words(word: WordAnswer, decision: KeptDecision) -> Iterator[WordAnswer]:
    """The word that was decided, or those, each with its part of the place."""
    text = " ".join(decision.text.split())
    correction = correction_of(decision)
    start = 0
    for part in text.split():
        place = None if word.polygon is None else _part(word.polygon, start, start + len(part), len(text))
        yield WordAnswer(
            text=part,
            confidence=certainty_of(decision),
            polygon=place,
            votes=word.votes,
            correction=correction,
        )
        start += len(part) + 1


def _characters(answer: PageAnswer, decisions: Decisions, *, illegible: bool) -> list[CharacterPlace]:
    """The characters of the page, which stand without the spaces between them and without lines that are not shown."""
    left = iter(answer.characters)
    found: list[CharacterPlace] = []
    for number, line in enumerate(answer.lines):
        if not (line.legible or illegible):
            continue
        for index, word in enumerate(line.words):
            own = _next_of(left, len(word.text))
            decision = decisions.get((number, index))
            found += own if decision is None else _decided_characters(word, own, decision)
    return found


def _next_of(left: Iterator[CharacterPlace], length: int) -> list[CharacterPlace]:
    own: list[CharacterPlace] = []
    while length > 0:
        character = next(left, None)
        if character is None:
            break
        own.append(character)
        length -= len(character.character)
    return own


def _decided_characters(
    word: WordAnswer, own: Sequence[CharacterPlace], decision: KeptDecision
) -> list[CharacterPlace]:
    """Where a person changed nothing they keep their places; others share the place of the word."""
    certainty = certainty_of(decision)
    if not decision.is_change:
        return [character.model_copy(update={"confidence": certainty}) for character in own]
    text = " ".join(decision.text.split())
    return [
        CharacterPlace(
            character=letter, confidence=certainty, bounding_box=_letter_box(word.polygon, place, len(text)), votes=None
        )
        for place, letter in enumerate(text)
        if letter != " "
    ]


def _letter_box(polygon: Places | None, place: int, letters: int) -> tuple[int, int, int, int] | None:
    return None if polygon is None else _polygon(_part(polygon, place, place + 1, letters)).bounding_box().xywh


def _part(polygon: Places, start: int, end: int, letters: int) -> Places:
    """The part of a place from one letter to another of so many."""
    corners = _polygon(polygon).slice(start / letters, end / letters).corners
    return tuple((round(x, 1), round(y, 1)) for x, y in corners)


def _polygon(polygon: Places) -> Polygon:
    first, second, third, fourth = polygon
    return Polygon((first, second, third, fourth))
