"""True lines to learn from: of training pages only, in printable ASCII, with case only where the truth has it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.pages.ground_truth import Split, pages_for
from training.lines.real_lines import TALLEST_PX, real_lines


def _folder(folder: Path, texts: list[str], pages: int = 6) -> Path:
    folder.mkdir()
    rows = []
    for number in range(pages):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40 * len(texts), 400, 3), 40 * number, np.uint8))
        lines = [
            {"polygon": [[10, 40 * n], [390, 40 * n], [390, 40 * n + 30], [10, 40 * n + 30]], "text": text}
            for n, text in enumerate(texts)
        ]
        rows.append(json.dumps({"image": f"{number}.png", "lines": lines}))
    (folder / "truth.jsonl").write_text("\n".join(rows))
    return folder


def test_only_lines_of_the_pages_in_the_split_are_taken(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["Dear Sir"])
    shades = {int(page.pixels()[0, 0, 0]) for page in pages_for(folder, Split.TRAIN)}
    lines = real_lines(folder, Split.TRAIN)
    assert {int(line.picture[5, 5]) for line in lines} == shades
    assert len(lines) == len(shades) < 6


def test_a_line_comes_with_what_surrounds_it(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["Dear Sir"])
    line = real_lines(folder, Split.TRAIN)[0]
    assert line.crop.shape == (30, 380)
    assert line.picture.shape == (30 + 2 * 12, 380 + 2 * 12)
    assert not line.handwritten


def test_a_tall_line_is_shrunk_with_its_surroundings(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["Dear Sir"])
    rows = (folder / "truth.jsonl").read_text().replace("30]", "240]")
    (folder / "truth.jsonl").write_text(rows)
    for path in folder.glob("*.png"):
        cv2.imwrite(str(path), np.zeros((400, 400, 3), np.uint8))
    line = real_lines(folder, Split.TRAIN)[0]
    assert line.crop.shape[0] == pytest.approx(TALLEST_PX, abs=1)
    assert line.crop.shape[1] / line.crop.shape[0] == pytest.approx(380 / 240, rel=0.03)


def test_marks_are_folded_and_lines_with_foreign_characters_left_out(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["\u201cwon\u2019t\u201d \u2013 no", "caf\u00e9", "plain"])
    assert {line.text for line in real_lines(folder, Split.TRAIN)} == {'"won\'t" - no', "plain"}


def test_a_set_whose_truth_is_all_capitals_is_true_in_any_case(tmp_path: Path) -> None:
    receipts = _folder(tmp_path / "receipts", ["TOTAL 9.50", "CASH"])
    letters = _folder(tmp_path / "letters", ["DEAR SIR", "yours"])
    assert all(line.any_case for line in real_lines(receipts, Split.TRAIN))
    assert not any(line.any_case for line in real_lines(letters, Split.TRAIN))


def test_a_line_too_narrow_for_its_text_is_left_out(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["x" * 200, "fine"])
    assert {line.text for line in real_lines(folder, Split.TRAIN)} == {"fine"}
