"""Which symbols of a line count as right, doubted, or neither."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.symbols import Count, Printed, judged
from ocr.image import Crop

CROP = Crop.whole(np.full((4, 4, 3), 255, np.uint8))


def counted(text: str, read: str, doubted: str = "") -> tuple[int, int, int]:
    """Printed, right, and neither right nor doubted; `doubted` marks the doubted characters of `read` with a "?"."""
    count = Count()
    places = tuple(at for at, letter in enumerate(text) if not letter.isascii())
    told = [at < len(doubted) and doubted[at] == "?" for at in range(len(read))]
    judged(Printed(CROP, text, places), read, told, count)
    return count.printed.total(), count.right.total(), count.unnoticed.total()


@pytest.mark.parametrize(
    ("read", "doubted", "right", "unnoticed"),
    [
        ("of 12⅝ all", "", 1, 0),
        ("of 12% all", "   ???", 0, 0),
        ("of 12% all", "??", 0, 1),
        ("of 12 all", "", 0, 1),
        ("of 12 all", "   ??", 0, 0),
    ],
    ids=["right", "its word is doubted", "another word is doubted", "left out", "left out of a doubted word"],
)
def test_a_symbol_is_right_or_its_word_is_doubted(read: str, doubted: str, right: int, unnoticed: int) -> None:
    assert counted("of 12⅝ all", read, doubted) == (1, right, unnoticed)


def test_where_nothing_stands_one_of_the_words_beside_has_to_be_doubted() -> None:
    assert counted("with ⁹ in it", "with in it", "") == (1, 0, 1)
    assert counted("with ⁹ in it", "with in it", "????") == (1, 0, 0)
    assert counted("with ⁹ in it", "with in it", "     ??") == (1, 0, 0)
    assert counted("with ⁹ in it", "with in it", "        ??") == (1, 0, 1)
