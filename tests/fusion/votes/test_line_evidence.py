"""Voting with a tuned profile: what holds for any, and what evidence and spelling decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fusion import SPELLING, FusedLine, Method, Profile, fuse_line, fuse_page
from fusion.evidence.claim_evidence import ClaimEvidence, Coefficients, Kind
from fusion.evidence.confidence import CharacterConfidence
from fusion.evidence.language import Language, Languages
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel
from fusion.profiles.tuning import Tuning
from ocr import Alternative, CharacterHypothesis, Hypothesis
from tests.fusion.strategies import ENGINES, hypotheses_by_engine, weights

TUNED = Method.CONFIDENCE_WEIGHTED
MODEL = SpellingModel(3, {"a": -1.0, "o": -2.0, "r": -3.0, " ": -1.5, "ar": -0.2, "0": -2.5}, {"a": -0.5, "r": -0.1})
LANGUAGES = Languages({"en": Language(MODEL, {"aror": -3.0})})

worths = st.builds(Coefficients, st.floats(-4, 4), st.floats(0, 2), st.floats(-1, 1))
evidences = st.builds(
    ClaimEvidence,
    st.dictionaries(st.sampled_from(Kind), worths),
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.floats(-2, 2),
    st.floats(0, 2),
    st.floats(0, 3),
)
slopes = st.floats(0.0, 1.0)
votes = st.builds(SpellingEvidence, st.just(LANGUAGES), slopes, slopes, slopes, slopes, st.floats(-2, 2))
strengths = st.dictionaries(st.sampled_from(ENGINES), st.sampled_from((0.0, 0.1, 0.5, 1.0)))
tunings = st.builds(
    Tuning,
    evidences,
    strengths,
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


PLAIN = ClaimEvidence()


def tuning(slope: float = 1.0, evidence: ClaimEvidence = PLAIN, **strengths: float) -> Tuning:
    return Tuning(evidence, dict.fromkeys(ENGINES, 1.0) | strengths, SpellingEvidence(LANGUAGES, slope))


def said(**texts: str) -> dict[str, Hypothesis]:
    return {engine: Hypothesis.of_text(text, 0.8) for engine, text in texts.items()}


EVEN = dict.fromkeys(ENGINES, 1.0)


def test_evidence_counts_for_a_kind_of_text() -> None:
    digits_say_little = tuning(evidence=ClaimEvidence({Kind.DIGIT: Coefficients(-4.0)}))
    profile = Profile("p", EVEN, tuning=digits_say_little)
    assert fuse_line(said(ada="7", bob="z"), profile, TUNED).text == "z"
    assert fuse_line(said(ada="y", bob="z"), profile, TUNED).text == "y"  # a tie: the lower code point
    assert fuse_line(said(ada="7", bob="z"), profile, Method.WEIGHTED_VOTING).text == "7"


def test_the_best_engine_that_is_known_has_the_word_until_there_is_evidence() -> None:
    profile = Profile("p", {**EVEN, "bob": 3.0}, tuning=tuning(evidence=ClaimEvidence(lead=1.0), bob=3.0))
    assert fuse_line(said(ada="y", bob="z"), profile, TUNED).text == "z"
    assert fuse_line(said(ada="y", cyd="y", dan="y", bob="z"), profile, TUNED).text == "y"


def test_where_the_best_engine_that_is_known_reads_with_another_model_the_surest_on_the_page_leads() -> None:
    own = tuning(evidence=ClaimEvidence(lead=1.0), bob=3.0)
    profile = Profile("p", {**EVEN, "bob": 3.0}, tuning=replace(own, models={"bob": "bob@1"}))
    disputed = said(ada="y", bob="z")
    rest = [{"ada": Hypothesis.of_text("aaaa", 0.99), "bob": Hypothesis.of_text("aaaa", 0.6)}] * 5
    page, kinds = [disputed, *rest], [""] * 6
    assert fuse_page(page, kinds, profile.for_models({"bob": "bob@1"}), TUNED)[0].text == "z"
    assert fuse_page(page, kinds, profile.for_models({"bob": "bob@2"}), TUNED)[0].text == "y"


def test_an_engine_that_read_the_line_with_a_model_for_such_lines_has_the_word_instead() -> None:
    own = replace(tuning(evidence=ClaimEvidence(lead=1.0), bob=3.0), models={"ada": "ada@1+hand@1"})
    profile = Profile("p", {**EVEN, "bob": 3.0}, tuning=own)
    plain = said(ada="y", bob="z")
    special = {**plain, "ada": replace(plain["ada"], specialised=True)}
    page, kinds = [plain, special], ["", ""]
    assert [line.text for line in fuse_page(page, kinds, profile, TUNED)] == ["z", "y"]
    other = profile.for_models({"ada": "ada@1+hand@2"})
    assert [line.text for line in fuse_page(page, kinds, other, TUNED)] == ["z", "z"]


def test_an_engine_does_not_lead_on_the_few_lines_of_a_page_that_a_model_for_another_kind_read() -> None:
    profile = Profile("p", {**EVEN, "bob": 3.0}, tuning=tuning(evidence=ClaimEvidence(lead=1.0), bob=3.0))
    plain = said(ada="y", bob="z")
    special = {**plain, "ada": replace(plain["ada"], specialised=True)}
    page = [special, plain, plain]
    assert [line.text for line in fuse_page(page, [""] * 3, profile, TUNED)] == ["z", "z", "z"]


PAGE_TELLS = ClaimEvidence({kind: Coefficients(0.0, 1.0, 1.0) for kind in Kind})


def test_who_stands_alone_on_the_rest_of_the_page_is_not_believed_against_one_who_does_not() -> None:
    profile = Profile("p", EVEN, tuning=tuning(0.0, PAGE_TELLS))
    disputed = said(ada="y", bob="z")
    rest = [said(ada="xxxx", bob="aaaa", cyd="aaaa")] * 9
    assert fuse_line(disputed, profile, TUNED).text == "y"
    assert fuse_page([disputed, *rest], [""] * 10, profile, TUNED)[0].text == "z"


def test_no_other_page_counts() -> None:
    profile = Profile("p", EVEN, tuning=tuning(0.0, PAGE_TELLS))
    alone = fuse_line(said(ada="y", bob="z"), profile, TUNED)
    fuse_page([said(ada="xxxx", bob="aaaa", cyd="aaaa")] * 9, [""] * 9, profile, TUNED)
    assert fuse_line(said(ada="y", bob="z"), profile, TUNED) == alone


pages = st.lists(hypotheses_by_engine, min_size=1, max_size=3)


@given(pages, tuned_profiles(), st.permutations(ENGINES))
def test_the_names_and_the_order_of_engines_do_not_matter_on_a_page(
    page: list[dict[str, Hypothesis]], profile: Profile, names: list[str]
) -> None:
    renamed = dict(zip(ENGINES, names, strict=True)) | {SPELLING: SPELLING}
    assert profile.tuning is not None
    other = Profile(
        "renamed",
        {renamed[own]: weight for own, weight in profile.weights.items()},
        tuning=replace(
            profile.tuning, weights={renamed[own]: weight for own, weight in profile.tuning.weights.items()}
        ),
    )
    kinds = [""] * len(page)
    renamed_page = [{renamed[own]: read for own, read in reversed(line.items())} for line in page]
    before, after = fuse_page(page, kinds, profile, TUNED), fuse_page(renamed_page, kinds, other, TUNED)
    assert [line.text for line in after] == [line.text for line in before]


@given(pages, tuned_profiles())
def test_what_all_engines_read_on_a_line_stands_there_whatever_the_page_says(
    page: list[dict[str, Hypothesis]], profile: Profile
) -> None:
    agreed = said(**dict.fromkeys(ENGINES, "a1 b"))
    assert fuse_page([*page, agreed], [""] * (len(page) + 1), profile, TUNED)[-1].text == "a1 b"


def test_an_alternative_speaks_for_what_another_engine_reads() -> None:
    certain = CharacterHypothesis("y", 0.6, None, ())
    doubting = CharacterHypothesis("y", 0.6, None, (Alternative("z", 0.39),))
    profile = Profile("p", EVEN, tuning=tuning(0.0, ClaimEvidence(alternative_slope=0.1)))
    other = Hypothesis.of_text("z", 0.5)
    assert fuse_line({"ada": Hypothesis.of([certain]), "bob": other}, profile, TUNED).text == "y"
    assert fuse_line({"ada": Hypothesis.of([doubting]), "bob": other}, profile, TUNED).text == "z"


def test_the_words_of_the_pages_language_decide() -> None:
    words = Languages({"en": Language(MODEL, {"cat": -3.0, "the": -2.0})})
    spelling = SpellingEvidence(words, 0.0, words=1.0)
    profile = Profile("p", {**EVEN, SPELLING: 1.0}, tuning=Tuning(ClaimEvidence(), EVEN, spelling))
    assert fuse_line(said(ada="the cat", bob="the oat"), profile, TUNED).text == "the cat"
    assert fuse_line(said(ada="the oat", bob="the cat"), profile, TUNED).text == "the cat"


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
