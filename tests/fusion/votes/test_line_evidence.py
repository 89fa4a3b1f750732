"""Voting with a tuned profile: what holds for any, and what evidence and spelling decide."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fusion import SPELLING, FusedLine, Method, Profile, fuse_line
from fusion.evidence.confidence import CharacterConfidence
from fusion.evidence.engine_evidence import Coefficients, EngineEvidence, Kind
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel
from fusion.profiles.tuning import Tuning
from ocr import Hypothesis
from tests.fusion.strategies import ENGINES, LETTERS, hypotheses_by_engine, weights

TUNED = Method.CONFIDENCE_WEIGHTED
MODEL = SpellingModel(3, {"a": -1.0, "o": -2.0, "r": -3.0, " ": -1.5, "ar": -0.2, "0": -2.5}, {"a": -0.5, "r": -0.1})

worths = st.builds(Coefficients, st.floats(-4, 4), st.floats(0, 2), st.floats(-1, 1))
evidences = st.builds(
    EngineEvidence,
    st.dictionaries(st.sampled_from(Kind), worths),
    st.floats(-1, 1),
    st.dictionaries(st.tuples(st.sampled_from(LETTERS), st.sampled_from(LETTERS)), st.floats(-2, 2), max_size=3),
)
votes = st.builds(SpellingEvidence, st.just(MODEL), st.floats(0.0, 1.0), st.floats(-2, 2))
tunings = st.builds(
    Tuning,
    st.fixed_dictionaries(dict.fromkeys(ENGINES, evidences)),
    st.just(dict.fromkeys(ENGINES, 1.0)),
    votes,
    st.builds(CharacterConfidence, st.floats(-2, 2), st.floats(0, 2), st.floats(-1, 1)),
)


@st.composite
def tuned_profiles(draw: st.DrawFn) -> Profile:
    own = draw(st.dictionaries(st.sampled_from((*ENGINES, SPELLING)), weights))
    return Profile("tuned", own, tuning=draw(tunings))


@given(hypotheses_by_engine, tuned_profiles())
def test_a_fused_line_holds_what_engines_read_and_confidences_are_probabilities(
    hypotheses: dict[str, Hypothesis], profile: Profile
) -> None:
    fused = fuse_line(hypotheses, profile, TUNED)
    for character in fused.characters:
        said = {vote.text for vote in fused.votes(character.slot) if vote.engine != SPELLING}
        assert character.text in said
        assert 0.0 <= character.confidence <= 1.0
    for slot in range(len(fused.network.slots)):
        for vote in fused.votes(slot):
            assert vote.weight >= 0.0


@given(hypotheses_by_engine, tuned_profiles(), st.sampled_from((*ENGINES, SPELLING)), weights)
def test_more_weight_never_takes_a_win_away(
    hypotheses: dict[str, Hypothesis], profile: Profile, engine: str, more: float
) -> None:
    assume(any(profile.weights.get(other, 0.0) > 0.0 for other in hypotheses if not hypotheses[other].abstained))
    heavier = Profile(
        "heavier", {**profile.weights, engine: profile.weights.get(engine, 0.0) + more}, tuning=profile.tuning
    )
    before, after = fuse_line(hypotheses, profile, TUNED), fuse_line(hypotheses, heavier, TUNED)
    won = {(c.slot, c.text) for c in before.characters if c.text != " " and vote_of(before, engine, c.slot) == c.text}
    assert won <= {(character.slot, character.text) for character in after.characters}


def vote_of(fused: FusedLine, engine: str, slot: int) -> str | None:
    return next((vote.text for vote in fused.votes(slot) if vote.engine == engine), None)


@given(hypotheses_by_engine, tuned_profiles(), st.floats(1e-3, 1e3))
def test_scaling_all_weights_changes_nothing(
    hypotheses: dict[str, Hypothesis], profile: Profile, factor: float
) -> None:
    scaled = Profile("scaled", {voter: own * factor for voter, own in profile.weights.items()}, tuning=profile.tuning)
    before, after = fuse_line(hypotheses, profile, TUNED), fuse_line(hypotheses, scaled, TUNED)
    assert after.text == before.text
    assert after.confidence == pytest.approx(before.confidence, abs=1e-6)


def tuning(slope: float = 1.0, **evidence: EngineEvidence) -> Tuning:
    own = {engine: evidence.get(engine, EngineEvidence()) for engine in ENGINES}
    return Tuning(own, dict.fromkeys(ENGINES, 1.0), SpellingEvidence(MODEL, slope))


def said(**texts: str) -> dict[str, Hypothesis]:
    return {engine: Hypothesis.of_text(text, 0.8) for engine, text in texts.items()}


EVEN = dict.fromkeys(ENGINES, 1.0)


def test_evidence_counts_for_a_kind_of_text() -> None:
    poor_at_digits = EngineEvidence({Kind.DIGIT: Coefficients(-4.0)})
    profile = Profile("p", EVEN, tuning=tuning(ada=poor_at_digits))
    assert fuse_line(said(ada="7", bob="z"), profile, TUNED).text == "z"
    assert fuse_line(said(ada="y", bob="z"), profile, TUNED).text == "y"  # a tie: the lower code point
    assert fuse_line(said(ada="7", bob="z"), profile, Method.WEIGHTED_VOTING).text == "7"


def test_the_spelling_model_decides_between_what_was_read_and_its_vote_is_recorded() -> None:
    hypotheses = said(ada="oror", bob="aror")
    silent = Profile("p", EVEN, tuning=tuning())
    asked = Profile("p", {**EVEN, SPELLING: 1.0}, tuning=tuning())
    assert fuse_line(hypotheses, asked, TUNED).text == "aror"
    assert SPELLING not in {vote.engine for vote in fuse_line(hypotheses, silent, TUNED).votes(0)}
    vote = fuse_line(hypotheses, asked, TUNED).votes(0)[-1]
    assert (vote.engine, vote.text) == (SPELLING, "a")
    assert vote.probability > 0.5
    assert 0.0 < vote.weight < 1.0


def test_what_is_spelt_alike_is_left_to_the_engines() -> None:
    profile = Profile("p", {**EVEN, SPELLING: 9.0}, tuning=tuning())
    fused = fuse_line(said(ada="A1", bob="a1", cyd="a7"), profile, TUNED)
    assert fused.text == "a1"
    assert all(vote.engine != SPELLING for slot in range(2) for vote in fused.votes(slot))


def test_one_more_supporter_makes_surer() -> None:
    profile = Profile("p", EVEN, tuning=tuning())
    found = [fuse_line(said(**dict.fromkeys(ENGINES[:count], "a")), profile, TUNED).confidence for count in range(1, 5)]
    assert found == sorted(found)
    assert found[0] < found[-1] < 1.0


def test_evidence_without_a_weight_that_it_was_fitted_at_is_refused() -> None:
    with pytest.raises(ValueError, match="ada"):
        Tuning({"ada": EngineEvidence()}, {"ada": 0.0})


def test_words_count_the_slots_in_them_and_beside_them_in_which_engines_differ() -> None:
    said = {"ada": "one two three", "bob": "one tw0 three"}
    fused = fuse_line({name: Hypothesis.of_text(text, 0.9) for name, text in said.items()}, Profile("p", {"ada": 1.0}))
    assert [word.disputed_slots for word in fused.words] == [0, 1, 0]
    apart = {"ada": "one two three", "bob": "onetwo three"}
    fused = fuse_line({name: Hypothesis.of_text(text, 0.9) for name, text in apart.items()}, Profile("p", {"ada": 1.0}))
    assert [word.disputed_slots for word in fused.words] == [1, 1, 0]
