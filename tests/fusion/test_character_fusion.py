from __future__ import annotations

import pytest

from fusion import Calibration, Method, Profile, fuse_character
from ocr import Alternative, Character, CharacterHypothesis, Classes, Hypothesis, Vote

EVEN = Profile("even", {"ada": 1.0, "bob": 1.0, "cyd": 1.0})


def hypothesis(text: str, probability: float, **others: float) -> Hypothesis:
    alternatives = tuple(Alternative(letter, own) for letter, own in others.items())
    return Hypothesis.of([CharacterHypothesis(text, probability, None, alternatives)])


def test_the_character_of_most_wins() -> None:
    hypotheses = {"ada": hypothesis("a", 0.9), "bob": hypothesis("o", 0.95), "cyd": hypothesis("a", 0.6)}
    for method in Method:
        fused = fuse_character(hypotheses, EVEN, method)
        assert fused.text == "a"
        assert fused.confidence == pytest.approx((0.9 + 0.6) / 3)


def test_an_answer_of_several_characters_is_recorded_and_no_vote() -> None:
    fused = fuse_character({"ada": hypothesis("a", 0.8), "bob": Hypothesis.of_text("no", 0.9)}, EVEN)
    assert (fused.text, fused.confidence) == ("a", pytest.approx(0.8))
    assert fused.votes == (Vote("ada", "a", 1.0, 0.8), Vote("bob", "no", 0.0, 0.9))


def test_an_answer_outside_of_the_classes_is_recorded_and_no_vote() -> None:
    fused = fuse_character({"ada": hypothesis("O", 0.9), "bob": hypothesis("0", 0.6)}, EVEN, classes=Classes.DIGITS)
    assert (fused.text, fused.confidence) == ("0", pytest.approx(0.6))
    assert fused.votes[0] == Vote("ada", "O", 0.0, 0.9)


def test_another_guess_within_the_classes_is_a_weaker_vote() -> None:
    hypotheses = {"ada": hypothesis("O", 0.7, **{"0": 0.2}), "bob": hypothesis("8", 0.5)}
    for method in Method:
        fused = fuse_character(hypotheses, EVEN, method, Classes.DIGITS)
        assert fused.text == "8"
        assert Vote("ada", "0", 0.1, 0.2) in fused.votes
    only = fuse_character({"ada": hypotheses["ada"]}, EVEN, classes=Classes.DIGITS)
    assert (only.text, only.confidence) == ("0", pytest.approx(0.2))


def test_all_guesses_count_in_confidence_weighted_voting_and_only_there() -> None:
    hypotheses = {
        "ada": hypothesis("l", 0.5, I=0.4),
        "bob": hypothesis("1", 0.5, I=0.4),
        "cyd": hypothesis("l", 0.2, I=0.1),
    }
    assert fuse_character(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED).text == "I"
    assert fuse_character(hypotheses, EVEN, Method.WEIGHTED_VOTING).text == "l"
    assert fuse_character(hypotheses, EVEN, Method.MAJORITY_VOTING).text == "l"


def test_at_most_three_guesses_of_an_engine_are_looked_at() -> None:
    hypotheses = {"ada": hypothesis("?", 0.4, **{"!": 0.3, ",": 0.2, "a": 0.1})}
    assert fuse_character(hypotheses, EVEN).text == ""


def test_weights_are_renormalised_over_those_that_have_a_vote() -> None:
    profile = Profile("p", {"ada": 0.7, "bob": 0.2, "cyd": 0.1})
    hypotheses = {"ada": Hypothesis.of_text("no", 0.9), "bob": hypothesis("b", 0.5), "cyd": hypothesis("c", 0.5)}
    fused = fuse_character(hypotheses, profile)
    assert [vote.weight for vote in fused.votes] == pytest.approx([0.0, 2 / 3, 1 / 3])


def test_spaces_around_the_character_do_not_matter() -> None:
    assert fuse_character({"ada": Hypothesis.of_text(" a ", 0.9)}, EVEN).text == "a"


def test_abstentions_are_neither_votes_nor_recorded() -> None:
    fused = fuse_character({"ada": hypothesis("a", 0.8), "bob": Hypothesis.abstain("joined writing")}, EVEN)
    assert [vote.engine for vote in fused.votes] == ["ada"]


def test_nothing_allowed_gives_nothing_with_confidence_zero() -> None:
    assert fuse_character({}, EVEN) == Character("", 0.0)
    fused = fuse_character({"ada": Hypothesis(), "bob": hypothesis("é", 0.9)}, EVEN)
    assert (fused.text, fused.confidence) == ("", 0.0)
    assert [(vote.engine, vote.text, vote.weight) for vote in fused.votes] == [("ada", "", 0.0), ("bob", "é", 0.0)]


def test_guesses_are_calibrated_too() -> None:
    profile = Profile("p", {"ada": 1.0}, calibrations={"ada": Calibration((0.0, 1.0), (0.0, 0.5))})
    fused = fuse_character({"ada": hypothesis("O", 0.6, **{"0": 0.4})}, profile, classes=Classes.DIGITS)
    assert fused.confidence == pytest.approx(0.2)
    assert fused.votes[0] == Vote("ada", "O", 0.0, 0.3)


@pytest.mark.parametrize("method", Method)
def test_more_weight_for_an_engine_keeps_its_character(method: Method) -> None:
    hypotheses = {"ada": hypothesis("a", 0.5, o=0.4), "bob": hypothesis("o", 0.6, a=0.3), "cyd": hypothesis("a", 0.4)}
    light = fuse_character(hypotheses, EVEN, method)
    heavy = fuse_character(hypotheses, Profile("p", {"ada": 5.0, "bob": 1.0, "cyd": 1.0}), method)
    assert light.text == heavy.text == "a"


def test_single_characters_have_weights_of_their_own() -> None:
    profile = Profile("p", {"ada": 1.0, "bob": 0.1}, character_weights={"ada": 0.1, "bob": 1.0})
    hypotheses = {"ada": hypothesis("a", 0.9), "bob": hypothesis("b", 0.9)}
    assert fuse_character(hypotheses, profile).text == "b"
    assert fuse_character(hypotheses, profile.with_weights({"ada": 1.0})).text == "a"
