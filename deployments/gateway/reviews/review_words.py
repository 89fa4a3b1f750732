"""From a page that was read to a word of it as people are asked it, and to what they say of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.gateway.formats.output_format import word_places
from deployments.gateway.jobs.corrected_pages import correction_of
from deployments.review.review import KeptDecision
from deployments.review.word_index import WordPlace
from ocr.contract import PageAnswer, WordAnswer
from ocr.review_contract import DecisionBody, ReadingChoice, ReviewWord


def readings_of(word: WordAnswer) -> list[ReadingChoice]:
    """What engines read in the place of a word, each text once: those of most engines first, then as engines come."""
    engines: dict[str, list[str]] = {}
    for engine, text in word.votes.items():
        engines.setdefault(text, []).append(engine)
    return [
        ReadingChoice(text=text, engines=own) for text, own in sorted(engines.items(), key=lambda one: -len(one[1]))
    ]


def review_word(
    number: int, place: WordPlace, name: str, answer: PageAnswer, decision: KeptDecision | None
) -> ReviewWord:
    """The word as it is asked."""
    line = answer.lines[place.line]
    word = line.words[place.word]
    return ReviewWord(
        number=number,
        file=place.file,
        name=name,
        page=answer.page,
        line=place.line,
        text=word.text,
        confidence=word.confidence,
        readings=readings_of(word),
        polygon=tuple(word_places(line)[place.word]),
        line_polygon=line.polygon,
        line_text=line.text,
        start=sum(len(before.text) + 1 for before in line.words[: place.word]),
        language=line.language,
        width=answer.width,
        height=answer.height,
        decision=None if decision is None else correction_of(decision),
    )


def kept_decision(
    said: DecisionBody, place: WordPlace, answer: PageAnswer, chance: float, who: Mapping[str, str], at: float
) -> KeptDecision | str:
    """What is kept of a decision; why not, where a reading is taken that there is not. `who` has `by`, `reviewer` and
    `session`.
    """
    word = answer.lines[place.line].words[place.word]
    text = " ".join((said.text or "").split())
    engines = tuple(engine for engine, read in word.votes.items() if said.kind == "taken" and read == said.text)
    if said.kind == "taken" and not engines and said.text != word.text:
        return "neither an engine nor the vote read this; send it with kind 'typed'"
    return KeptDecision(
        number=said.number,
        file=place.file,
        page=place.page,
        line=place.line,
        word=place.word,
        kind="illegible" if said.kind == "illegible" else "taken" if said.kind == "taken" else "typed",
        was=word.text,
        text=word.text if said.kind == "illegible" else text,
        engines=engines,
        by=who["by"],
        reviewer=who["reviewer"],
        session=who["session"],
        at=at,
        confidence=word.confidence,
        chance=chance,
    )
