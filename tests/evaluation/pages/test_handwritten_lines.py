"""Typed and written lines of one set told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.pages.ground_truth import TrueLine, TruePage
from evaluation.pages.handwritten_lines import Hand, hands

AREA = np.array([[0, 0], [9, 0], [9, 9]], np.float32)


def page(name: str, lines: int) -> TruePage:
    return TruePage(Path("letters") / name, tuple(TrueLine(AREA, str(number)) for number in range(lines)))


def test_a_signature_under_a_typed_letter_is_written():
    kinds = hands(page("SC0033B_s4_b01_f14_i090.jpg", 16))
    assert [number for number, kind in enumerate(kinds) if kind is Hand.CURSIVE] == [15]


def test_the_letterhead_over_a_written_letter_is_typed():
    kinds = hands(page("SC0033B_s4_b01_f14_i084.jpg", 13))
    assert kinds == (Hand.TYPED,) * 2 + (Hand.CURSIVE,) * 11


def test_a_page_of_another_set_is_typed():
    assert set(hands(page("elsewhere.jpg", 3))) == {Hand.TYPED}
