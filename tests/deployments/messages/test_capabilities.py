"""From the options of a request to a ReadRequest: every name checked, every default filled in."""

from __future__ import annotations

import pytest

import engines
from deployments.config.schema import ENGINES, ClusterConfig
from deployments.messages.capabilities import Capabilities
from fusion import Method
from ocr.contract import CharacterOptions, TextOptions
from ocr.errors import OutOfRange

HAND_MADE = {
    "general": (0.35, 0.20, 0.20, 0.15, 0.10),
    "handwritten": (0.45, 0.05, 0.20, 0.25, 0.05),
    "printed": (0.10, 0.40, 0.25, 0.05, 0.20),
    "noisy": (0.25, 0.05, 0.35, 0.10, 0.25),
}


def capabilities(**settings: object) -> Capabilities:
    config = ClusterConfig.model_validate(settings)
    return Capabilities.of(config, [engines.spec(engine.name) for engine in config.engines])


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
        capabilities(**wrong)


@pytest.mark.parametrize(("tuned", "prefix"), [("bundled", "starting_"), ("none", "")])
def test_the_hand_made_weights_keep_names_of_their_own(tuned: str, prefix: str) -> None:
    profiles = capabilities(tuned=tuned).profiles
    for name, weights in HAND_MADE.items():
        assert tuple(profiles[f"{prefix}{name}"].weights[engine] for engine in ENGINES) == weights
        assert profiles[f"{prefix}{name}"].tuning is None


def test_tuned_profiles_have_the_plain_names_unless_none_of_the_engines_was_tuned_for() -> None:
    assert capabilities().profiles["general"].tuning is not None
    strange = capabilities(engines=[{"name": "tests.fakes.steady"}], ready_engines=1)
    assert strange.profiles["general"].tuning is None


def test_the_automatic_profile_is_another_one_on_each_kind_of_line() -> None:
    profiles = capabilities().profiles
    asked = capabilities().text_request(TextOptions(), now=0.0).profile
    assert asked.name == "auto"
    assert asked.for_material("handwritten") == profiles["handwritten"]
    assert asked.for_material("unknown").tuning == profiles["general"].tuning
    weighed = capabilities().text_request(TextOptions(weights={"trocr": 1.0}), now=0.0).profile
    assert weighed.for_material("noisy").weights == {"trocr": 1.0}


def test_a_cascade_is_asked_for_by_the_request_or_by_the_configuration_and_must_have_been_tuned() -> None:
    assert capabilities().text_request(TextOptions(), now=0.0).cascade is None
    asked = capabilities().text_request(TextOptions(policy="cascade"), now=0.0).cascade
    assert asked is not None
    assert capabilities(policy="cascade").text_request(TextOptions(), now=0.0).cascade == asked
    assert capabilities(policy="cascade").text_request(TextOptions(policy="all"), now=0.0).cascade is None
    with pytest.raises(OutOfRange, match="no cascade was tuned"):
        capabilities().text_request(TextOptions(policy="cascade", profile="starting_printed"), now=0.0)


def test_a_document_that_is_not_there_is_refused() -> None:
    with pytest.raises(OutOfRange, match=r"nowhere\.json"):
        capabilities(tuned="nowhere.json")


def test_weights_of_a_request_go_over_a_tuned_profile_and_may_name_the_spelling_model() -> None:
    request = capabilities().text_request(TextOptions(weights={"tesseract": 1.0, "spelling": 0.5}), now=0.0)
    assert request.profile.weights == {"tesseract": 1.0, "spelling": 0.5}
    assert request.profile.tuning == capabilities().profiles["general"].tuning


def test_a_profile_of_the_configuration_adds_to_the_built_in_ones() -> None:
    profiles = capabilities(profiles={"forms": {"paddleocr": 1.0}}, profile="forms").profiles
    assert profiles["forms"].weights == {"paddleocr": 1.0}
    assert "general" in profiles


def test_thresholds_of_the_configuration_are_those_of_every_profile() -> None:
    chosen = capabilities(thresholds={"accept": 0.6, "review": 0.75, "high": 0.9})
    request = chosen.text_request(TextOptions(weights={"tesseract": 1.0}), now=0.0)
    assert (request.profile.thresholds.accept, request.profile.thresholds.review, request.profile.thresholds.high) == (
        0.6,
        0.75,
        0.9,
    )


def test_what_a_request_leaves_open_is_filled_from_the_configuration() -> None:
    request = capabilities(method="majority_voting", profile="printed", limits={"timeout_s": 7}).text_request(
        TextOptions(), 100.0
    )
    assert (request.method, request.profile.name, request.deadline) == (Method.MAJORITY_VOTING, "printed", 107.0)
    assert request.engines == ENGINES


def test_an_engine_that_reads_lines_only_is_not_asked_for_a_character() -> None:
    assert "trocr" not in capabilities().character_request(CharacterOptions(), 0.0).engines
    with pytest.raises(OutOfRange, match="reads a character"):
        capabilities().character_request(CharacterOptions(engines=("trocr",)), 0.0)
