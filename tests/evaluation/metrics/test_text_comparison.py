"""How a reading is compared with the truth."""

from __future__ import annotations

import pytest

from evaluation.metrics.text_comparison import (
    EditCount,
    character_edits,
    correct_characters,
    correct_words,
    held_words,
    normalised,
    word_edits,
)


def test_typographic_forms_and_white_space_do_not_count_and_case_may_not() -> None:
    assert normalised(" “A\u2014b” \n c", ignore_case=False) == '"A-b" c'
    assert normalised("a’s", ignore_case=True) == "A'S"
    assert normalised("e\u0301te\u0301", ignore_case=False) == "\u00e9t\u00e9"


def test_rates_are_edits_over_what_is_true() -> None:
    total = character_edits("cot", "cat") + character_edits("", "ab")
    assert total == EditCount(3, 5)
    assert total.rate == pytest.approx(0.6)
    assert word_edits("a big cot", "a big cat") == EditCount(1, 3)
    assert EditCount().rate == 0.0


def test_a_character_is_right_where_the_fewest_edits_match_it() -> None:
    assert correct_characters("cxat", "cat") == [True, False, True, True]


def test_a_word_is_right_when_all_of_it_and_nothing_else_stands_there() -> None:
    assert list(correct_words("the cot sat", "the cat sat")) == [True, False, True]
    assert list(correct_words("the", "then")) == [False]
    assert list(correct_words("a bc", "a b c")) == [True, False]
    assert list(correct_words("ab c", "xab c")) == [False, True]


def test_a_word_holds_the_true_words_that_it_has_most_of() -> None:
    assert held_words("to be or", "to be or not") == ([1, 1, 1], 1)
    assert held_words("Tobe or nt", "To be or not") == ([2, 1, 1], 0)
    assert held_words("not hing", "nothing") == ([0, 1], 0)
    assert held_words("", "two words") == ([], 2)
    assert held_words("dust", "") == ([0], 0)
