"""Reviews in Label Studio (https://labelstud.io): a task for each page with a region for each word that is asked, and
what was annotated there. Pure.

The labels are those of its template for OCR: a rectangle `bbox`, what it is in `label`, its text in `transcription`.
Places are percents of the picture. The id of a region says which word it is, so whatever is changed in Label Studio
finds its word again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployments.gateway.formats.output_format import word_places
from deployments.gateway.reviews.review_words import readings_of
from ocr.contract import PageAnswer
from ocr.errors import InvalidRequest
from ocr.geometry import Point
from ocr.label_studio import ILLEGIBLE, WORD
from ocr.review_contract import DecisionBody

_REGION = re.compile(r"word-(\d+)")


def task(picture: str, name: str, answer: PageAnswer, numbers: Mapping[tuple[int, int], int]) -> dict[str, Any]:
    """The task of a page: `picture` is where Label Studio finds it, `numbers` are those of the words that are asked, by
    line and word.
    """
    regions = [
        region
        for (line, word), number in numbers.items()
        for region in _regions(answer, answer.lines[line].words[word].text, line, word, number)
    ]
    asked = [answer.lines[line].words[word].confidence for line, word in numbers]
    prediction = {
        "model_version": f"quorum {answer.profile}",
        "score": sum(asked) / len(asked) if asked else answer.confidence,
        "result": regions,
    }
    data = {"ocr": picture, "file": name, "page": answer.page}
    return {"data": data, "predictions": [prediction]}


def _regions(answer: PageAnswer, text: str, line: int, word: int, number: int) -> Iterator[dict[str, Any]]:
    """The three parts of one region: rectangle, label and text."""
    own = answer.lines[line]
    place = _percents(word_places(own)[word], answer.width, answer.height)
    common = {
        "id": f"word-{number}",
        "to_name": "image",
        "original_width": answer.width,
        "original_height": answer.height,
        "image_rotation": 0,
        "score": own.words[word].confidence,
    }
    readings = {",".join(choice.engines): choice.text for choice in readings_of(own.words[word])}
    yield {**common, "type": "rectangle", "from_name": "bbox", "value": place}
    yield {**common, "type": "labels", "from_name": "label", "value": {**place, "labels": [WORD]}}
    text_value = {**place, "text": [text]}
    yield {**common, "type": "textarea", "from_name": "transcription", "value": text_value, "meta": {"read": readings}}


def _percents(polygon: Sequence[Point], width: int, height: int) -> dict[str, float]:
    """The rectangle of a word, turned about its first corner as Label Studio has it: in percents of the picture, the
    rotation in degrees clockwise.
    """
    (x0, y0), (x1, y1), _, (x3, y3) = polygon
    across, down = math.hypot(x1 - x0, y1 - y0), math.hypot(x3 - x0, y3 - y0)
    return {
        "x": 100.0 * x0 / width,
        "y": 100.0 * y0 / height,
        "width": 100.0 * across / width,
        "height": 100.0 * down / height,
        "rotation": math.degrees(math.atan2(y1 - y0, x1 - x0)) % 360.0,
    }


def decisions_of(tasks: Sequence[Mapping[str, Any]]) -> dict[int, DecisionBody]:
    """What was annotated, by the number of the word: of each task its last annotation that was not cancelled. Raises
    InvalidRequest for what is no export of Label Studio with annotations.
    """
    found: dict[int, DecisionBody] = {}
    for number, each in enumerate(tasks):
        try:
            valid = [own for own in each["annotations"] if not own.get("was_cancelled")]
            for region in valid[-1]["result"] if valid else []:
                _add(found, region)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise InvalidRequest(
                f"task {number} is not as Label Studio exports it: {error!r}",
                "export it as JSON, not as JSON-MIN",
            ) from error
    return found


def _add(found: dict[int, DecisionBody], region: Mapping[str, Any]) -> None:
    """What one part of a region says; an illegible word stays that, whatever text it has."""
    name = _REGION.fullmatch(str(region.get("id", "")))
    if name is None:
        return  # a region that somebody drew: no word of the review
    number = int(name[1])
    if region["type"] == "labels" and ILLEGIBLE in region["value"]["labels"]:
        found[number] = DecisionBody(number=number, kind="illegible")
    elif region["type"] == "textarea" and not (number in found and found[number].kind == "illegible"):
        text = " ".join(region["value"]["text"])
        found[number] = DecisionBody(number=number, kind="typed", text=text)
