"""Fitting to pages on which engines err in a known way."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.accuracy.fused_lines import fused_lines
from evaluation.metrics.text_comparison import character_edits
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.labelled_lines import LabelledLine
from fusion import SPELLING, Method, Profile
from fusion.evidence.language import Language, Languages
from fusion.evidence.spelling_model import SpellingModel
from ocr import Box, Hypothesis, Region
from ocr.text.alphabet import Alphabet
from training.votes.profile_fit import FittedProfile, tune

pytestmark = pytest.mark.processes

WORDS = ("cat", "dog", "2019", "1.50", "house", "total", "on", "the", "Red")
NO_WORDS = Languages({"en": Language(SpellingModel(2, dict.fromkeys("abcdefghijklmnopqrstuvwxyz0. ", -3.0)), {})})
ENGLISH = Languages({"en": Language(NO_WORDS.by_name["en"].spelling, dict.fromkeys(map(str.lower, WORDS), -5.0))})
REGION = Region(Box(0, 0, 100, 10).polygon(), 100, 10)
ENGINES = ["letters", "digits", "other"]
_OF_A_PAGE = 20


def lines(count: int, seed: int = 1) -> list[LabelledLine]:
    """ "letters" misreads digits and is sure of it, "digits" letters, "other" everything now and then."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        truth = " ".join(rng.choice(WORDS) for _ in range(5))
        read = [
            _misread(truth, str.isdigit, 0.8, rng),
            _misread(truth, str.isalpha, 0.3, rng),
            _misread(truth, str.isalnum, 0.35, rng),
        ]
        page = GroundTruthPage(Path(f"{seed}-{index // _OF_A_PAGE}.png"), ())
        hypotheses = {name: Hypothesis.of_text(text, 0.9) for name, text in zip(ENGINES, read, strict=True)}
        made.append(LabelledLine("made", page, index, REGION, truth, hypotheses, dict.fromkeys(hypotheses, 1.0)))
    return made


def _misread(text: str, errs_at: object, rate: float, rng: random.Random) -> str:
    assert callable(errs_at)
    wrong = "xyzvw"
    return "".join(rng.choice(wrong) if errs_at(letter) and rng.random() < rate else letter for letter in text)


@pytest.fixture(scope="module")
def tuned() -> FittedProfile:
    return tune(lines(120), ENGINES, NO_WORDS)


def errors(profile: Profile, own: list[LabelledLine]) -> int:
    fused = fused_lines(own, profile, Method.CONFIDENCE_WEIGHTED)
    return sum(character_edits(line.text, labelled.truth).edits for labelled, line in fused)


def test_who_reads_what_well_is_seen_on_the_page(tuned: FittedProfile) -> None:
    even = Profile("even", dict.fromkeys(ENGINES, 1.0))
    own = lines(60, seed=2)
    assert errors(tuned.profile, own) < 0.5 * errors(even, own)


def test_words_count_where_engines_alone_cannot_tell() -> None:
    engines = ENGINES[1:]
    without, with_words = (tune(some(lines(120), engines), engines, own) for own in (NO_WORDS, ENGLISH))
    own = some(lines(60, seed=2), engines)
    assert errors(with_words.profile, own) < 0.9 * errors(without.profile, own)  # 197 of 243


def some(labelled: list[LabelledLine], engines: list[str]) -> list[LabelledLine]:
    return [replace(line, hypotheses={name: line.hypotheses[name] for name in engines}) for line in labelled]


def test_a_fit_is_the_same_each_time(tuned: FittedProfile) -> None:
    assert tune(lines(120), ENGINES, NO_WORDS) == tuned


def test_weights_make_one_and_spelling_has_its_own(tuned: FittedProfile) -> None:
    weights = dict(tuned.profile.weights)
    assert weights.pop(SPELLING) == 1.0
    assert sum(weights.values()) == pytest.approx(1.0, abs=0.001)


def test_confidences_of_characters_are_as_high_as_they_are_right(tuned: FittedProfile) -> None:
    confidences, edits, length = 0.0, 0, 0
    for line, fused in fused_lines(lines(60, seed=5), tuned.profile, Method.CONFIDENCE_WEIGHTED):
        confidences += sum(character.confidence for character in fused.characters)
        edits += character_edits(fused.text, line.truth).edits
        length += len(fused.characters)
    assert confidences / length == pytest.approx(1.0 - edits / length, abs=0.03)


def test_too_few_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="places at which engines differ"):
        tune(lines(2), ENGINES, NO_WORDS)


def test_engines_without_accents_teach_nothing_where_accents_stand() -> None:
    own = Alphabet.of(map(chr, range(0x20, 0x7F)))
    plain = replace(Hypothesis.of_text("cafe", 0.9), alphabet=own)
    read = {"letters": Hypothesis.of_text("café", 0.9), "digits": plain, "other": plain}
    [line] = lines(1)
    with pytest.raises(ValueError, match=r"^0 places at which engines differ"):
        tune([replace(line, truth="café", hypotheses=read)] * 200, ENGINES, NO_WORDS)
