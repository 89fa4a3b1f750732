"""Readings held to the characters that may stand there."""

from __future__ import annotations

import pytest

from deployments.router.allowed_characters import held_to
from ocr import Alternative, CharacterHypothesis, Hypothesis

DIGITS = frozenset("0123456789.,")


def reading(text: str, **alternatives: tuple[str, float]) -> Hypothesis:
    return Hypothesis.of(
        CharacterHypothesis(letter, 0.8, None, (Alternative(*alternatives[letter]),) if letter in alternatives else ())
        for letter in text
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1,284.50", "1,284.50"),
        ("l,Z84.5O", "1,284.50"),
        ("SI8", "518"),
        ("EUR 12.50 ", "12.50"),
        ("12 50", "12 50"),
        ("No 7a", "7"),
    ],
)
def test_letters_become_the_digits_that_they_look_like(text: str, kept: str) -> None:
    assert held_to(reading(text), DIGITS).text == kept


def test_another_guess_of_the_engine_comes_before_what_looks_alike() -> None:
    [character] = held_to(reading("O", O=("9", 0.15)), DIGITS).characters
    assert (character.text, character.probability) == ("9", 0.15)


def test_a_character_that_was_changed_counts_half() -> None:
    [character] = held_to(reading("O"), DIGITS).characters
    assert (character.text, character.probability) == ("0", 0.4)


def test_letters_of_the_other_case_become_those_that_are_allowed() -> None:
    assert held_to(reading("Abc"), frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")).text == "ABC"


def test_what_nothing_looks_like_is_left_out_with_the_spaces_around_it() -> None:
    assert held_to(reading("@ 7 # 8 @"), DIGITS).text == "7 8"


def test_an_abstention_stays_one() -> None:
    assert held_to(Hypothesis.abstain("too wide"), DIGITS).abstained
