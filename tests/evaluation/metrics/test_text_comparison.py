"""How a reading is compared with the truth."""

from __future__ import annotations

import pytest

from evaluation.metrics.text_comparison import Count, characters, compared, right_characters, right_words, words


def test_typographic_forms_and_white_space_do_not_count_and_case_may_not() -> None:
    assert compared(" “A\u2014b” \n c", ignore_case=False) == '"A-b" c'
    assert compared("a’s", ignore_case=True) == "A'S"


def test_rates_are_edits_over_what_is_true() -> None:
    total = characters("cot", "cat") + characters("", "ab")
    assert total == Count(3, 5)
    assert total.rate == pytest.approx(0.6)
    assert words("a big cot", "a big cat") == Count(1, 3)
    assert Count().rate == 0.0


def test_a_character_is_right_where_the_fewest_edits_match_it() -> None:
    assert right_characters("cxat", "cat") == [True, False, True, True]


def test_a_word_is_right_when_all_of_it_and_nothing_else_stands_there() -> None:
    assert list(right_words("the cot sat", "the cat sat")) == [True, False, True]
    assert list(right_words("the", "then")) == [False]
    assert list(right_words("a bc", "a b c")) == [True, False]
    assert list(right_words("ab c", "xab c")) == [False, True]
