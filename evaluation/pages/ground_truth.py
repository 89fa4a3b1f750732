"""Real pages with what they say, cut into true lines, and split by page into training, tuning and test.

A folder holds images and `truth.jsonl`, one page a row: `{"image", "lines": [{"polygon": [[x, y], ...], "text"}]}`,
lengths in pixels of the page. Recognisers learn from `Split.TRAIN`; calibration, weights and thresholds are
fitted on those of `Split.TUNE`, which recognisers have not learnt by heart; every reported figure is from `Split.TEST`.
The split depends on the file names alone, so that everybody who splits a folder splits it alike. Pages of one letter of
the hooker set are on one side; those of other documents may be on different ones: figures are for new pages of known
kinds of material, not for new kinds.

Nothing here knows an engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.detection.quads import clockwise_from_top_left, turned
from segmentation.page_rotation import crop_upright

# Of the pages, or of the letters that they belong to, in the order of their names' hashes: the first part tests, the
# second tunes, the rest trains.
TEST_SHARE = 0.2
TUNE_SHARE = 0.2

THIN = 0.5
"""Of the usual height of a page's lines: no line of letters is lower."""

_LETTER = re.compile(r"(JDH_.+?)_?\d+(?: \(\d+\))?\.xml")
"""The name of the truth of a page of hooker: the letter and the number of the page."""

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


class Split(StrEnum):
    """What a page is used for."""

    TRAIN = "train"
    TUNE = "tune"
    TEST = "test"


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruthLine:
    """A line of a page: its outline (N, 2) float32 in page pixels, N >= 3, and what it says."""

    outline: NDArray[np.float32]
    text: str

    def quad(self) -> NDArray[np.float32]:
        """The smallest rectangle around the outline, (4, 2) float32, clockwise from the text's top-left corner.

        A tall rectangle with several characters is text that stands; it is taken to read upwards.
        """
        corners = cv2.boxPoints(cv2.minAreaRect(self.outline))
        quads = clockwise_from_top_left(corners[None])  # (1, 4, 2)
        (x0, y0), (x1, y1), _, (x3, y3) = quads[0]
        width, height = np.hypot(x1 - x0, y1 - y0), np.hypot(x3 - x0, y3 - y0)
        stands = height > 2 * width and len(self.text.strip()) > 2
        return np.asarray(turned(quads, 1)[0] if stands else quads[0], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class GroundTruthPage:
    """A page with its lines in reading order. `letter` names the letter it belongs to, where that is known."""

    image: Path
    lines: tuple[GroundTruthLine, ...]
    letter: str = ""

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def pixels(self) -> Pixels:
        """RGB uint8 (H, W, 3). Raises ValueError when the file is not an image."""
        # OpenCV itself opens no file whose name is not UTF-8.
        content = np.fromfile(self.image, np.uint8) if self.image.is_file() else np.empty(0, np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
        if picture is None:
            raise ValueError(f"{self.image} is not an image that can be read")
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_pages(folder: Path) -> list[GroundTruthPage]:
    """The pages of a folder, in the order of its truth.jsonl; lines without text or without an area are left out.

    A folder without that file holds pairs: pictures, and beside each a text file of the same name with what it says.
    Such a picture is one line. Raises ValueError, naming the row, when the file is not in the format above.
    """
    path = folder / "truth.jsonl"
    if not path.exists():
        return list(_pairs(folder))
    pages = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content = json.loads(row)
            lines = tuple(
                GroundTruthLine(np.asarray(line["polygon"], dtype=np.float32), line["text"])
                for line in content["lines"]
                if line["text"].strip() and len(line["polygon"]) >= 3
            )
            letter = _LETTER.fullmatch(content.get("source") or "")
            pages.append(GroundTruthPage(folder / content["image"], lines, letter[1] if letter else ""))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f'{path}, row {number}: {error!r}; want {{"image", "lines": [{{"polygon", "text"}}]}}'
            ) from error
    return pages


def _pairs(folder: Path) -> Iterator[GroundTruthPage]:
    """The pictures that have a text beside them, in the order of their names."""
    texts = {path.name.removesuffix(".txt").removesuffix(".gt"): path for path in sorted(folder.glob("*.txt"))}
    for image in sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.stem in texts):
        page = GroundTruthPage(image, ())
        height, width = page.pixels().shape[:2]
        outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        text = " ".join(texts[image.stem].read_text(encoding="utf-8").split())
        if text:
            yield GroundTruthPage(image, (GroundTruthLine(outline, text),))


def split_of(pages: Sequence[GroundTruthPage]) -> dict[Path, Split]:
    """The split of each page of one folder, by its image; a letter is not parted.

    Small folders have at least one page to test and to tune.
    """
    wholes = {page.letter or page.image.name for page in pages}
    ranked = sorted(wholes, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())
    tests = max(1, round(TEST_SHARE * len(ranked)))
    tunes = max(1, round(TUNE_SHARE * len(ranked)))
    parts = [Split.TEST] * tests + [Split.TUNE] * tunes + [Split.TRAIN] * len(ranked)
    part_of = dict(zip(ranked, parts, strict=False))
    return {page.image: part_of[page.letter or page.image.name] for page in pages}


def pages_for(folder: Path, split: Split) -> list[GroundTruthPage]:
    """The pages of a folder that are in `split`."""
    pages = read_pages(folder)
    splits = split_of(pages)
    return [page for page in pages if splits[page.image] is split]


def line_crops(page: GroundTruthPage, room: float = 0.0, *, repaired: bool = False) -> list[Pixels]:
    """The upright pixels of each line, RGB uint8 (H, W, 3) at the page's own scale.

    `room` is how much of what surrounds a line comes with it on each side, in heights of the line. `repaired` lines are
    cut along `repaired_quads`.
    """
    pixels = page.pixels()
    quads = repaired_quads(page) if repaired else [line.quad() for line in page.lines]
    return [crop_upright(pixels, widened(quad, room)) for quad in quads]


def repaired_quads(page: GroundTruthPage) -> list[NDArray[np.float32]]:
    """The rectangles of the page's lines, of which those that are far lower than is usual on the page are made so high.

    Line finders draw some outlines along the feet of the letters alone, so that two thirds of what is missing is above.
    """
    quads = [line.quad() for line in page.lines]
    heights = [float(np.hypot(*(quad[3] - quad[0]))) for quad in quads]
    usual = float(np.median(heights)) if heights else 0.0
    repaired: list[NDArray[np.float32]] = []
    for quad, height in zip(quads, heights, strict=True):
        if 0.0 < height < THIN * usual:
            missing = (quad[3] - quad[0]) * (usual / height - 1.0)
            quad = np.asarray(quad + np.stack([-2 * missing, -2 * missing, missing, missing]) / 3, dtype=np.float32)
        repaired.append(quad)
    return repaired


def widened(quad: NDArray[np.float32], room: float) -> NDArray[np.float32]:
    """A rectangle (4, 2), clockwise from its top-left corner, moved outwards on each side by `room` of its height."""
    along, down = quad[1] - quad[0], quad[3] - quad[0]
    reach = room * float(np.hypot(*down))
    along, down = (reach * side / max(1e-6, float(np.hypot(*side))) for side in (along, down))
    return np.asarray(quad + np.stack([-along - down, along - down, along + down, down - along]), dtype=np.float32)
