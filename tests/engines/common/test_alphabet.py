"""Which characters an answer may hold."""

from __future__ import annotations

import pytest

from engines.common.alphabet import alphabet, restrict_to_language
from ocr import Alternative, CharacterHypothesis, Span


def characters(text: str) -> list[CharacterHypothesis]:
    return [
        CharacterHypothesis(letter, 0.9, Span(10.0 * index, 10.0 * index + 10.0)) for index, letter in enumerate(text)
    ]


def text(characters: list[CharacterHypothesis]) -> str:
    return "".join(character.text for character in characters)


@pytest.mark.parametrize(
    ("read", "admitted"),
    [
        ("hard-working", "hard-working"),
        ("harā-working", "hara-working"),
        ("Špain", "Spain"),
        ("ﬁne", "fine"),
        ("yes，no。", "yes,no"),
        ("漢字", ""),
        ("£5 “ok”", "£5 “ok”"),
    ],
)
def test_english_keeps_its_letters_and_turns_others_into_them(read, admitted):
    assert text(restrict_to_language(characters(read), "en")) == admitted


def test_a_language_keeps_its_own_letters():
    assert text(restrict_to_language(characters("Größe"), "de")) == "Größe"
    assert text(restrict_to_language(characters("Größe"), "en")) == "Groe"


def test_a_language_without_an_alphabet_keeps_all():
    assert alphabet("ja") is None
    assert text(restrict_to_language(characters("漢字、kana"), "ja")) == "漢字、kana"


def test_the_letters_of_a_ligature_share_its_place():
    first, second, _ = restrict_to_language(characters("ﬁx"), "en")
    assert first.span == (0.0, 5.0)
    assert second.span == (5.0, 10.0)


def test_alternatives_are_admitted_too():
    guess = CharacterHypothesis("a", 0.5, None, (Alternative("ā", 0.3), Alternative("o", 0.1)))
    [admitted] = restrict_to_language([guess], "en")
    assert [other.text for other in admitted.alternatives] == ["o"]
