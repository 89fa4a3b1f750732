"""Comb fields drawn with Pillow's own font, which is always there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr.image import Pixels

LEFT, TOP = 60, 80
WIDE, TALL = 36, 44


@dataclass(frozen=True)
class Style:
    """`room` between two boxes; `uprights` is how much of the height of a cell they have, `closed` whether a rule runs
    along the top.
    """

    room: int = 0
    uprights: float = 1.0
    closed: bool = True
    thick: int = 2


BOXES, APART, TICKS = Style(), Style(room=6), Style(uprights=0.35, closed=False)


def page_with(text: str, style: Style = BOXES, *, cells: int = 0, size: int = 32, shade: int = 90) -> Pixels:
    """A page of 900 x 300 with one field; `text` has one letter a cell, a space for an empty one."""
    page = Image.new("RGB", (900, 300), "white")
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(size)
    colour = (shade,) * 3
    for number in range(max(cells, len(text))):
        left = LEFT + number * (WIDE + style.room)
        for x in (left, left + WIDE):
            pen.line((x, TOP + TALL * (1 - style.uprights), x, TOP + TALL), colour, style.thick)
        pen.line((left, TOP + TALL, left + WIDE, TOP + TALL), colour, style.thick)
        if style.closed:
            pen.line((left, TOP, left + WIDE, TOP), colour, style.thick)
    for number, letter in enumerate(text):
        x0, y0, x1, y1 = font.getbbox(letter)
        middle = LEFT + number * (WIDE + style.room) + WIDE / 2
        pen.text((middle - (x0 + x1) / 2, TOP + TALL / 2 - (y0 + y1) / 2), letter, fill="black", font=font)
    return np.asarray(page).copy()
