"""Readings on disk: the same comes back, and only what changed is read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.pages.ground_truth import GroundTruthPage, read_pages
from evaluation.readings.line_layouts import DETECTED, GROUND_TRUTH, LineSource, ground_truth_lines, rotated
from evaluation.readings.reader import Reader, Reading
from evaluation.readings.serialization import reading_as_json, reading_from_json
from evaluation.readings.store import ReadingStore
from ocr import Alphabet, Alternative, CharacterHypothesis, Crop, Hypothesis, Span


class Counting:
    """Says of each crop how wide it is, and counts how often it is asked."""

    model = "counting@1"

    def __init__(self) -> None:
        self.calls = 0

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        self.calls += 1
        return [_claim(crop) for crop in crops]


def _claim(crop: Crop) -> Hypothesis:
    if crop.region.width_px > 180:
        return Hypothesis.abstain("too wide")
    return Hypothesis.of(
        [
            CharacterHypothesis(str(crop.region.width_px), 0.25, Span(0.5, 9.5), (Alternative("7", 0.125),)),
            CharacterHypothesis("é", 1.0),
        ]
    )


@pytest.fixture
def page(tmp_path: Path) -> GroundTruthPage:
    folder = tmp_path / "set"
    folder.mkdir()
    pixels = np.full((120, 300, 3), 255, np.uint8)
    pixels[20:40, 30:230] = pixels[60:80, 30:130] = 0
    cv2.imwrite(str(folder / "a.png"), pixels)
    boxes = ((30, 20, 230, 40), (30, 60, 130, 80))
    lines = [{"polygon": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], "text": "-"} for x0, y0, x1, y1 in boxes]
    (folder / "truth.jsonl").write_text(json.dumps({"image": "a.png", "lines": lines}))
    return read_pages(folder)[0]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(Reader, "fingerprint", "f")
    monkeypatch.setattr(Reader, "engine", counting)
    return counting


def test_what_was_read_once_comes_from_the_disk(page: GroundTruthPage, engine: Counting, tmp_path: Path) -> None:
    first = ReadingStore(tmp_path / "store").reading(page, GROUND_TRUTH, Reader("counting"))
    again = ReadingStore(tmp_path / "store").reading(page, GROUND_TRUTH, Reader("counting"))
    assert again == first
    assert again.model == "counting@1"
    assert again.hypotheses == tuple(_claim(crop) for crop in ground_truth_lines(page).crops())
    assert again.hypotheses[0].abstention == "too wide"
    assert engine.calls == 1


def test_which_model_read_a_line_and_what_it_can_write_is_kept() -> None:
    letters = [CharacterHypothesis("a", 0.5)]
    ascii_alone, more = Alphabet.of("abc"), Alphabet.of("abcé")
    hypotheses = (
        Hypothesis.of(letters, more),
        replace(Hypothesis.of(letters, ascii_alone), specialised=True),
        Hypothesis.of(letters),
        Hypothesis.abstain("too wide"),
        Hypothesis.of([], more),
    )
    reading = Reading("counting", "counting@1", 1.0, hypotheses)
    assert reading_from_json("counting", json.loads(json.dumps(reading_as_json(reading)))) == reading


def test_readings_of_before_have_one_alphabet_for_all_lines() -> None:
    content = {"model": "old@1", "seconds": 1.0, "alphabet": "abc", "lines": [[["a", 0.5, None, []]], []]}
    alphabets = [each.alphabet for each in reading_from_json("old", content).hypotheses]
    assert alphabets == [Alphabet.of("abc"), Alphabet.of("abc")]


def test_a_page_whose_outlines_changed_is_read_again(page: GroundTruthPage, engine: Counting, tmp_path: Path) -> None:
    store = ReadingStore(tmp_path / "store")
    store.reading(page, GROUND_TRUTH, Reader("counting"))
    assert not store.is_missing(page, GROUND_TRUTH, Reader("counting"))
    moved = replace(page, lines=(replace(page.lines[0], outline=page.lines[0].outline + 1), page.lines[1]))
    assert store.is_missing(moved, GROUND_TRUTH, Reader("counting"))
    assert store.is_missing(page, DETECTED, Reader("counting"))


def test_layouts_come_back_as_they_were(page: GroundTruthPage, tmp_path: Path) -> None:
    store = ReadingStore(tmp_path / "store")
    assert (
        store.layouts.layout(page, GROUND_TRUTH)
        == store.layouts.layout(page, GROUND_TRUTH)
        == ground_truth_lines(page).layout
    )


def test_true_lines_of_a_turned_page_are_refused() -> None:
    with pytest.raises(ValueError, match="upright"):
        LineSource(detected=False, rotation_degrees=90.0)
    assert LineSource(detected=True, rotation_degrees=-15.0).name == "found-15"


def test_a_page_is_turned_counter_clockwise() -> None:
    page = np.zeros((2, 3, 3), np.uint8)
    page[0, 2] = 255  # the upper right corner becomes the upper left one
    assert rotated(page, 90.0).shape == (3, 2, 3)
    assert rotated(page, 90.0)[0, 0].tolist() == [255, 255, 255]
