from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import Band, Calibration, Profile, Thresholds, Verdict, judge, profiles_from_priors

PRIORS = {
    "emnist_cnn": {"general": 0.35, "handwritten": 0.45, "printed": 0.10, "noisy": 0.25},
    "tesseract": {"general": 0.20, "handwritten": 0.05, "printed": 0.40, "noisy": 0.05},
    "easyocr": {"general": 0.20, "handwritten": 0.20, "printed": 0.25, "noisy": 0.35},
    "trocr": {"general": 0.15, "handwritten": 0.25, "printed": 0.05, "noisy": 0.10},
    "paddleocr": {"general": 0.10, "handwritten": 0.05, "printed": 0.20, "noisy": 0.25},
}


def test_priors_by_engine_become_profiles_by_name() -> None:
    profiles = profiles_from_priors(PRIORS)
    assert sorted(profiles) == ["general", "handwritten", "noisy", "printed"]
    assert profiles["noisy"].weights == {
        "emnist_cnn": 0.25, "tesseract": 0.05, "easyocr": 0.35, "trocr": 0.10, "paddleocr": 0.25,
    }  # fmt: skip
    assert all(sum(profile.weights.values()) == pytest.approx(1.0) for profile in profiles.values())


def test_an_engine_without_a_prior_has_weight_zero() -> None:
    profiles = profiles_from_priors({"ada": {"general": 1.0}, "bob": {"printed": 1.0}})
    assert profiles["general"].weights == {"ada": 1.0, "bob": 0.0}


def test_shares_are_the_weights_over_those_that_answered() -> None:
    profile = profiles_from_priors(PRIORS)["printed"]
    assert profile.shares(["tesseract", "paddleocr"]) == pytest.approx({"tesseract": 2 / 3, "paddleocr": 1 / 3})
    assert profile.shares([]) == {}


def test_shares_are_equal_where_nobody_has_weight() -> None:
    assert Profile("p", {"ada": 0.0}).shares(["ada", "bob"]) == {"ada": 0.5, "bob": 0.5}


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(0.0, 1e308), min_size=1))
def test_shares_sum_to_one_whatever_the_weights(weights: dict[str, float]) -> None:
    shares = Profile("p", weights).shares(weights)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert all(0.0 <= share <= 1.0 for share in shares.values())


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_no_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight of ada"):
        Profile("p", {"ada": weight})


def test_a_profile_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        Profile("", {})


def test_a_profile_survives_pickling() -> None:
    profile = Profile("p", {"ada": 1.0}, Thresholds(0.1, 0.2, 0.3), {"ada": Calibration((0.5,), (0.4,))})
    assert pickle.loads(pickle.dumps(profile)) == profile


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
