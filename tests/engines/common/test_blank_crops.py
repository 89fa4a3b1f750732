"""Empty paper is blank, whatever its grain and its shade; print is not, however faint."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from engines.common.blank_crops import is_blank
from ocr.image import Pixels


def paper(level: int, noise: float = 0.0, shade: float = 0.0, size: tuple[int, int] = (40, 600)) -> Pixels:
    values = np.random.default_rng(5).normal(level, noise, (*size, 3)) if noise else np.full((*size, 3), float(level))
    values += np.linspace(0.0, -shade, size[1])[np.newaxis, :, np.newaxis]
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def line(ink: tuple[int, int, int], on: tuple[int, int, int], letters: int = 28) -> Pixels:
    picture = PIL.Image.new("RGB", (600, letters + 12), on)
    font = PIL.ImageFont.load_default(letters)
    PIL.ImageDraw.Draw(picture).text((8, 2), "Nobody expected the water", fill=ink, font=font)
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("level", "noise", "shade"), [(255, 0, 0), (240, 0, 12), (250, 0.7, 0), (128, 1.2, 3), (0, 0, 0)]
)
def test_empty_paper_is_blank(level: int, noise: float, shade: float) -> None:
    assert is_blank(paper(level, noise, shade))


@pytest.mark.parametrize(
    ("ink", "on"),
    [
        ((240, 240, 240), (250, 250, 250)),
        ((245, 245, 245), (255, 255, 255)),
        ((10, 10, 10), (0, 0, 0)),
        ((250, 250, 250), (240, 240, 240)),
        ((255, 255, 245), (255, 255, 255)),  # yellow on white
        ((0, 0, 0), (255, 255, 255)),
    ],
)
@pytest.mark.parametrize("letters", [14, 28, 60])
def test_faint_print_is_not_blank(ink: tuple[int, int, int], on: tuple[int, int, int], letters: int) -> None:
    assert not is_blank(line(ink, on, letters))


def test_faint_print_with_a_little_grain_is_not_blank() -> None:
    grain = np.random.default_rng(6).normal(0, 0.7, (40, 600, 1))
    assert not is_blank(np.clip(line((240,) * 3, (250,) * 3) + np.round(grain), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (50, 2)])
def test_a_crop_of_almost_nothing_is_blank(size: tuple[int, int]) -> None:
    assert is_blank(paper(200, size=size))
