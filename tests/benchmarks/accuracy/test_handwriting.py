"""The report on lines written by hand: which lines, how they are counted, what is shown of them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.accuracy.handwriting import DRAWN, VOTE, WrittenLine, examples, rates, shown, write
from evaluation.pages.ground_truth import GroundTruthLine, GroundTruthPage


def page(folder: Path, text: str) -> GroundTruthPage:
    path = folder / "page.png"
    cv2.imwrite(str(path), np.full((120, 400, 3), 200, np.uint8))
    outline = np.array([[0, 10], [300, 10], [300, 106], [0, 106]], np.float32)
    return GroundTruthPage(path, (GroundTruthLine(outline, text),), letter="1")


def line(folder: Path, truth: str, read: str, vote: str) -> WrittenLine:
    return WrittenLine(page(folder, truth), 0, truth, {"easyocr": read, VOTE: vote})


def test_a_rate_is_edits_over_true_characters_of_each_reader(tmp_path: Path) -> None:
    sets = {"letters": [line(tmp_path, "abcd", "abxx", "abcx"), line(tmp_path, "efgh", "ef", "efgh")]}
    heads, _, easyocr, vote = rates(sets).splitlines()
    assert "letters, 2 lines" in heads
    assert "50.0%" in easyocr
    assert "12.5%" in vote


def test_lines_are_shown_from_well_to_badly_read_and_neither_extreme(tmp_path: Path) -> None:
    lines = [line(tmp_path, "abcdef", "", "abcdef"[:count]) for count in range(7)]
    found = [own.edits(VOTE) for own in shown(lines)]
    assert found == sorted(found)
    assert 0 < found[0] < found[-1] < 6
    assert shown(lines[:1]) == lines[:1]


def test_a_picture_is_written_where_one_may_be_and_linked(tmp_path: Path) -> None:
    own = line(tmp_path, "a | b", "a", "b")
    head, block = examples("letters", [own], tmp_path / "out" / "pictures", tmp_path / "out")
    assert head == "## letters"
    assert "![a | b](pictures/letters-0.png)" in block
    picture = cv2.imread(str(tmp_path / "out" / "pictures" / "letters-0.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape[0] == 48
    assert picture.shape[1] == pytest.approx(300 * 48 / 96, abs=4)
    assert "| truth | `a \\| b` |" in block


def test_of_other_lines_the_readings_alone_are_shown(tmp_path: Path) -> None:
    _, block = examples("letters", [line(tmp_path, "one", "two", "one")], None, tmp_path)
    assert "![" not in block
    assert "| easyocr | `two` |" in block


def test_a_report_has_figures_and_pictures_of_the_drawn_sets_alone(tmp_path: Path) -> None:
    sets = {name: [line(tmp_path, "abcd", "abxx", "abcx")] for name in ("letters", DRAWN)}
    out = tmp_path / "results" / "handwriting.md"
    write(sets, {"easyocr": "hands@1"}, "typed", out, {DRAWN})
    assert "easyocr `hands@1`" in out.read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "results" / "handwriting").iterdir()] == [f"{DRAWN}-0.png"]
    content = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert content["sets"]["letters"] == {"lines": 1, "characters": 4, "edits": {"easyocr": 2, VOTE: 1}}
