from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.votes.normalisation import normalised
from ocr import Alternative, CharacterHypothesis, Hypothesis, Span


def texts_of(*texts: str) -> list[str]:
    return [character.text for character in normalised(Hypothesis.of(CharacterHypothesis(text, 0.9) for text in texts))]


@pytest.mark.parametrize("text", ["plain text, as it is", "Žluťoučký kůň – 250 µg", "Ünïcödé §"])
def test_text_in_comparable_form_is_taken_as_it_is(text: str) -> None:
    hypothesis = Hypothesis.of_text(text, 0.9)
    assert normalised(hypothesis) is hypothesis.characters


def test_a_mark_goes_to_its_letter_in_composed_form() -> None:
    assert texts_of("e", "\u0301", "x") == ["é", "x"]
    assert texts_of("e\u0301", "x") == ["é", "x"]
    assert texts_of("q", "\u0303") == ["q\u0303"]


def test_a_letter_with_its_mark_is_as_sure_as_the_less_sure_and_as_wide_as_both() -> None:
    hypothesis = Hypothesis.of(
        [CharacterHypothesis("e", 0.9, Span(0, 8)), CharacterHypothesis("\u0301", 0.4, Span(2, 9))]
    )
    assert normalised(hypothesis) == (CharacterHypothesis("é", 0.4, Span(0, 9)),)


def test_several_letters_in_one_are_cut_and_share_its_span() -> None:
    hypothesis = Hypothesis.of([CharacterHypothesis("ab", 0.7, Span(10, 20))])
    assert normalised(hypothesis) == (
        CharacterHypothesis("a", 0.7, Span(10, 15)),
        CharacterHypothesis("b", 0.7, Span(15, 20)),
    )


@pytest.mark.parametrize("space", ["\t", "\n", "\u00a0", "\u2003", "\u3000"])
def test_every_white_space_is_a_space(space: str) -> None:
    assert texts_of("a", space, "b") == ["a", " ", "b"]


def test_spaces_at_the_ends_and_repeated_are_dropped() -> None:
    assert texts_of(" ", " ", "a", " ", " ", "b", " ") == ["a", " ", "b"]
    assert texts_of(" ") == []


def test_what_prints_nothing_is_dropped() -> None:
    assert texts_of("\u200b", "a", "\u00ad", "\ufeff", "\x07", "b") == ["a", "b"]


def test_joined_emoji_stay_one_character() -> None:
    family = "\U0001f469\u200d\U0001f467"
    assert texts_of(*family) == [family]


def test_alternatives_are_kept_with_their_character() -> None:
    guesses = (Alternative("0", 0.3),)
    hypothesis = Hypothesis.of([CharacterHypothesis(" ", 0.5), CharacterHypothesis("O", 0.6, None, guesses)])
    assert normalised(hypothesis) == (CharacterHypothesis("O", 0.6, None, guesses),)


@given(st.text("ae éñß€≤\u0301\u0903\u200d\u00a0\u1100\u1161", max_size=12))
def test_a_character_that_prints_nothing_changes_nothing(text: str) -> None:
    assert normalised(Hypothesis.of_text(text + "\u200b", 0.5)) == normalised(Hypothesis.of_text(text, 0.5))


@given(st.text(max_size=20))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalised(Hypothesis.of_text(text, 0.5))
    assert normalised(Hypothesis(once)) == once
