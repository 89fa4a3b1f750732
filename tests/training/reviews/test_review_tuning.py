"""Tuning from what people said, on pages on which engines err in a known way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.accuracy.fused_lines import by_page, fused_lines
from evaluation.metrics.text_comparison import character_edits
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.labelled_lines import LabelledLine
from fusion import SPELLING, Profile
from fusion.evidence.language import Language, Languages
from fusion.evidence.spelling_model import SpellingModel
from ocr import Box, Hypothesis, Region
from training.reviews import corrections_fit
from training.reviews.corrections_fit import fit_moves, moved
from training.reviews.review_tuning import (
    ReviewedDocument,
    _all_slots,
    _ReadDocument,
    tune_to_reviews,
)
from training.reviews.reviewed_lines import ReviewedLine, ReviewedWord
from training.votes.profile_fit import tune

pytestmark = pytest.mark.processes

WORDS = ("cat", "dog", "2019", "1.50", "house", "total", "on", "the", "Red")
LANGUAGES = Languages({"en": Language(SpellingModel(2, dict.fromkeys("abcdefghijklmnopqrstuvwxyz0. ", -3.0)), {})})
REGION = Region(Box(0, 0, 100, 10).polygon(), 100, 10)
ENGINES = ["steady", "shaky", "wild"]
LINES_A_PAGE = 10


def lines(pages: int, rates: Sequence[float], seed: int) -> list[LabelledLine]:
    """Each engine misreads letters at its rate, and is as sure of all that it reads."""
    rng = random.Random(seed)
    made = []
    for index in range(pages * LINES_A_PAGE):
        truth = " ".join(rng.choice(WORDS) for _ in range(5))
        page = GroundTruthPage(Path(f"{seed}-{index // LINES_A_PAGE}.png"), ())
        texts = [_misread(truth, rate, rng) for rate in rates]
        read = {name: Hypothesis.of_text(text, 0.9) for name, text in zip(ENGINES, texts, strict=True)}
        made.append(LabelledLine("made", page, index, REGION, truth, read, dict.fromkeys(read, 1.0)))
    return made


def _misread(text: str, rate: float, rng: random.Random) -> str:
    return "".join(rng.choice("xyzvw") if letter != " " and rng.random() < rate else letter for letter in text)


def all_reviewed(own: Sequence[LabelledLine]) -> list[ReviewedDocument]:
    """People looked at every word; each page is a document."""
    return [
        ReviewedDocument(str(page[0].page.image), (tuple(ReviewedLine(line, _words_of(line)) for line in page),))
        for page in by_page(own)
    ]


def _words_of(line: LabelledLine) -> tuple[ReviewedWord, ...]:
    found, start = [], 0
    for word in line.truth.split():
        found.append(ReviewedWord(start, start + len(word), 1.0))
        start += len(word) + 1
    return tuple(found)


def errors(profile: Profile, own: Sequence[LabelledLine]) -> int:
    fused = fused_lines(own, profile)
    return sum(character_edits(line.normalised(found.text), line.truth).edits for line, found in fused)


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of pages on which `steady` is the best engine by far."""
    return tune(lines(12, (0.05, 0.3, 0.4), 1), ENGINES, LANGUAGES).profile


def test_where_other_engines_are_good_the_vote_follows_what_people_found(profile: Profile) -> None:
    elsewhere = (0.4, 0.3, 0.05)  # here `wild` is the best
    tuned = tune_to_reviews(all_reviewed(lines(10, elsewhere, 2)), profile, ENGINES)
    assert tuned.strength is not None
    others = lines(10, elsewhere, 3)
    assert errors(tuned.profile, others) < 0.9 * errors(profile, others)
    assert tuned.validation.errors_after < tuned.validation.errors_before
    assert tuned.validation.documents_better > tuned.validation.documents_worse
    assert "fewer" in "\n".join(tuned.describe())


def test_where_nothing_is_better_the_vote_stays_and_the_report_says_so(profile: Profile) -> None:
    tuned = tune_to_reviews(all_reviewed(lines(6, (0.05, 0.3, 0.4), 4)), profile, ENGINES)
    assert tuned.strength is None
    assert tuned.profile.weights == profile.weights
    assert "the vote stays as it is" in "\n".join(tuned.describe())


def test_of_few_words_only_confidences_are_learnt(profile: Profile) -> None:
    [document] = all_reviewed(lines(1, (0.4, 0.3, 0.05), 5)[:1])
    tuned = tune_to_reviews([document], profile, ENGINES)
    assert (tuned.strength, tuned.words) == (None, 5)


def test_confidences_follow_what_people_found(profile: Profile) -> None:
    worse = (0.3, 0.5, 0.6)  # nobody reads these pages well
    tuned = tune_to_reviews(all_reviewed(lines(8, worse, 6)), profile, ENGINES)
    own = tuned.validation
    assert own.brier_after < own.brier_before
    others = lines(4, worse, 7)
    before = np.mean([word.confidence for _, fused in fused_lines(others, profile) for word in fused.words])
    after = np.mean([word.confidence for _, fused in fused_lines(others, tuned.profile) for word in fused.words])
    assert after < before


def test_a_word_that_stands_for_many_counts_for_many(profile: Profile) -> None:
    [line] = lines(1, (0.0, 0.0, 0.0), 8)[:1]
    reviewed = ReviewedLine(line, (ReviewedWord(0, len(line.truth.split()[0]), 20.0),))
    wrong = "zzz " + " ".join(line.truth.split()[1:])
    assert reviewed.wrong(line.truth) == 0.0
    assert reviewed.wrong(wrong) == 20.0
    assert reviewed.wrong(" ".join([*line.truth.split()[:-1], "zzz"])) == 0.0  # nobody looked there


def test_the_gradient_of_the_expected_edits_is_that_of_their_differences(profile: Profile) -> None:
    read = [_ReadDocument.of(document, profile, ENGINES) for document in all_reviewed(lines(2, (0.4, 0.3, 0.2), 9))]
    claims = corrections_fit._claims(_all_slots(read), profile, ENGINES, None)
    values = np.linspace(-0.3, 0.4, len(ENGINES) + 2 + 5)
    _, gradient = corrections_fit._expected(claims, values, len(ENGINES))
    for place in range(len(values)):
        step = np.zeros(len(values))
        step[place] = 1e-5
        high, _ = corrections_fit._expected(claims, values + step, len(ENGINES))
        low, _ = corrections_fit._expected(claims, values - step, len(ENGINES))
        assert gradient[place] == pytest.approx((high - low) / 2e-5, abs=1e-4)


def test_a_moved_profile_gives_more_weight_to_engines_that_people_confirm(profile: Profile) -> None:
    read = [_ReadDocument.of(document, profile, ENGINES) for document in all_reviewed(lines(8, (0.4, 0.3, 0.05), 10))]
    slots = _all_slots(read)
    tuned = moved(profile, fit_moves(slots, profile, ENGINES, 4.0))
    before, after = profile.evidence_multipliers(ENGINES), tuned.evidence_multipliers(ENGINES)
    assert after["wild"] / after["steady"] > before["wild"] / before["steady"]
    assert set(tuned.weights) == {*ENGINES, SPELLING}
    assert replace(tuned, weights=profile.weights).evidence_multipliers(ENGINES)["wild"] < after["wild"]
