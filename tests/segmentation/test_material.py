"""What kind of writing a line is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from ocr.image import Material, Pixels
from segmentation.material import FEATURES, features, material_classifier, write_material_classifier


def printed(text: str = "the vulture, which were seen towering round", size_px: int = 32) -> Pixels:
    font = PIL.ImageFont.load_default(size_px)
    picture = PIL.Image.new("RGB", (int(font.getlength(text)) + 20, size_px * 3 // 2), "white")
    PIL.ImageDraw.Draw(picture).text((10, size_px // 8), text, fill="black", font=font)
    return np.asarray(picture)


def scribbled() -> Pixels:
    """A few long strokes of uneven height, as joined writing has them."""
    page = np.full((64, 900, 3), 235, np.uint8)
    xs = np.arange(20, 880)
    for start in range(0, 860, 215):
        part = xs[start : start + 190]
        heights = 14 + 9 * np.sin(part / 61.0)
        points = np.stack([part, 34 + heights * np.sin(part / 5.0)], axis=1).astype(np.int32)
        cv2.polylines(page, [points], isClosed=False, color=(60, 50, 40), thickness=2, lineType=cv2.LINE_AA)
    return page


def test_clean_print_is_printed_and_joined_strokes_are_written_by_hand() -> None:
    assert material_classifier().classify(printed()) is Material.PRINTED
    assert material_classifier().classify(scribbled()) is Material.HANDWRITTEN


def test_measures_hardly_change_with_the_size_of_the_page() -> None:
    small, large = features(printed(size_px=48)), features(printed(size_px=96))
    assert small == pytest.approx(large, abs=0.15)


def test_measures_do_not_change_with_the_contrast() -> None:
    line = printed()
    faint = np.asarray(128 + line.astype(np.float64) * 0.4, dtype=np.uint8)
    assert features(faint) == pytest.approx(features(line), abs=0.05)


def test_a_line_without_ink_has_no_measures() -> None:
    assert features(np.full((20, 100, 3), 200, np.uint8)).tolist() == [0.0] * len(FEATURES)


def test_a_file_brings_back_the_judge(tmp_path: Path) -> None:
    write_material_classifier(material_classifier(), tmp_path / "material.json")
    assert material_classifier(tmp_path / "material.json").weights == pytest.approx(material_classifier().weights)
    assert material_classifier(tmp_path / "material.json").materials == material_classifier().materials
