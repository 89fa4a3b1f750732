"""A page of print as a picture, and the answer that reads it without a mistake, each word where it stands."""

from __future__ import annotations

import io

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from deployments.gateway.formats import OutputPage, PagePicture
from tests.fakes.answers import box, line, page_of

LINES = (
    "The committee met on Tuesday, 7 May",
    "to discuss the new bridge, letters, of",
    "which twelve had come, and the price",
    "of steel: it has risen by 9 percent.",
    "Nobody expected the water to be deep",
    "near the mill, where it is 3.5 metres.",
    "",
    "A second report will be printed in June.",
    "Copies may be ordered at 40 Harbour St",
    "or by telephone: 040 555 0137.",
    "Those who wish to speak at the meeting",
    "are asked to write to the office.",
)
"""Two paragraphs."""
NAME = "Our page 1.png"
_SIZE = (1240, 1754)
_DPI = (150.0, 150.0)
_LEFT, _TOP, _STEP, _LETTERS = 120, 140, 70, 38


def drawn_page(number: int = 1) -> OutputPage:
    """The page, its picture and its name."""
    picture = PIL.Image.new("L", _SIZE, 255)
    pen, font = PIL.ImageDraw.Draw(picture), PIL.ImageFont.load_default(_LETTERS)
    lines, block = [], 0
    for index, text in enumerate(LINES):
        if not text:
            block += 1
            continue
        top, left = _TOP + index * _STEP, float(_LEFT)
        pen.text((_LEFT, top), text, font=font, fill=0)
        words = []
        for word in text.split():
            right = left + font.getlength(word)
            words.append((word, box(left, top, right, top + 48)))
            left += font.getlength(f"{word} ")
        drawn = line(words, box(_LEFT, top, right, top + 48), block)
        lines.append(drawn.model_copy(update={"language": "en"}))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90, dpi=_DPI)
    shown = PagePicture(file.getvalue(), "jpeg", "L", *_SIZE, _DPI)
    return OutputPage(number, page_of(*lines, width=_SIZE[0], height=_SIZE[1]), shown, file_name=NAME, dpi=_DPI)
