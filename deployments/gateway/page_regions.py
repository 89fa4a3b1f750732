"""What the parts of a page say that a request named: each by its name, and whether it says what it should."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import regex

from ocr.contract import LineAnswer, PageRegion, RegionAnswer, WordAnswer
from ocr.errors import OutOfRange
from ocr.image import BLOCKS_OF_A_PART

_MATCHING_S = 0.1
"""For the patterns of a page together. One may be made to take for ever; no honest one takes a millisecond."""


def region_answers(
    regions: Sequence[PageRegion], lines: Sequence[LineAnswer], size_px: tuple[int, int], *, illegible: bool = False
) -> dict[str, RegionAnswer]:
    """An answer for each region, also for one in which nothing stands. The block of a line tells its region. Lines that
    nobody can read are in its text only where `illegible` ones were asked for. Raises OutOfRange where patterns take
    too long.
    """
    end = time.monotonic() + _MATCHING_S
    answers: dict[str, RegionAnswer] = {}
    for number, region in enumerate(regions):
        own = [index for index, line in enumerate(lines) if line.block // BLOCKS_OF_A_PART == number]
        text, confidence = _said(lines, own, illegible=illegible)
        left, top, right, bottom = region.pixels(*size_px)
        answers[region.name] = RegionAnswer(
            text=text,
            confidence=confidence,
            box=(left, top, right - left, bottom - top),
            matches=None if region.pattern is None else _matches(region, region.pattern, text, end),
            lines=own,
        )
    return answers


def regions_again(
    regions: Sequence[PageRegion],
    answers: Mapping[str, RegionAnswer],
    lines: Sequence[LineAnswer],
    *,
    illegible: bool = False,
) -> dict[str, RegionAnswer]:
    """The same answers where their lines say something else now."""
    end = time.monotonic() + _MATCHING_S
    asked = {region.name: region for region in regions}
    found: dict[str, RegionAnswer] = {}
    for name, answer in answers.items():
        text, confidence = _said(lines, answer.lines, illegible=illegible)
        region = asked[name]
        matches = None if region.pattern is None else _matches(region, region.pattern, text, end)
        found[name] = answer.model_copy(update={"text": text, "confidence": confidence, "matches": matches})
    return found


def _said(lines: Sequence[LineAnswer], own: Sequence[int], *, illegible: bool) -> tuple[str, float]:
    """The text of some of the lines, and how sure it is."""
    said = [lines[index] for index in own if lines[index].text and (illegible or lines[index].legible)]
    return "\n".join(line.text for line in said), confidence_by_letters(said)


def confidence_by_letters(parts: Sequence[LineAnswer | WordAnswer], of_nothing: float = 0.0) -> float:
    """How sure some lines or words are together, each by its letters; `of_nothing` where there are none."""
    letters = sum(len(part.text) for part in parts)
    return sum(part.confidence * len(part.text) for part in parts) / letters if letters else of_nothing


def numbered_on(lines: Sequence[LineAnswer]) -> list[LineAnswer]:
    """The lines with their blocks counted on from one region to the next."""
    if all(line.block < BLOCKS_OF_A_PART for line in lines):
        return list(lines)
    numbers = {block: index for index, block in enumerate(dict.fromkeys(line.block for line in lines))}
    return [line.model_copy(update={"block": numbers[line.block]}) for line in lines]


def in_regions(
    lines: Sequence[Mapping[str, Any]], regions: Sequence[PageRegion], size_px: tuple[int, int]
) -> list[Mapping[str, Any]]:
    """Of the text that a page of a PDF has (segmentation/files/pdf/existing_text.py) the words with their middle in a
    region, one region after the other.
    """
    middles = [[(word, _middle(word["corners"])) for word in line["words"]] for line in lines]
    found: list[Mapping[str, Any]] = []
    for number, region in enumerate(regions):
        left, top, right, bottom = region.pixels(*size_px)
        for line, placed in zip(lines, middles, strict=True):
            words = [word for word, (x, y) in placed if left <= x <= right and top <= y <= bottom]
            if words:
                found.append({**line, "words": words, "block": number * BLOCKS_OF_A_PART + line["block"]})
    return found


def _middle(corners: Sequence[Sequence[float]]) -> tuple[float, float]:
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def _matches(region: PageRegion, pattern: str, text: str, end: float) -> bool:
    try:
        return regex.fullmatch(pattern, text, timeout=max(0.001, end - time.monotonic())) is not None
    except TimeoutError as error:
        raise OutOfRange(
            f"the pattern of region {region.name!r} takes too long: {_MATCHING_S:g} s for all of a page",
            "write it without repeats within repeats",
        ) from error
