"""Error rates of an engine on true lines: by folder and hand, in any case where the truth has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from benchmarks.accuracy.lines import Line, compare_line, groups_of
from evaluation.pages.ground_truth import GroundTruthPage, Split
from evaluation.readings.line_layouts import LineSource
from evaluation.readings.reader import Reader, Reading
from evaluation.readings.store import ReadingStore
from ocr import Hypothesis
from ocr.hypothesis import CharacterHypothesis


def _said(text: str) -> Hypothesis:
    return Hypothesis.of([CharacterHypothesis(character, 0.9) for character in text])


class _Parrot:
    """A store on which every line is read as the truth with its first letter small, at 10 ms a line."""

    def reading(self, page: GroundTruthPage, source: LineSource, reader: Reader) -> Reading:
        said = tuple(_said(line.text[0].lower() + line.text[1:]) for line in page.lines)
        return Reading("parrot", "parrot@1", 0.010 * len(said), said)


def _folder(folder: Path, names: list[str], texts: list[str]) -> Path:
    folder.mkdir()
    rows = []
    for name in names:
        cv2.imwrite(str(folder / name), np.full((100, 200, 3), 255, np.uint8))
        lines = [
            {"polygon": [[0, 30 * n], [199, 30 * n], [199, 30 * n + 20]], "text": text} for n, text in enumerate(texts)
        ]
        rows.append(json.dumps({"image": name, "lines": lines}))
    (folder / "truth.jsonl").write_text("\n".join(rows))
    return folder


def test_an_error_rate_is_edits_over_true_characters_and_time_is_by_line(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "letters", ["a.png"], ["Dear Sir", "yours"])
    groups = groups_of(folder, Split.TEST, cast("ReadingStore", _Parrot()), Reader("parrot"))
    assert list(groups) == ["letters"]
    assert groups["letters"].count.rate == pytest.approx(1 / 13)
    assert groups["letters"].line_ms == pytest.approx(10.0)
    assert groups["letters"].worst[0].truth == "Dear Sir"


def test_a_truth_all_in_capitals_says_nothing_about_case(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "receipts", ["a.png"], ["TOTAL", "CASH"])
    groups = groups_of(folder, Split.TEST, cast("ReadingStore", _Parrot()), Reader("parrot"))
    assert groups["receipts"].count.rate == 0.0


def test_typed_and_written_lines_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "stanford", ["SC0033B_s4_b01_f14_i084.jpg"], ["Letterhead", "Place", "Dear Sir"])
    groups = groups_of(folder, Split.TEST, cast("ReadingStore", _Parrot()), Reader("parrot"))
    assert {name: len(group.lines) for name, group in groups.items()} == {"stanford typed": 2, "stanford cursive": 1}


def test_an_abstention_reads_nothing_and_quotes_are_folded() -> None:
    assert compare_line("\u201cno\u201d", Hypothesis.abstain("cannot"), ignore_case=False) == Line('"no"', "", 4)
    assert compare_line("\u201cno\u201d", _said('"no"'), ignore_case=False).edits == 0
