from __future__ import annotations

import math

import pytest

from fusion import Band, Thresholds, Verdict, judge, judge_page


@pytest.mark.parametrize(
    ("confidence", "verdict"),
    [
        (0.0, Verdict(False, True, Band.LOW)),
        (0.499, Verdict(False, True, Band.LOW)),
        (0.5, Verdict(True, True, Band.MEDIUM)),
        (0.699, Verdict(True, True, Band.MEDIUM)),
        (0.7, Verdict(True, False, Band.MEDIUM)),
        (0.799, Verdict(True, False, Band.MEDIUM)),
        (0.8, Verdict(True, False, Band.HIGH)),
        (1.0, Verdict(True, False, Band.HIGH)),
    ],
)
def test_the_verdict_changes_exactly_at_the_thresholds(confidence: float, verdict: Verdict) -> None:
    assert judge(confidence, Thresholds()) == verdict


def test_each_threshold_can_be_set() -> None:
    assert judge(0.65, Thresholds(accept=0.6, review=0.6, high=0.65)) == Verdict(True, False, Band.HIGH)


@pytest.mark.parametrize(
    "wrong",
    [{"accept": -0.1}, {"review": 1.1}, {"high": math.nan}, {"doubted": 2.0}, {"accept": 0.9, "high": 0.8}],
)
def test_thresholds_that_contradict_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Thresholds(**wrong)


@pytest.mark.parametrize(
    ("words", "illegible", "needs_review"),
    [
        ([0.9] * 100, 0.0, False),
        ([0.9] * 95 + [0.1] * 5, 0.0, False),
        ([0.9] * 94 + [0.1] * 6, 0.0, True),  # whatever the mean is
        ([0.9] * 100, 0.06, True),
        ([], 0.0, True),
    ],
)
def test_a_page_needs_review_for_its_doubted_words(words: list[float], illegible: float, needs_review: bool) -> None:
    verdict = judge_page(0.83, words, illegible, Thresholds())
    assert verdict == Verdict(True, needs_review, Band.HIGH)
