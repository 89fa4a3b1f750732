"""Fitting to lines whose engines err in a known way."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from evaluation.accuracy.labelled_slots import label_slots
from evaluation.metrics.text_comparison import character_edits
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.labelled_lines import LabelledLine
from fusion import SPELLING, Method, Profile, fuse_line
from fusion.evidence.engine_evidence import Kind
from fusion.evidence.spelling_model import SpellingModel
from fusion.votes.line_evidence import arc_supports
from ocr import Box, Hypothesis, Region
from training.votes.evidence_fit import MIN_DECISIVE, fit
from training.votes.profile_fit import FittedProfile, MaterialLines, tune

pytestmark = pytest.mark.processes

WORDS = ("cat", "dog", "2019", "1.50", "house", "total", "on", "the", "Red")
SPELLING_MODEL = SpellingModel(2, dict.fromkeys("abcdefghijklmnopqrstuvwxyz0. ", -3.0))
REGION = Region(Box(0, 0, 100, 10).polygon(), 100, 10)
PAGE = GroundTruthPage(Path("none.png"), ())


def lines(count: int, seed: int = 1) -> list[LabelledLine]:
    """ "letters" confuses digits and is sure of it, "digits" confuses letters, "echo" says what "letters" says."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        truth = " ".join(rng.choice(WORDS) for _ in range(5))
        of_letters = _spoilt(truth, str.isdigit, 0.8, rng)
        hypotheses = {"letters": of_letters, "digits": _spoilt(truth, str.isalpha, 0.1, rng), "echo": of_letters}
        said = {name: Hypothesis.of_text(text, 0.9) for name, text in hypotheses.items()}
        made.append(LabelledLine("made", PAGE, index, REGION, truth, said, dict.fromkeys(said, 1.0)))
    return made


def _spoilt(text: str, errs_at: object, rate: float, rng: random.Random) -> str:
    assert callable(errs_at)
    return "".join("x" if errs_at(letter) and rng.random() < rate else letter for letter in text)


@pytest.fixture(scope="module")
def tuned() -> list[FittedProfile]:
    material = [MaterialLines("few", lines(3, seed=3)), MaterialLines("many", lines(60, seed=4))]
    return list(tune(lines(120), material, ["letters", "digits", "echo"], SPELLING_MODEL))


def errors(profile: Profile, method: Method) -> int:
    return sum(
        character_edits(fuse_line(line.hypotheses, profile, method).text, line.truth).edits
        for line in lines(60, seed=2)
    )


def test_who_is_right_about_what_is_learnt(tuned: list[FittedProfile]) -> None:
    profile = tuned[0].profile
    assert profile.tuning is not None
    letters = profile.tuning.evidence["letters"].coefficients
    digits = profile.tuning.evidence["digits"].coefficients
    assert digits[Kind.DIGIT].base > letters[Kind.DIGIT].base
    even = Profile("even", dict.fromkeys(("letters", "digits", "echo"), 1.0))
    assert errors(profile, Method.CONFIDENCE_WEIGHTED) < 0.2 * errors(even, Method.CONFIDENCE_WEIGHTED)


def test_an_engine_and_its_echo_do_not_count_for_two(tuned: list[FittedProfile]) -> None:
    weights = tuned[0].profile.weights
    assert weights["letters"] + weights["echo"] < weights["digits"]
    assert sum(weight for engine, weight in weights.items() if engine != SPELLING) == pytest.approx(1.0, abs=0.001)


def together(*voters: str) -> float:
    """By how much some voters outweigh "other" where they agree and it reads something else: the mean in nats, fitted
    to lines on which each misreads letters now and then, and "echo" those that "first" misreads.
    """
    rng = random.Random(6)
    made = []
    for index in range(160):
        truth = " ".join(rng.choice(WORDS) for _ in range(5))
        read = {name: _spoilt(truth, str.isalpha, 0.12, rng) for name in ("first", "second", "other")}
        said = {name: Hypothesis.of_text(text, 0.9) for name, text in (read | {"echo": read["first"]}).items()}
        made.append(LabelledLine("made", PAGE, index, REGION, truth, said, dict.fromkeys(said, 1.0)))
    engines = [*voters, "other"]
    labelled = [found for number, line in enumerate(made) if (found := label_slots(line, number, engines)) is not None]
    fitted = fit(labelled, SPELLING_MODEL)
    margins = []
    for line in labelled:
        place = line.engines.index("other")
        for found in line.decisive:
            texts = [arc.candidate for arc in found.disputed.arcs]
            if len(set(texts)) == 2 and texts.count(texts[place]) == 1:
                evidence = [fitted.evidence(name) for name in line.engines]
                supports = arc_supports(found.disputed, evidence, line.agreements)
                margins.append(sum(supports) - 2 * supports[place])
    return sum(margins) / len(margins)


def test_agreement_of_independent_engines_counts_for_more_than_of_like_ones() -> None:
    alone, like, independent = together("first"), together("first", "echo"), together("first", "second")
    assert abs(alone) < 0.7
    assert abs(like) < 0.7
    assert independent > 2.0


def test_a_material_with_too_few_lines_says_what_all_lines_say(tuned: list[FittedProfile]) -> None:
    everything, few, many = tuned
    assert (few.profile.name, few.own, many.own) == ("few", False, True)
    assert everything.profile.tuning is not None
    assert few.profile.tuning is not None
    assert few.profile.tuning.evidence == everything.profile.tuning.evidence
    assert many.decisive_slots >= MIN_DECISIVE


def test_confidences_of_characters_are_as_high_as_they_are_right(tuned: list[FittedProfile]) -> None:
    profile = tuned[0].profile
    confidences, edits, length = 0.0, 0, 0
    for line in lines(60, seed=5):
        fused = fuse_line(line.hypotheses, profile, Method.CONFIDENCE_WEIGHTED)
        confidences += sum(character.confidence for character in fused.characters)
        edits += character_edits(fused.text, line.truth).edits
        length += len(fused.characters)
    assert confidences / length == pytest.approx(1.0 - edits / length, abs=0.02)


def test_too_few_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="places at which engines differ"):
        list(tune(lines(2), [], ["letters", "digits"], SPELLING_MODEL))
