"""Answers of the contract with words in known places, for those who write them down."""

from __future__ import annotations

from collections.abc import Sequence

from ocr.contract import DocumentAnswer, LineAnswer, PageAnswer, TextAnswer, WordAnswer
from tests.fakes.service import text_answer

Corners = tuple[tuple[float, float], ...]


def box(left: float, top: float, right: float, bottom: float) -> Corners:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def line(words: Sequence[tuple[str, Corners | None]], polygon: Corners, block: int = 0) -> LineAnswer:
    spoken = [WordAnswer(text=text, confidence=0.75, polygon=place, votes={}) for text, place in words]
    return LineAnswer(
        text=" ".join(text for text, _ in words), confidence=0.8, polygon=polygon, block=block, words=spoken
    )


def page_of(*lines: LineAnswer, width: int = 600, height: int = 400) -> TextAnswer:
    fields = dict(text_answer("\n".join(each.text for each in lines)))
    return TextAnswer(**{**fields, "width": width, "height": height, "lines": list(lines)})


def document_of(*pages: TextAnswer) -> DocumentAnswer:
    numbered = [PageAnswer(page=number, **dict(page)) for number, page in enumerate(pages, 1)]
    told = {name: value for name, value in pages[0] if name in DocumentAnswer.model_fields}
    text = "\n\n".join(page.text for page in pages)
    return DocumentAnswer(
        **{**told, "text": text, "pages": numbered}, page_count=len(numbered), succeeded=len(numbered)
    )


TWO_BLOCKS = page_of(
    line([("Größe", box(50, 40, 150, 70)), ("<b>&amp;", box(170, 40, 300, 70))], box(50, 40, 300, 70)),
    line([("漢字", box(50, 80, 120, 110)), ("🙂é", None)], box(50, 80, 300, 110)),
    line(
        [("aside", ((500, 300), (500, 200), (530, 200), (530, 300)))],
        ((500, 300), (500, 200), (530, 200), (530, 300)),
        1,
    ),
)
"""Three lines in two blocks; the last runs up the page, and one word has no place of its own."""
