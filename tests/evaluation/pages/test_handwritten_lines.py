"""Typed and written lines of one set told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.pages.ground_truth import GroundTruthLine, GroundTruthPage
from evaluation.pages.handwritten_lines import Writing, writing_of

AREA = np.array([[0, 0], [9, 0], [9, 9]], np.float32)


def page(name: str, lines: int) -> GroundTruthPage:
    return GroundTruthPage(Path("letters") / name, tuple(GroundTruthLine(AREA, str(number)) for number in range(lines)))


def test_a_signature_under_a_typed_letter_is_written():
    kinds = writing_of(page("SC0033B_s4_b01_f14_i090.jpg", 16))
    assert [number for number, kind in enumerate(kinds) if kind is Writing.CURSIVE] == [15]


def test_the_letterhead_over_a_written_letter_is_typed():
    kinds = writing_of(page("SC0033B_s4_b01_f14_i084.jpg", 13))
    assert kinds == (Writing.TYPED,) * 2 + (Writing.CURSIVE,) * 11


def test_a_letter_is_written_throughout():
    letter = GroundTruthPage(Path("hooker/1.jpg"), page("1.jpg", 3).lines, "JDH_2_16_9")
    assert writing_of(letter) == (Writing.CURSIVE,) * 3


def test_a_page_of_another_set_is_typed():
    assert set(writing_of(page("elsewhere.jpg", 3))) == {Writing.TYPED}
