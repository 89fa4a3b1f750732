"""True pages: their lines, their crops, their split."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.pages.ground_truth import (
    GroundTruthLine,
    GroundTruthPage,
    Split,
    line_crops,
    pages_for,
    read_pages,
    repaired_quads,
    split_of,
    widened,
)
from evaluation.readings.line_layouts import page_key


def _write(folder: Path, count: int) -> Path:
    """`count` white pages with a black bar that lies and one that stands."""
    page = np.full((200, 300, 3), 255, np.uint8)
    page[20:40, 30:230] = 0
    page[60:180, 250:270] = 0
    rows = []
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), page)
        lines = [
            {"polygon": [[30, 20], [230, 20], [230, 40], [30, 40]], "text": "lying"},
            {"polygon": [[250, 60], [270, 60], [270, 180], [250, 180]], "text": "standing"},
            {"polygon": [[0, 0], [9, 0], [9, 9]], "text": " "},
        ]
        rows.append(json.dumps({"image": f"{number}.png", "lines": lines}))
    (folder / "truth.jsonl").write_text("\n".join(rows))
    return folder


def test_lines_are_cut_upright_and_empty_ones_left_out(tmp_path: Path) -> None:
    [page] = read_pages(_write(tmp_path, 1))
    assert page.text == "lying\nstanding"
    lying, standing = line_crops(page)
    assert lying.shape == (20, 200, 3)
    assert standing.shape == (20, 120, 3)
    assert lying.max() < 30
    assert standing.max() < 30


def test_every_page_is_in_one_split_and_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    pages = read_pages(_write(tmp_path, 10))
    splits = split_of(pages)
    assert splits == split_of(pages[::-1])
    assert [list(splits.values()).count(split) for split in (Split.TEST, Split.TUNE, Split.TRAIN)] == [2, 2, 6]
    assert sum(len(pages_for(tmp_path, split)) for split in Split) == 10


def test_the_pages_of_one_letter_are_on_one_side(tmp_path: Path) -> None:
    row = {"lines": [{"polygon": [[0, 0], [9, 0], [9, 9]], "text": "a"}]}
    rows = [
        {"image": f"{letter}{page}.jpg", "source": f"JDH_2_16_{letter}_00{page}.xml", **row}
        for letter in ("9", "40a", "12", "70", "7")
        for page in range(4)
    ]
    (tmp_path / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pages = read_pages(tmp_path)
    assert {page.letter for page in pages} == {f"JDH_2_16_{letter}" for letter in ("9", "40a", "12", "70", "7")}
    splits = split_of(pages)
    sides = {letter: {splits[page.image] for page in pages if page.letter == letter} for letter in map(_letter, pages)}
    assert all(len(side) == 1 for side in sides.values())
    assert [list(splits.values()).count(split) for split in (Split.TEST, Split.TUNE, Split.TRAIN)] == [4, 4, 12]


def _letter(page: GroundTruthPage) -> str:
    return page.letter


def test_lines_are_cut_with_what_surrounds_them_when_asked(tmp_path: Path) -> None:
    [page] = read_pages(_write(tmp_path, 1))
    lying, _ = line_crops(page, room=0.5)
    assert lying.shape == (40, 220, 3)
    assert lying[15:25, 15:205].max() < 30
    assert lying[[2, -3]].min() > 200


def test_outlines_along_the_feet_of_letters_are_made_as_high_as_is_usual() -> None:
    heights = (40, 40, 10, 30)
    lines = tuple(
        GroundTruthLine(np.array([[0, y], [200, y], [200, y + high], [0, y + high]], np.float32), "four words of text")
        for y, high in zip((100, 200, 330, 400), heights, strict=True)
    )
    quads = repaired_quads(GroundTruthPage(Path("page.png"), lines))
    assert [round(float(quad[3, 1] - quad[0, 1])) for quad in quads] == [40, 40, 35, 30]
    assert (quads[2][0, 1], quads[2][3, 1]) == pytest.approx((330 - 50 / 3, 340 + 25 / 3), abs=0.1)
    assert repaired_quads(GroundTruthPage(Path("blank.png"), ())) == []


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        ("JDH_2_16_144_001.xml", "JDH_2_16_144"),
        ("JDH_2_16_182_001 (1).xml", "JDH_2_16_182"),
        ("JDH_2_16_67a003.xml", "JDH_2_16_67a"),
        ("EHRI-ET-JMP007_02.xml", ""),
    ],
)
def test_the_name_of_a_truth_says_which_letter_a_page_belongs_to(name: str, letter: str, tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text(json.dumps({"image": "1.jpg", "source": name, "lines": []}))
    assert read_pages(tmp_path)[0].letter == letter


def test_a_turned_rectangle_grows_along_its_own_sides() -> None:
    quad = np.array([[0, 0], [0, 40], [-10, 40], [-10, 0]], np.float32)  # reads downwards, 10 high
    np.testing.assert_allclose(widened(quad, 0.5), [[5, -5], [5, 45], [-15, 45], [-15, -5]], atol=1e-4)


def test_a_row_in_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text('{"image": "a.png"}')
    with pytest.raises(ValueError, match="row 1"):
        read_pages(tmp_path)


def test_pictures_with_a_text_beside_them_are_pages_of_one_line(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "lonely.png"):
        cv2.imwrite(str(tmp_path / name), np.full((20, 50, 3), 255, np.uint8))
    (tmp_path / "a.txt").write_text("first\nline\n")
    (tmp_path / "b.gt.txt").write_text("second")
    pages = read_pages(tmp_path)
    assert [(page.image.name, page.text) for page in pages] == [("a.png", "first line"), ("b.png", "second")]
    assert line_crops(pages[0])[0].shape == (20, 50, 3)


def test_the_name_of_a_picture_need_not_be_utf_8(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"r\xe9sum\xe9", b"plain"):
        picture = tmp_path / os.fsdecode(name + b".png")
        picture.write_bytes(cv2.imencode(".png", np.full((20, 30, 3), 200, np.uint8))[1].tobytes())
        picture.with_suffix(".txt").write_text("a line")
    pages = read_pages(tmp_path)
    assert [page.pixels().shape for page in pages] == [(20, 30, 3)] * 3
    assert sorted(split_of(pages).values()) == sorted(Split)
    assert [page_key(page).rpartition("-")[0].rpartition("/")[2] for page in pages] == [
        "caf\\xe9",
        "plain",
        "r\\xe9sum\\xe9",
    ]
