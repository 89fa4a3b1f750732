from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fusion import Calibration, FusedLine, Method, Profile, fuse_line
from fusion.line_fusion import judged
from ocr import CharacterHypothesis, Hypothesis, Span
from ocr.text.alphabet import Alphabet
from tests.fusion.strategies import ENGINES, hypotheses_by_engine, line_hypotheses, profiles, weights

methods = st.sampled_from(list(Method))
EVEN = Profile("even", dict.fromkeys(ENGINES, 1.0))
Claims = dict[str, Hypothesis]


def said(probability: float = 0.9, **texts: str) -> Claims:
    return {engine: Hypothesis.of_text(text, probability) for engine, text in texts.items()}


# --- what holds for any hypotheses ---


def holds_everywhere(hypotheses: Claims, profile: Profile, method: Method) -> None:
    fused = fuse_line(hypotheses, profile, method)
    assert 0.0 <= fused.confidence <= 1.0
    for character in fused.characters:
        assert 0.0 <= character.confidence <= 1.0
        assert character.text in {vote.text for vote in fused.votes(character.slot)}
    assert [character.slot for character in fused.characters] == sorted({c.slot for c in fused.characters})
    assert "".join(fused.text.split()) == "".join(c.text for c in fused.characters if c.text != " ")
    assert fused.text == " ".join(fused.text.split(" ")).strip()
    assert "  " not in fused.text
    for word in fused.words:
        assert 0.0 <= word.confidence <= 1.0
    words = ["".join(c.text for c in fused.characters[word.start : word.end]) for word in fused.words]
    assert words == fused.text.split()


@given(hypotheses_by_engine, profiles, methods)
def test_every_fused_character_was_read_in_its_slot_and_confidences_are_probabilities(
    hypotheses: Claims, profile: Profile, method: Method
) -> None:
    holds_everywhere(hypotheses, profile, method)


@pytest.mark.slow
@given(hypotheses_by_engine, profiles, methods)
@settings(max_examples=5000, deadline=None)
def test_it_holds_for_thousands_of_claims(hypotheses: Claims, profile: Profile, method: Method) -> None:
    holds_everywhere(hypotheses, profile, method)


@given(line_hypotheses(), st.sets(st.sampled_from(ENGINES), min_size=1), profiles, methods)
def test_equal_readings_give_that_reading(
    reading: Hypothesis, engines: set[str], profile: Profile, method: Method
) -> None:
    alone = fuse_line({"ada": reading}, profile, method)
    assert fuse_line(dict.fromkeys(engines, reading), profile, method).text == alone.text
    assert alone.text == " ".join(reading.text.split())


@given(hypotheses_by_engine, profiles, methods, st.randoms(use_true_random=False))
def test_the_order_of_engines_does_not_matter(
    hypotheses: Claims, profile: Profile, method: Method, rng: random.Random
) -> None:
    shuffled = dict(rng.sample(sorted(hypotheses.items()), len(hypotheses)))
    assert fuse_line(shuffled, profile, method) == fuse_line(hypotheses, profile, method)


@given(hypotheses_by_engine, profiles, methods, st.permutations(ENGINES))
def test_the_names_of_engines_do_not_matter(
    hypotheses: Claims, profile: Profile, method: Method, names: list[str]
) -> None:
    renamed = dict(zip(ENGINES, names, strict=True))
    other = Profile("renamed", {renamed[engine]: weight for engine, weight in profile.weights.items()})
    assert fuse_line({renamed[engine]: own for engine, own in hypotheses.items()}, other, method).text == (
        fuse_line(hypotheses, profile, method).text
    )


@given(hypotheses_by_engine, profiles, methods, st.sampled_from(ENGINES), weights)
def test_more_weight_never_takes_a_win_away(
    hypotheses: Claims, profile: Profile, method: Method, engine: str, more: float
) -> None:
    assume(any(profile.weights.get(other, 0.0) > 0.0 for other in hypotheses if not hypotheses[other].abstained))
    heavier = Profile("heavier", {**profile.weights, engine: profile.weights.get(engine, 0.0) + more})
    before, after = fuse_line(hypotheses, profile, method), fuse_line(hypotheses, heavier, method)
    won = {(c.slot, c.text) for c in before.characters if c.text != " " and vote_of(before, engine, c.slot) == c.text}
    assert won <= {(character.slot, character.text) for character in after.characters}


def vote_of(fused: FusedLine, engine: str, slot: int) -> str | None:
    return next((vote.text for vote in fused.votes(slot) if vote.engine == engine), None)


@given(hypotheses_by_engine, profiles, methods, st.floats(1e-3, 1e3))
def test_scaling_all_weights_changes_nothing(
    hypotheses: Claims, profile: Profile, method: Method, factor: float
) -> None:
    scaled = Profile("scaled", {engine: weight * factor for engine, weight in profile.weights.items()})
    before, after = fuse_line(hypotheses, profile, method), fuse_line(hypotheses, scaled, method)
    assert after.text == before.text
    assert after.confidence == pytest.approx(before.confidence)


@given(hypotheses_by_engine, profiles, methods)
def test_an_abstention_is_as_good_as_no_answer(hypotheses: Claims, profile: Profile, method: Method) -> None:
    answered = {engine: own for engine, own in hypotheses.items() if not own.abstained}
    assert fuse_line(hypotheses, profile, method) == fuse_line(answered, profile, method)


@given(hypotheses_by_engine, profiles)
def test_votes_in_a_slot_are_one_per_engine_that_answered_and_their_weights_sum_to_one(
    hypotheses: Claims, profile: Profile
) -> None:
    fused = fuse_line(hypotheses, profile)
    answered = sorted(engine for engine, own in hypotheses.items() if not own.abstained)
    for slot in range(len(fused.network.slots)):
        votes = fused.votes(slot)
        assert [vote.engine for vote in votes] == answered
        assert sum(vote.weight for vote in votes) == pytest.approx(1.0)


@given(hypotheses_by_engine, profiles, methods)
def test_every_engines_reading_can_be_read_off_the_votes(hypotheses: Claims, profile: Profile, method: Method) -> None:
    fused = fuse_line(hypotheses, profile, method)
    for engine, own in hypotheses.items():
        if not own.abstained:
            places = range(len(fused.network.slots))
            assert "".join(vote_of(fused, engine, slot) or "" for slot in places) == " ".join(own.text.split())


# --- single cases ---


def test_no_engine_reads_anything() -> None:
    assert fuse_line({}, EVEN) == FusedLine()
    assert fuse_line({"ada": Hypothesis.abstain("joined writing")}, EVEN) == FusedLine()
    empty = fuse_line({"ada": Hypothesis(), "bob": Hypothesis()}, EVEN)
    assert (empty.text, empty.confidence, empty.words) == ("", 0.0, ())


def test_an_empty_hypothesis_votes_for_nothing() -> None:
    hypotheses = {**said(ada="x"), "bob": Hypothesis(), "cyd": Hypothesis()}
    assert fuse_line(hypotheses, EVEN, Method.MAJORITY_VOTING).text == ""
    assert fuse_line({**hypotheses, "bob": Hypothesis.abstain("?"), "cyd": Hypothesis.abstain("?")}, EVEN).text == "x"


def test_three_against_two_win_every_slot() -> None:
    hypotheses = said(ada="the cat", bob="the cot", cyd="tne cat", dan="the cat", eve="the caf")
    assert fuse_line(hypotheses, EVEN).text == "the cat"


def test_weights_are_renormalised_over_the_engines_that_answered() -> None:
    profile = Profile("p", {"ada": 0.7, "bob": 0.2, "cyd": 0.1})
    fused = fuse_line({**said(bob="b", cyd="c"), "ada": Hypothesis.abstain("?")}, profile)
    assert fused.text == "b"
    assert [vote.weight for vote in fused.votes(0)] == pytest.approx([2 / 3, 1 / 3])
    assert fused.confidence == pytest.approx(0.9 * 2 / 3)


def test_an_engine_that_the_profile_does_not_name_is_shown_but_does_not_count() -> None:
    fused = fuse_line(said(ada="a", new="b"), Profile("p", {"ada": 0.1}))
    assert fused.text == "a"
    assert [(vote.engine, vote.text, vote.weight) for vote in fused.votes(0)] == [("ada", "a", 1.0), ("new", "b", 0.0)]


def test_all_weights_zero_means_equal_weights() -> None:
    profile = Profile("p", {"ada": 0.0, "bob": 0.0, "cyd": 1.0})
    fused = fuse_line(said(ada="a", bob="a", new="b"), profile)
    assert fused.text == "a"
    assert fused.confidence == pytest.approx(0.9 * 2 / 3)


def test_a_pair_and_the_character_it_is_read_as_are_decided_together() -> None:
    hypotheses = {
        "ada": Hypothesis.of([CharacterHypothesis("r", 0.9), CharacterHypothesis("n", 0.2)]),
        "bob": Hypothesis.of([CharacterHypothesis("m", 0.6)]),
    }
    # Place by place r (0.9 > 0.6) and nothing (0.6 > 0.2) would win: "r", which nobody read.
    assert fuse_line(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED).text == "m"


def test_spaces_are_voted_on_like_characters() -> None:
    assert fuse_line(said(ada="ab cd", bob="abcd", cyd="ab cd"), EVEN).text == "ab cd"
    assert fuse_line(said(ada="ab cd", bob="abcd", cyd="abcd"), EVEN).text == "abcd"


def test_a_character_that_loses_between_spaces_leaves_one_space() -> None:
    fused = fuse_line(said(ada="a . b", bob="a b", cyd="a b", dan="a  b"), EVEN)
    assert fused.text == "a b"
    assert [fused.text[word.start : word.end] for word in fused.words] == ["a", "b"]


def test_agreement_raises_confidence() -> None:
    texts = ["a", "b", "c", "d"]
    found = []
    for agreeing in range(1, 5):
        hypotheses = {
            engine: Hypothesis.of_text("a" if k < agreeing else texts[k], 0.9) for k, engine in enumerate(ENGINES[:4])
        }
        fused = fuse_line(hypotheses, EVEN, Method.MAJORITY_VOTING)
        found.append(fused.confidence)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(0.9)


def test_calibration_is_applied_before_the_vote() -> None:
    hypotheses = {"ada": Hypothesis.of_text("a", 0.99), "bob": Hypothesis.of_text("b", 0.7)}
    boastful = Profile("p", EVEN.weights, calibrations={"ada": Calibration((0.0, 1.0), (0.0, 0.5))})
    assert fuse_line(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED).text == "a"
    assert fuse_line(hypotheses, boastful, Method.CONFIDENCE_WEIGHTED).text == "b"


def test_a_characters_span_is_that_of_the_heaviest_engine_that_knows_it() -> None:
    placed = [Hypothesis.of([CharacterHypothesis("a", 0.9, Span(left, left + 10))]) for left in (0.0, 4.0)]
    profile = Profile("p", {"ada": 1.0, "bob": 2.0, "cyd": 3.0})
    fused = fuse_line({"ada": placed[0], "bob": placed[1], "cyd": Hypothesis.of_text("a", 0.9)}, profile)
    assert fused.characters[0].span == Span(4.0, 14.0)


def test_a_span_never_comes_from_an_engine_that_reads_something_else() -> None:
    hypotheses = {
        "ada": Hypothesis.of([CharacterHypothesis("a", 0.9, Span(0, 9))]),
        "bob": Hypothesis.of_text("b", 0.95),
    }
    fused = fuse_line(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED)
    assert (fused.text, fused.characters[0].span) == ("b", None)


def test_unknown_methods_are_no_methods() -> None:
    with pytest.raises(ValueError, match="loudest"):
        Method("loudest")


# --- marks that were lost ---


def marked(text: str, probability: float = 0.9) -> Hypothesis:
    """What an engine reads that can write everything."""
    return Hypothesis.of_text(text, probability)


def plain(text: str, probability: float = 0.9) -> Hypothesis:
    """What an engine reads that can write ASCII alone."""
    characters = [CharacterHypothesis(character, probability) for character in text]
    return Hypothesis.of(characters, Alphabet.of(map(chr, range(0x20, 0x7F))))


@pytest.mark.parametrize(
    ("read", "doubted"),
    [
        ("with ⁹ in it", ["in"]),
        ("note⁹ and", ["note"]),
        ("and note⁹", ["note"]),
        ("⁹ and note", ["and"]),
    ],
)
def test_a_mark_that_loses_to_nothing_leaves_a_doubt_on_the_word_where_it_was(read: str, doubted: list[str]) -> None:
    without = " ".join(read.replace("⁹", "").split())
    claims = {"ada": marked(read, 0.45), "bob": plain(without), "cy": plain(without)}
    fused = fuse_line(claims, Profile("even", dict.fromkeys(claims, 1.0)), Method.CONFIDENCE_WEIGHTED)
    assert fused.text == without
    words = {"".join(c.text for c in fused.characters[w.start : w.end]): w.confidence for w in fused.words}
    assert [text for text, confidence in words.items() if confidence <= 0.55 + 1e-9] == doubted


# --- what nobody can read ---


def sure(confidence: float) -> FusedLine:
    """A line of four engines whose characters have this confidence."""
    line = fuse_line({name: Hypothesis.of_text("abcd efgh", 0.9) for name in "abcd"}, Profile("even", {}))
    return replace(line, characters=tuple(each._replace(confidence=confidence) for each in line.characters))


def test_a_line_between_lines_that_nobody_can_read_has_to_be_surer() -> None:
    text, guess, maybe = sure(0.95), sure(0.5), sure(0.8)
    assert [line.legible for line in judged([text, maybe, guess])] == [True, True, False]
    assert [line.legible for line in judged([text, maybe, guess, guess, guess])] == [True, False, False, False, False]
    led = replace(sure(0.65), specialised=True)
    assert [line.legible for line in judged([led, guess, guess])] == [True, False, False]
