"""What people said as ground truth: rows of truth.jsonl, as `quorum tune` and `quorum train` take them, and pages for
the writers of ALTO and PAGE. Pure.

A line is complete when people looked at each of its words and could read them. Other lines are left out, unless they
are asked for: then each word that somebody looked at is named, with the chance with which it was asked, so that what is
made of them can be weighted. Lines at which nobody looked come with them, because what the vote knows of an engine it
knows from the whole page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.gateway.jobs.corrected_pages import Decisions, corrected_page
from fusion import Thresholds
from ocr.contract import LineAnswer, PageAnswer


def is_complete(line: LineAnswer, number: int, decisions: Decisions) -> bool:
    """Whether all of a line is known."""
    own = [decisions.get((number, word)) for word in range(len(line.words))]
    return line.legible and all(decision is not None and decision.kind != "illegible" for decision in own)


def true_page(answer: PageAnswer, decisions: Decisions, thresholds: Thresholds) -> PageAnswer:
    """The page with nothing but its complete lines, as people have them."""
    complete = [number for number, line in enumerate(answer.lines) if is_complete(line, number, decisions)]
    corrected = corrected_page(answer, decisions, thresholds)
    return corrected.model_copy(update={"lines": [corrected.lines[number] for number in complete]})


def truth_row(
    image: str,
    file: str,
    answer: PageAnswer,
    decisions: Decisions,
    chances: Mapping[int, float],
    *,
    only_complete: bool,
) -> dict[str, Any]:
    """One page as a row of truth.jsonl. `image` is the name of its picture, `chances` by the number of a word."""
    lines = []
    for number, line in enumerate(answer.lines):
        complete = is_complete(line, number, decisions)
        if complete or (line.legible and not only_complete):
            text, words = _line_text(line, number, decisions, chances)
            lines.append({"polygon": line.polygon, "text": text, "complete": complete, "words": words})
    return {"image": image, "file": file, "page": answer.page, "lines": lines}


def _line_text(
    line: LineAnswer, number: int, decisions: Decisions, chances: Mapping[int, float]
) -> tuple[str, list[dict[str, Any]]]:
    """The text of a line as far as people have it, and where in it the words stand that they looked at. A word that
    nobody can read is none of them.
    """
    text = ""
    words: list[dict[str, Any]] = []
    for index, word in enumerate(line.words):
        decision = decisions.get((number, index))
        own = word.text if decision is None else " ".join(decision.text.split())
        start = len(text) + bool(text and own)
        text += " " * bool(text and own) + own
        if decision is not None and decision.kind != "illegible":
            place = {"start": start, "end": start + len(own)}
            said = {"was": decision.was, "confidence": decision.confidence, "kind": decision.kind}
            words.append({**place, **said, "chance": chances.get(decision.number), "by": decision.who})
    return text, words
