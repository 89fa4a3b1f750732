"""Pages as Mistral's OCR API tells them: Markdown, and where it is asked for blocks and confidences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from deployments.gateway.formats import OutputPage
from deployments.gateway.formats.markdown import markdown_of
from ocr.contract import LineAnswer
from ocr.geometry import bounds

Granularity = Literal["page", "block", "word"]


class Wanted(BaseModel):
    """What is told of each page beside its text."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # clients send options of models that read otherwise

    include_blocks: bool = False
    confidence_scores_granularity: Granularity | None = None


def told_page(page: OutputPage, wanted: Wanted) -> dict[str, Any]:
    """One page; `index` is counted from 0."""
    told: dict[str, Any] = {
        "index": page.number - 1,
        "markdown": markdown_of(page),
        "images": [],
        "dimensions": {
            "dpi": 0 if page.dpi is None else round(page.dpi[0]),  # a number: their client takes nothing else
            "height": page.answer.height,
            "width": page.answer.width,
        },
    }
    if wanted.include_blocks:
        told["blocks"] = [_block(lines) for lines in page.text_blocks()]
    if wanted.confidence_scores_granularity is not None:
        told["confidence_scores"] = _confidences(page, wanted.confidence_scores_granularity)
    return told


def _block(lines: Sequence[LineAnswer]) -> dict[str, Any]:
    left, top, right, bottom = map(round, bounds(corner for line in lines for corner in line.polygon))
    return {
        "type": "text",
        "content": "\n".join(line.text for line in lines),
        "top_left_x": left,
        "top_left_y": top,
        "bottom_right_x": right,
        "bottom_right_y": bottom,
    }


def _confidences(page: OutputPage, granularity: Granularity) -> dict[str, Any]:
    scores: dict[str, Any] = {"average_page_confidence_score": page.answer.confidence}
    if granularity == "word":
        scores["word_confidence_scores"] = [
            {"text": word.text, "confidence": word.confidence}
            for line in page.answer.lines
            if line.legible
            for word in line.words
        ]
    if granularity == "block":
        scores["block_confidence_scores"] = [
            sum(line.confidence for line in lines) / len(lines) for lines in page.text_blocks()
        ]
    return scores
