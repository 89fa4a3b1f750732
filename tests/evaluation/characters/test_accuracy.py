"""The figures, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engines.common.temperature_scaling import ALPHABET, Temperatures, calibrated_probabilities
from evaluation.characters.accuracy import calibration_error, figures


def logits_saying(text: str, sureness: float = 9.0) -> np.ndarray:
    logits = np.zeros((len(text), len(ALPHABET)), np.float32)
    for row, character in zip(logits, text, strict=True):
        row[ALPHABET.index(character)] = sureness
    return logits


def classes(text: str) -> np.ndarray:
    return np.array([ALPHABET.index(character) for character in text])


def test_the_four_senses_of_right_differ_as_described() -> None:
    found = figures(logits_saying("Oo0OgKx7"), classes("OOOo9kX7"), Temperatures())
    assert found.n == 8
    assert found.plain == pytest.approx(2 / 8)  # O for O, 7 for 7
    assert found.case_merged == pytest.approx(6 / 8)  # and o/O, O/o, K/k, x/X
    assert found.look_alike_merged == pytest.approx(6 / 8)  # O o 0 for O, O for o, g for 9, 7; not K/k or x/X


def test_digits_only_ignores_letters_that_score_higher() -> None:
    logits = logits_saying("OI")
    logits[:, ALPHABET.index("0")] = [5.0, 0.0]
    logits[:, ALPHABET.index("1")] = [0.0, 5.0]
    found = figures(logits, classes("01"), Temperatures())
    assert (found.plain, found.digits) == (0.0, 1.0)


def test_a_set_without_digits_has_no_digit_figure() -> None:
    assert figures(logits_saying("AB"), classes("AB"), Temperatures()).digits is None


def test_by_kind_and_by_class_count_their_own_members_only() -> None:
    found = figures(logits_saying("1AAb"), classes("1ABb"), Temperatures())
    assert found.by_kind == {"digits": 1.0, "upper": 0.5, "lower": 1.0}
    assert found.by_class == {"1": 1.0, "A": 1.0, "B": 0.0, "b": 1.0}


def test_top_three_counts_the_third_and_not_the_fourth() -> None:
    logits = np.zeros((2, len(ALPHABET)), np.float32)
    logits[:, [3, 4, 5, 6]] = [4.0, 3.0, 2.0, 1.0]
    assert figures(logits, np.array([5, 6]), Temperatures()).top3 == 0.5


def test_a_reader_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    right = np.array([True, True, True, False])
    assert calibration_error(np.full(4, 0.75), right) == pytest.approx(0.0)


def test_calibration_error_weighs_bins_by_their_size() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.35])
    right = np.array([True, True, True, False])
    assert calibration_error(confidence, right) == pytest.approx((3 * 0.05 + 0.35) / 4)


def test_probabilities_sum_to_one_and_flatten_with_temperature() -> None:
    logits = logits_saying("A")
    cold, warm = (
        calibrated_probabilities(logits, Temperatures(1.0)),
        calibrated_probabilities(logits, Temperatures(3.0)),
    )
    np.testing.assert_allclose([cold.sum(), warm.sum()], 1.0)
    assert warm.max() < cold.max()


@pytest.mark.parametrize("labels", [np.array([], np.int64), np.array([62])])
def test_nothing_and_junk_cannot_be_measured(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="classes 0 to 61"):
        figures(np.zeros((len(labels), 62), np.float32), labels, Temperatures())
