from __future__ import annotations

import pytest

from fusion import Calibration, Profile
from fusion.votes.weighted_hypotheses import NO_SCORE, WeightedHypothesis, weighted_hypotheses
from ocr import Hypothesis


def test_engines_that_abstain_have_no_hypothesis() -> None:
    hypotheses = {"bob": Hypothesis.of_text("b", 0.5), "ada": Hypothesis(), "cyd": Hypothesis.abstain("?")}
    weighted = weighted_hypotheses(hypotheses, Profile("p", {"bob": 1.0, "ada": 3.0}))
    assert [(own.engine, own.weight) for own in weighted] == [("ada", 0.75), ("bob", 0.25)]


def test_scores_are_calibrated() -> None:
    profile = Profile("p", {"ada": 1.0}, calibrations={"ada": Calibration((0.0, 1.0), (0.2, 0.6))})
    [weighted] = weighted_hypotheses({"ada": Hypothesis.of_text("ab", 0.5)}, profile)
    assert weighted.probabilities == pytest.approx((0.4, 0.4))


def test_nothing_is_as_sure_as_the_characters_around_it() -> None:
    weighted = WeightedHypothesis("ada", 1.0, ("a", "b"), (0.4, 0.8), (None, None), ((), ()))
    assert [weighted.null_probability(index) for index in range(3)] == pytest.approx([0.4, 0.6, 0.8])
    assert WeightedHypothesis("ada", 1.0, (), (), (), ()).null_probability(0) == NO_SCORE
