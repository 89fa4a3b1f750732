from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import Calibration, Profile
from fusion.votes.voices import NO_SCORE, Voice, spoken, voices
from ocr import Alternative, ClaimedCharacter, Hypothesis, Span


def texts_of(*claimed: str) -> list[str]:
    return [character.text for character in spoken(Hypothesis.of(ClaimedCharacter(text, 0.9) for text in claimed))]


def test_plain_claims_are_taken_as_they_are() -> None:
    claim = Hypothesis.of_text("plain text, as it is", 0.9)
    assert spoken(claim) is claim.characters


def test_a_mark_goes_to_its_letter_in_composed_form() -> None:
    assert texts_of("e", "\u0301", "x") == ["é", "x"]
    assert texts_of("e\u0301", "x") == ["é", "x"]
    assert texts_of("q", "\u0303") == ["q\u0303"]


def test_a_letter_with_its_mark_is_as_sure_as_the_less_sure_and_as_wide_as_both() -> None:
    claim = Hypothesis.of([ClaimedCharacter("e", 0.9, Span(0, 8)), ClaimedCharacter("\u0301", 0.4, Span(2, 9))])
    assert spoken(claim) == (ClaimedCharacter("é", 0.4, Span(0, 9)),)


def test_a_claim_of_several_letters_is_cut_and_shares_its_span() -> None:
    claim = Hypothesis.of([ClaimedCharacter("ab", 0.7, Span(10, 20))])
    assert spoken(claim) == (ClaimedCharacter("a", 0.7, Span(10, 15)), ClaimedCharacter("b", 0.7, Span(15, 20)))


@pytest.mark.parametrize("space", ["\t", "\n", "\u00a0", "\u2003", "\u3000"])
def test_every_white_space_is_a_space(space: str) -> None:
    assert texts_of("a", space, "b") == ["a", " ", "b"]


def test_spaces_at_the_ends_and_repeated_say_nothing() -> None:
    assert texts_of(" ", " ", "a", " ", " ", "b", " ") == ["a", " ", "b"]
    assert texts_of(" ") == []


def test_what_prints_nothing_is_dropped() -> None:
    assert texts_of("\u200b", "a", "\u00ad", "\ufeff", "\x07", "b") == ["a", "b"]


def test_joined_emoji_stay_one_character() -> None:
    family = "\U0001f469\u200d\U0001f467"
    assert texts_of(*family) == [family]


def test_alternatives_are_kept_with_their_character() -> None:
    guesses = (Alternative("0", 0.3),)
    claim = Hypothesis.of([ClaimedCharacter(" ", 0.5), ClaimedCharacter("O", 0.6, None, guesses)])
    assert spoken(claim) == (ClaimedCharacter("O", 0.6, None, guesses),)


@given(st.text(max_size=20))
def test_hearing_twice_is_hearing_once(text: str) -> None:
    once = spoken(Hypothesis.of_text(text, 0.5))
    assert spoken(Hypothesis(once)) == once


def test_those_who_abstain_are_not_heard() -> None:
    claims = {"bob": Hypothesis.of_text("b", 0.5), "ada": Hypothesis(), "cyd": Hypothesis.abstain("?")}
    heard = voices(claims, Profile("p", {"bob": 1.0, "ada": 3.0}))
    assert [(voice.engine, voice.share) for voice in heard] == [("ada", 0.75), ("bob", 0.25)]


def test_scores_are_calibrated() -> None:
    profile = Profile("p", {"ada": 1.0}, calibrations={"ada": Calibration((0.0, 1.0), (0.2, 0.6))})
    [voice] = voices({"ada": Hypothesis.of_text("ab", 0.5)}, profile)
    assert voice.probabilities == pytest.approx((0.4, 0.4))


def test_silence_is_as_sure_as_the_characters_around_it() -> None:
    voice = Voice("ada", 1.0, ("a", "b"), (0.4, 0.8), (None, None))
    assert [voice.silence(before) for before in range(3)] == pytest.approx([0.4, 0.6, 0.8])
    assert Voice("ada", 1.0, (), (), ()).silence(0) == NO_SCORE
