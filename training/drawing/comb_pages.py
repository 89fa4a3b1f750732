"""Draws forms of comb fields, filled in by hand: rows of boxes, boxes with room between them, and rules with ticks.

They are synthetic. The hands are families of handwriting fonts that no training uses (training/drawing/web_fonts.py);
letters are placed one in a box, each a little otherwise, and some reach over its rules. A folder of them has the format
of evaluation.pages.ground_truth.

Lengths are pixels of the page, which has some 150 dots an inch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.drawing.drawn_pages import Grey, scanned, write_pages
from training.drawing.fonts import Face

HANDS = (
    "covered-by-your-grace",
    "loved-by-the-king",
    "nothing-you-could-do",
    "schoolbell",
    "the-girl-next-door",
    "zeyada",
)
"""Held-out families whose letters stand alone, as on forms."""
WIDTH_PX, HEIGHT_PX = 1240, 1000
_NAMES = ("ANNE", "BAKER", "CARTER", "DOVER", "ELLIS", "FROST", "GRANT", "HUGHES", "JONES", "MILLS", "QUINN", "WRIGHT")
_TOWNS = ("LEEDS", "BATH", "YORK", "DERBY", "EXETER", "LINCOLN", "OXFORD", "PERTH", "TRURO", "WELLS")
_LABELS = ("Surname", "First name", "Town", "Postcode", "Date of birth", "Reference", "Telephone", "Account")


@dataclass(slots=True)
class _Sheet:
    """A page that is being drawn; `lines` are the texts and the corners of their outlines."""

    rng: np.random.Generator
    print_face: Face
    hand: Face
    picture: Image.Image = field(default_factory=lambda: Image.new("L", (WIDTH_PX, HEIGHT_PX), "white"))
    lines: list[dict[str, object]] = field(default_factory=list)

    def label(self, text: str, left: float, top: float) -> None:
        font = ImageFont.truetype(str(self.print_face.path), 20, index=self.print_face.index)
        draw = ImageDraw.Draw(self.picture)
        draw.text((left, top), text, font=font, fill=int(self.rng.integers(0, 70)))
        self._note(text, draw.textbbox((left, top), text, font=font))

    def comb(self, text: str, left: float, top: float, cells: int) -> None:
        """A field of so many cells with `text` in the first ones."""
        wide = float(self.rng.uniform(30, 40))
        tall = wide * float(self.rng.uniform(1.0, 1.4))
        kind = ("boxes", "apart", "ticks")[int(self.rng.integers(3))]
        room = float(self.rng.uniform(3, 8)) if kind == "apart" else 0.0
        self._rules(kind, left, top, (wide, tall), room, cells)
        size, ink = tall * float(self.rng.uniform(0.75, 0.95)), int(self.rng.integers(0, 90))
        for number, letter in enumerate(text):
            self._letter(letter, left + number * (wide + room) + wide / 2, top + tall / 2, size, ink)
        self._note(text, (left, top, left + cells * (wide + room) - room, top + tall))

    def _rules(self, kind: str, left: float, top: float, cell: tuple[float, float], room: float, cells: int) -> None:
        (wide, tall), shade = cell, int(self.rng.integers(30, 150))
        draw, thick = ImageDraw.Draw(self.picture), int(self.rng.integers(1, 4))
        high = tall if kind != "ticks" else tall * float(self.rng.uniform(0.3, 0.4))
        for number in range(cells):
            start = left + number * (wide + room)
            for x in (start, start + wide):
                draw.line((x, top + tall - high, x, top + tall), shade, thick)
            draw.line((start, top + tall, start + wide, top + tall), shade, thick)
            if kind != "ticks":
                draw.line((start, top, start + wide, top), shade, thick)

    def _letter(self, letter: str, x: float, y: float, size: float, ink: int) -> None:
        """One letter around a place, a little larger or smaller, turned and moved."""
        if letter == " ":
            return
        font = ImageFont.truetype(str(self.hand.path), round(size * self.rng.uniform(0.9, 1.1)), index=self.hand.index)
        left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
        stamp = Image.new("L", (right - left + 8, bottom - top + 8), 0)
        ImageDraw.Draw(stamp).text((4 - left, 4 - top), letter, font=font, fill=255)
        stamp = stamp.rotate(float(self.rng.normal(0, 3)), expand=True, resample=Image.Resampling.BICUBIC)
        place = (
            round(x - stamp.width / 2 + self.rng.normal(0, 1.5)),
            round(y - stamp.height / 2 + self.rng.normal(0, 2)),
        )
        self.picture.paste(Image.new("L", stamp.size, ink), place, stamp)

    def _note(self, text: str, box: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = box
        outline = [[left, top], [right, top], [right, bottom], [left, bottom]]
        self.lines.append({"polygon": outline, "text": text})


def comb_page(seed: int, print_face: Face, hands: Sequence[Face]) -> tuple[Grey, list[dict[str, object]]]:
    """One form as a scanner sees it, and the lines of it."""
    rng = np.random.default_rng((seed, 23))
    sheet = _Sheet(rng, print_face, hands[int(rng.integers(len(hands)))])
    for row in range(9):
        top = 60 + 100 * row
        sheet.label(f"{rng.choice(_LABELS)}:", 70, top + 10)
        text = _text(rng)
        sheet.comb(text, 330, top, len(text) + int(rng.integers(0, 4)))
    page = np.asarray(sheet.picture)
    return scanned(page, rng, blur=0.6, white=0.94, grain=(6.0, 6.0), quality=70), sheet.lines


def _text(rng: np.random.Generator) -> str:
    digits = "".join(str(digit) for digit in rng.integers(0, 10, int(rng.integers(6, 12))))
    postcode = (
        f"{rng.choice(list('BEGLMNSW'))}{rng.integers(1, 30)} {rng.integers(1, 10)}{rng.choice(list('ABDEHJLN'))}P"
    )
    words = f"{rng.choice(_NAMES)} {rng.choice(_TOWNS)}"
    mixed = f"{rng.choice(_NAMES)}".capitalize()
    return str(rng.choice([digits, digits, postcode, words, words, str(rng.choice(_NAMES)), mixed]))


def write_comb_pages(folder: Path, count: int, seed: int, print_face: Face, hands: Sequence[Face]) -> None:
    """A folder of them with its truth."""
    write_pages(folder, "comb", count, seed, lambda number: comb_page(number, print_face, hands))
