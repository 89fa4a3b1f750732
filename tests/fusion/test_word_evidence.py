"""What the vote knows of a word on a page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fusion import Method, Profile, fuse_line
from fusion.evidence.claim_evidence import ClaimEvidence, log_odds
from fusion.evidence.confidence import WORD_TERMS, WordConfidence, WordFeatures
from fusion.evidence.language import Language, Languages
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel
from fusion.profiles.tuning import Tuning
from ocr import Hypothesis

LANGUAGES = Languages({"fr": Language(SpellingModel(2, {"a": -1.0}), {"un": -1.0, "ete": -2.0}, {"ete": 0.75})})
WEIGHTS = {"ada": 0.7, "bob": 0.3, "spelling": 1.0}
TUNING = Tuning(ClaimEvidence(lead=2.0), WEIGHTS, SpellingEvidence(LANGUAGES, 0.0))
PROFILE = Profile("p", WEIGHTS, tuning=TUNING)


def features(ada: str, bob: str, profile: Profile = PROFILE) -> list[WordFeatures]:
    hypotheses = {"ada": Hypothesis.of_text(ada, 0.9), "bob": Hypothesis.of_text(bob, 0.6)}
    words = fuse_line(hypotheses, profile, Method.CONFIDENCE_WEIGHTED).words
    return [word.features for word in words if word.features is not None]


def test_slots_count_in_a_word_and_beside_it() -> None:
    assert [own.disputed_slots for own in features("one two three", "one tw0 three")] == [0, 1, 0]
    assert [own.disputed_slots for own in features("one two three", "onetwo three")] == [1, 1, 0]


def test_the_leading_engine_and_the_least_sure_one_are_known() -> None:
    [word] = features("un", "un")
    assert word.leading == pytest.approx(log_odds(0.9))
    assert word.least_claim == pytest.approx(log_odds(0.6))
    assert word.mean_claim == pytest.approx((log_odds(0.9) + log_odds(0.6)) / 2)
    surest = replace(PROFILE, tuning=replace(TUNING, weights={}))  # ada, on this page
    assert [own.leading for own in features("un", "un", surest)] == [pytest.approx(log_odds(0.9))]


def test_a_word_that_a_language_has_is_known_and_one_that_it_writes_with_an_accent_is_told() -> None:
    known, accented, unknown, right = features("un ete xq ét\u00e9", "un ete xq \u00e9t\u00e9")
    assert known.known > 0.0
    assert known.accented == 0.0
    assert accented.accented == 0.75
    assert (unknown.known, unknown.accented) == (0.0, 0.0)
    assert right.accented == 0.0


def test_words_are_as_sure_as_their_characters_until_it_is_fitted() -> None:
    hypotheses = {"ada": Hypothesis.of_text("un", 0.9)}
    [plain] = fuse_line(hypotheses, PROFILE, Method.CONFIDENCE_WEIGHTED).words
    half = WordConfidence(0.0, (0.0,) * len(WORD_TERMS))
    fitted = replace(PROFILE, tuning=replace(TUNING, word_confidence=half))
    [word] = fuse_line(hypotheses, fitted, Method.CONFIDENCE_WEIGHTED).words
    assert plain.confidence != 0.5
    assert word.confidence == 0.5
    [untuned] = fuse_line(hypotheses, fitted, Method.WEIGHTED_VOTING).words
    assert untuned.features is None
    assert untuned.confidence == pytest.approx(0.9)
