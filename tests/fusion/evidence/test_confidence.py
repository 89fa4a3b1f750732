from __future__ import annotations

import math

import pytest

from fusion import Calibration
from fusion.evidence.confidence import MAX_DISPUTED_SLOTS, WORD_TERMS, WordConfidence, WordFeatures, is_legible

SURE = WordFeatures(4.0, 3.0, 0, 3.0, 2.0, 4.0, 0.9, 0.0)


def slopes(**of: float) -> tuple[float, ...]:
    return tuple(of.get(term, 0.0) for term in WORD_TERMS)


def test_every_feature_of_a_word_has_its_slope() -> None:
    words = WordConfidence(-1.0, slopes(characters=0.5, disputed=-1.0, disputed_slots=-0.25, accented=-2.0))
    assert words.of(SURE) == pytest.approx(1.0 / (1.0 + math.exp(-1.0)))
    assert words.of(SURE._replace(disputed_slots=2)) == pytest.approx(1.0 / (1.0 + math.exp(0.5)))
    assert words.of(SURE._replace(accented=0.5)) == 0.5
    many = [words.of(SURE._replace(disputed_slots=count)) for count in (MAX_DISPUTED_SLOTS, 99)]
    assert many[0] == many[1]


def test_the_table_has_the_last_word() -> None:
    words = WordConfidence(0.0, slopes(), Calibration((0.0, 1.0), (0.2, 0.8)))
    assert words.of(SURE) == 0.5
    assert WordConfidence(99.0, slopes(), words.table).of(SURE) == pytest.approx(0.8)


def test_squares_are_of_the_size_of_what_is_squared() -> None:
    squared = WordConfidence(0.0, slopes(characters_squared=1.0))
    assert squared.raw(SURE) == pytest.approx(1.0 / (1.0 + math.exp(-2.0)))


@pytest.mark.parametrize(("base", "own"), [(math.nan, slopes()), (0.0, slopes(known=math.inf)), (0.0, (1.0,))])
def test_what_is_no_function_is_refused(base: float, own: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite slope for each of characters"):
        WordConfidence(base, own)


def test_a_line_is_not_legible_where_several_engines_only_guess() -> None:
    assert not is_legible([0.5] * 9, 5)
    assert is_legible([0.9] * 9, 5)
    assert is_legible([0.5] * 9, 2)  # two that differ say little
    assert not is_legible([0.2] * 9, 2)
    assert is_legible([0.2] * 9, 1)
    assert not is_legible([0.65] * 9, 5)
    assert is_legible([0.65] * 9, 5, specialised=True)  # the others are no good at such lines
    assert not is_legible([0.5] * 9, 5, specialised=True)
    assert is_legible([0.4] * 3, 5)  # a page number is seldom sure
    assert not is_legible([0.28], 5)  # a spot of a picture that is read as "1"
    assert is_legible([0.8] * 9, 5)
    assert not is_legible([0.8] * 9, 5, among_noise=True)  # print that shows through
    assert is_legible([0.9] * 9, 5, among_noise=True)
    assert is_legible([0.65] * 9, 5, specialised=True, among_noise=True)
    assert is_legible([], 5)
