from __future__ import annotations

import math

import pytest

from fusion import Band, Thresholds, Verdict, judge


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


@pytest.mark.parametrize("wrong", [{"accept": -0.1}, {"review": 1.1}, {"high": math.nan}, {"accept": 0.9, "high": 0.8}])
def test_thresholds_that_contradict_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Thresholds(**wrong)
