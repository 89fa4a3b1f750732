"""A mark that an engine nearly read leaves a doubt, and only there."""

from __future__ import annotations

import pytest

from fusion import FusedLine, Method, Profile, fuse_line
from ocr import Alternative, CharacterHypothesis, Hypothesis
from ocr.text.alphabet import Alphabet

ASCII = Alphabet.of(map(chr, range(0x20, 0x7F)))
FRACTIONS = Alphabet.of((*map(chr, range(0x20, 0x7F)), "⅔⅜⅝"))
EVEN = Profile("even", {"ada": 1.0, "bob": 1.0})


def read(text: str, alphabet: Alphabet | None, *alternatives: tuple[str, float]) -> Hypothesis:
    """Each character of `text` with 0.6; the alternatives are those of its first."""
    characters = [CharacterHypothesis(character, 0.6) for character in text]
    characters[0] = CharacterHypothesis(text[0], 0.6, None, tuple(Alternative(*own) for own in alternatives))
    return Hypothesis.of(characters, alphabet)


def fused(**hypotheses: Hypothesis) -> FusedLine:
    return fuse_line(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED)


def test_the_probability_of_all_marks_that_could_stand_there_is_the_doubt() -> None:
    glimpsed = read("% of", FRACTIONS, ("⅝", 0.2), ("⅜", 0.15), ("9", 0.05))
    line = fused(ada=read("% of", ASCII), bob=glimpsed)
    assert line.text == "% of"
    assert line.words[0].confidence <= line.characters[0].limit == pytest.approx(0.65)
    assert line.words[1].confidence == pytest.approx(0.6)


def test_what_all_can_write_leaves_no_doubt() -> None:
    glimpsed = read("% of", FRACTIONS, ("⅝", 0.35))
    assert fused(ada=read("% of", FRACTIONS), bob=glimpsed).characters[0].limit == 1.0


def test_another_mark_than_the_one_that_stands_is_a_doubt_and_the_same_is_none() -> None:
    line = fused(ada=read("⅔", FRACTIONS, ("⅝", 0.3)), bob=read("%", ASCII))
    assert line.text == "⅔"
    assert line.characters[0].limit == pytest.approx(0.7)
    line = fused(ada=read("⅔", FRACTIONS, ("%", 0.3)), bob=read("%", ASCII))
    assert line.characters[0].limit == 1.0


def test_a_form_of_the_mark_that_stands_is_no_doubt() -> None:
    quotes = Alphabet.of((*map(chr, range(0x20, 0x7F)), "’"))
    assert fused(ada=read("'s", quotes, ("’", 0.35)), bob=read("'s", ASCII)).characters[0].limit == 1.0
