from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import Calibration, Profile, Thresholds, profiles_from_priors

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


def test_normalised_weights_are_those_over_those_that_answered() -> None:
    profile = profiles_from_priors(PRIORS)["printed"]
    assert profile.normalised_weights(["tesseract", "paddleocr"]) == pytest.approx(
        {"tesseract": 2 / 3, "paddleocr": 1 / 3}
    )
    assert profile.normalised_weights([]) == {}


def test_normalised_weights_are_equal_where_nobody_has_weight() -> None:
    assert Profile("p", {"ada": 0.0}).normalised_weights(["ada", "bob"]) == {"ada": 0.5, "bob": 0.5}


@given(st.dictionaries(st.sampled_from("abcde"), st.floats(0.0, 1e308), min_size=1))
def test_normalised_weights_sum_to_one_whatever_the_weights(weights: dict[str, float]) -> None:
    normalised = Profile("p", weights).normalised_weights(weights)
    assert sum(normalised.values()) == pytest.approx(1.0)
    assert all(0.0 <= weight <= 1.0 for weight in normalised.values())


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
