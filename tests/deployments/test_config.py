"""The layers of configuration, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import engines
from deployments.asking import Catalogue
from deployments.config import ENGINES, ClusterConfig
from fusion import Method
from ocr.contract import CharacterOptions, TextOptions
from ocr.errors import OutOfRange


def catalogue(**settings: object) -> Catalogue:
    config = ClusterConfig.model_validate(settings)
    return Catalogue.of(config, [engines.spec(engine.name) for engine in config.engines])


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": []},
        {"engines": []},
        {"engines": [{"name": "tesseract"}, {"name": "tesseract"}], "ready_engines": 1},
        {"engines": [{"name": "tesseract"}], "ready_engines": 2},
        {"limits": {"timeout_s": 0}},
        {"thresholds": {"accept": 0.9, "high": 0.8}},
        {"profiles": {"mine": {"tesseract": -1}}},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ClusterConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"profile": "martian"}, "martian"),
        ({"profiles": {"mine": {"oracle": 1.0}}}, "oracle"),
        ({"engines": [{"name": "oracle"}], "ready_engines": 1}, "oracle"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_before_anything_starts(wrong: dict[str, object], name: str) -> None:
    with pytest.raises(OutOfRange, match=name):
        catalogue(**wrong)


def test_the_four_profiles_start_with_the_hand_made_weights() -> None:
    weights = {
        name: tuple(profile.weights[engine] for engine in ENGINES) for name, profile in catalogue().profiles.items()
    }
    assert weights == {
        "general": (0.35, 0.20, 0.20, 0.15, 0.10),
        "handwritten": (0.45, 0.05, 0.20, 0.25, 0.05),
        "printed": (0.10, 0.40, 0.25, 0.05, 0.20),
        "noisy": (0.25, 0.05, 0.35, 0.10, 0.25),
    }


def test_a_profile_of_the_configuration_adds_to_the_built_in_ones() -> None:
    profiles = catalogue(profiles={"forms": {"paddleocr": 1.0}}, profile="forms").profiles
    assert profiles["forms"].weights == {"paddleocr": 1.0}
    assert "general" in profiles


def test_thresholds_of_the_configuration_are_those_of_every_profile() -> None:
    chosen = catalogue(thresholds={"accept": 0.6, "review": 0.75, "high": 0.9})
    ask = chosen.ask_text(TextOptions(weights={"tesseract": 1.0}), now=0.0)
    assert (ask.profile.thresholds.accept, ask.profile.thresholds.review, ask.profile.thresholds.high) == (
        0.6,
        0.75,
        0.9,
    )


def test_what_a_request_leaves_open_is_filled_from_the_configuration() -> None:
    ask = catalogue(method="majority_voting", profile="printed", limits={"timeout_s": 7}).ask_text(TextOptions(), 100.0)
    assert (ask.method, ask.profile.name, ask.deadline) == (Method.MAJORITY_VOTING, "printed", 107.0)
    assert ask.engines == ENGINES


def test_an_engine_that_reads_lines_only_is_not_asked_for_a_character() -> None:
    assert "trocr" not in catalogue().ask_character(CharacterOptions(), 0.0).engines
    with pytest.raises(OutOfRange, match="reads a character"):
        catalogue().ask_character(CharacterOptions(engines=("trocr",)), 0.0)
