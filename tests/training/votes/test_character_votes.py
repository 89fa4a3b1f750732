"""Weights for single characters, and the pictures that they are fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from fusion import Method, Profile
from ocr import Hypothesis
from training.votes import character_votes
from training.votes.character_votes import HANDWRITING, LOSS, CharacterSet, fit_character_weights

pytestmark = pytest.mark.processes

ENGINES = ("hand", "print", "other")


def made(name: str, *cases: tuple[int, str, str, str]) -> CharacterSet:
    """(how many, what each engine says) of the letter a."""
    claims = [
        {engine: Hypothesis.of_text(text, 0.9) for engine, text in zip(ENGINES, said, strict=True)}
        for count, *said in cases
        for _ in range(count)
    ]
    return CharacterSet(name, ("a",) * len(claims), tuple(claims))


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


def test_alone_an_engine_that_says_nothing_is_not_right_because_others_are() -> None:
    handwriting = made(HANDWRITING, (3, "a", "o", "x"))
    silent = {"hand": Hypothesis.abstain("joined"), "print": Hypothesis.of_text("a", 0.9)}
    both = CharacterSet(HANDWRITING, ("a", "a", "a", "a"), (*handwriting.claims, silent))
    assert both.alone("hand") == [True, True, True, False]
    assert both.alone("print") == [False, False, False, True]


def test_pictures_depend_on_the_seed_and_on_nothing_else() -> None:
    for make in (character_votes._printed, character_votes._noisy, character_votes._photographed):
        (one, truth), (again, same), (other, _) = make(5, 1)[0], make(5, 2)[0], make(6, 1)[0]
        assert np.array_equal(one, again)
        assert truth == same
        assert one.shape != other.shape or not np.array_equal(one, other)
