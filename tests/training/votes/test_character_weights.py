"""Weights for single characters."""

from __future__ import annotations

import pytest

from evaluation.characters.character_sets import CharacterSet
from fusion import Method, Profile
from ocr import Hypothesis
from training.votes.character_sets import HANDWRITING
from training.votes.character_weights import LOSS, fit_character_weights

pytestmark = pytest.mark.processes

ENGINES = ("hand", "print", "other")


def made(name: str, *cases: tuple[int, str, str, str]) -> CharacterSet:
    """(how many, what each engine says) of the letter a."""
    hypotheses = [
        {engine: Hypothesis.of_text(text, 0.9) for engine, text in zip(ENGINES, said, strict=True)}
        for count, *said in cases
        for _ in range(count)
    ]
    return CharacterSet(name, ("a",) * len(hypotheses), tuple(hypotheses))


def test_two_that_agree_on_print_outvote_the_one_that_handwriting_needs() -> None:
    print_set = made("printed", (80, "a", "a", "a"), (15, "o", "a", "a"), (5, "a", "o", "x"))
    handwriting = made(HANDWRITING, (90, "a", "o", "x"), (10, "a", "a", "a"))
    weights = fit_character_weights([print_set, handwriting], ENGINES)
    profile = Profile("p", weights)
    assert sum(weights.values()) == pytest.approx(1.0, abs=0.001)
    assert print_set.right(profile, Method.CONFIDENCE_WEIGHTED) == 1.0
    assert handwriting.right(profile, Method.CONFIDENCE_WEIGHTED) == 1.0


def test_handwriting_loses_no_more_than_allowed_whatever_print_would_gain() -> None:
    print_set = made("printed", (50, "o", "a", "a"), (50, "a", "a", "a"))
    handwriting = made(HANDWRITING, (90, "a", "o", "o"), (10, "a", "a", "a"))
    weights = fit_character_weights([print_set, handwriting], ENGINES)
    assert handwriting.right(Profile("p", weights), Method.CONFIDENCE_WEIGHTED) >= 1.0 - LOSS
