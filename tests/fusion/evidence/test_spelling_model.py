"""The spelling model: symbols and back-off."""

from __future__ import annotations

import math

import pytest

from fusion.evidence.spelling_model import SpellingModel, context_of, symbols

MODEL = SpellingModel(3, {"a": -1.0, "b": -2.0, "ab": -0.5, "aab": -0.1}, {"a": -0.7, "aa": -0.3})


def test_symbols_know_no_case_no_accent_and_no_digit_from_another() -> None:
    assert symbols("Été 2019, “x” €") == 'ete 0000, "x" ~'


def test_the_longest_known_gram_counts_and_shorter_ones_cost_the_weight_of_leaving_them() -> None:
    assert MODEL.log_probability("aa", "b", "") == pytest.approx(-0.1)
    assert MODEL.log_probability("ba", "b", "") == pytest.approx(-0.5)
    assert MODEL.log_probability("aa", "a", "") == pytest.approx(-0.3 - 0.7 - 1.0)
    assert MODEL.log_probability("", "z", "") < -8.0


def test_what_follows_counts_as_well() -> None:
    assert MODEL.log_probability("a", "", "b") == MODEL.log_probability("a", "b", "")


def test_a_line_begins_and_ends_with_a_space() -> None:
    texts = ["A", "b", "", " ", "c"]
    assert context_of(texts, 0, 3) == (" ", "b c")
    assert context_of(texts, 2, 2) == ("ab", " c")
    assert context_of(texts, 4, 2) == ("b ", " ")


def test_a_probability_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        SpellingModel(2, {"a": math.log(1.1)})
