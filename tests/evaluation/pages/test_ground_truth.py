"""True pages: their lines, their crops, their split."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.pages.ground_truth import Split, line_crops, pages_for, read_pages, split_of


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
