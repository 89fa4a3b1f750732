"""Draws pages that look like office forms: cells with labels and typed values, a table, boxes to tick, and a number
that stands in the margin, as archives stamp it.

They are synthetic: what is measured on them says how the segmentation takes such a layout, not how well real forms are
read. Fonts are among those that no training uses. A folder of them has the format of evaluation.pages.ground_truth; a
number in the margin reads upwards or downwards, and its outline is taller than wide.

    python -m training.drawing.form_pages runs/forms --count 12 --seed 1

Lengths are pixels of the page; letters are as small as on a page scanned at 100 dots an inch.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.drawing.drawn_pages import Grey, scanned, write_pages
from training.drawing.fonts import Face, held_out_faces

WIDTH_PX, HEIGHT_PX = 850, 1100
_FINE = 2  # drawn so much larger, then reduced
_LABELS = ("Name", "Address", "Department", "Date received", "Account No.", "Project", "Supplier", "Requested by")
_WORDS = [
    "Allen",
    "Baker",
    "Carter",
    "Dover",
    "Research",
    "Street",
    "Marketing",
    "Supply",
    "Orange",
    "Review",
    "Sample",
    "Filter",
    "Winston",
    "Avenue",
    "Lot",
]
_HEADS = ("Item", "Quantity", "Unit price", "Amount")


@dataclass(frozen=True, slots=True)
class FormLine:
    """What a line says and its upright rectangle: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]

    @property
    def stands(self) -> bool:
        """Whether it is the number in the margin."""
        left, top, right, bottom = self.box
        return bottom - top > 2 * (right - left)

    def as_json(self) -> dict[str, object]:
        left, top, right, bottom = self.box
        return {"polygon": [[left, top], [right, top], [right, bottom], [left, bottom]], "text": self.text}


@dataclass(slots=True)
class _Sheet:
    """A page that is being drawn, _FINE times as large."""

    rng: np.random.Generator
    print_face: Face
    type_face: Face
    picture: Image.Image = field(default_factory=lambda: Image.new("L", (_FINE * WIDTH_PX, _FINE * HEIGHT_PX), "white"))
    lines: list[FormLine] = field(default_factory=list)

    def write(self, text: str, left: float, top: float, size: float, *, typed: bool = False) -> None:
        font = _font(self.type_face if typed else self.print_face, size)
        draw = ImageDraw.Draw(self.picture)
        draw.text((_FINE * left, _FINE * top), text, font=font, fill=int(self.rng.integers(0, 70)))
        edges = draw.textbbox((_FINE * left, _FINE * top), text, font=font)
        x0, y0, x1, y1 = (edge / _FINE for edge in edges)
        self.lines.append(FormLine(text, (x0, y0, x1, y1)))

    def stamp(self, text: str, middle_x: float, top: float, size: float, *, down: bool) -> None:
        """A number that reads up or down the page."""
        font = _font(self.print_face, size)
        x0, y0, x1, y1 = (round(edge) for edge in font.getbbox(text))
        strip = Image.new("L", (x1 - x0, y1 - y0), "white")
        ImageDraw.Draw(strip).text((-x0, -y0), text, font=font, fill=20)
        standing = strip.transpose(Image.Transpose.ROTATE_270 if down else Image.Transpose.ROTATE_90)
        left = round(_FINE * middle_x - standing.width / 2)
        self.picture.paste(standing, (left, round(_FINE * top)))
        box = (left / _FINE, top, (left + standing.width) / _FINE, top + standing.height / _FINE)
        self.lines.append(FormLine(text, box))

    def box(self, left: float, top: float, right: float, bottom: float) -> None:
        edges = tuple(round(_FINE * edge) for edge in (left, top, right, bottom))
        ImageDraw.Draw(self.picture).rectangle(edges, outline=40, width=_FINE)


def _font(face: Face, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(face.path), round(_FINE * size), index=face.index)


def form_page(seed: int) -> tuple[Grey, list[FormLine]]:
    """One form as a scanner with a little grain and compression sees it."""
    rng = np.random.default_rng((seed, 9))
    faces = held_out_faces()
    typewriters = [face for face in faces if face.typewritten or "Mono" in face.family]
    sheet = _Sheet(rng, faces[int(rng.integers(len(faces)))], typewriters[int(rng.integers(len(typewriters)))])
    sheet.write("REQUEST AND APPROVAL FORM", 270, 50, 22)
    bottom = _cells(sheet, 110)
    bottom = _table(sheet, bottom + 30)
    for index, word in enumerate(("Approved", "Rejected", "Hold")):
        sheet.box(90 + 200 * index, bottom + 30, 104 + 200 * index, bottom + 44)
        sheet.write(word, 114 + 200 * index, bottom + 28, 14)
    sheet.write("Signature", 90, bottom + 90, 13)
    sheet.write(_date(rng), 560, bottom + 88, 15, typed=True)
    number = "".join(str(digit) for digit in rng.integers(0, 10, int(rng.integers(8, 11))))
    at_left = bool(rng.integers(2))
    place = float(rng.uniform(28, 42))
    sheet.stamp(
        number, place if at_left else WIDTH_PX - place, float(rng.uniform(150, 800)), 19, down=bool(rng.integers(2))
    )
    small = cv2.resize(np.asarray(sheet.picture), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return scanned(np.asarray(small), rng, blur=0.5, white=0.92, grain=(8.0, 7.0), quality=60), sheet.lines


def _cells(sheet: _Sheet, top: float) -> float:
    """Rows of cells, each with a label and a typed value; where they end."""
    labels = list(sheet.rng.permutation(_LABELS))
    while labels:
        count = min(len(labels), int(sheet.rng.integers(1, 4)))
        width = (WIDTH_PX - 160) / count
        for index in range(count):
            left = 80 + index * width
            sheet.box(left, top, left + width, top + 52)
            sheet.write(f"{labels.pop()}:", left + 6, top + 4, 12)
            sheet.write(_value(sheet.rng), left + 14, top + 26, 16, typed=True)
        top += 52
    return top


def _table(sheet: _Sheet, top: float) -> float:
    rows, width = int(sheet.rng.integers(4, 8)), (WIDTH_PX - 160) / len(_HEADS)
    for row in range(rows + 1):
        for column, head in enumerate(_HEADS):
            left = 80 + column * width
            sheet.box(left, top, left + width, top + 30)
            text = head if row == 0 else _value(sheet.rng)[:14].strip() if column == 0 else _amount(sheet.rng)
            sheet.write(text, left + 10, top + 7, 13 if row == 0 else 15, typed=row > 0)
        top += 30
    return top


def _value(rng: np.random.Generator) -> str:
    how = rng.random()
    return _date(rng) if how < 0.2 else _amount(rng) if how < 0.35 else " ".join(rng.choice(_WORDS, 2, replace=False))


def _date(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 13):02d}/{rng.integers(1, 29):02d}/{rng.integers(1975, 2000)}"


def _amount(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 5000)}.{rng.integers(0, 100):02d}"


def write_forms(folder: Path, count: int, seed: int) -> None:
    """A folder of them with its truth."""
    write_pages(folder, "form", count, seed, _as_json)


def _as_json(seed: int) -> tuple[Grey, list[object]]:
    picture, lines = form_page(seed)
    return picture, [line.as_json() for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    write_forms(arguments.folder, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()
