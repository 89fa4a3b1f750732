"""The two configuration files: equal to the tables they are written from, and the same application in two sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import engines
from cluster import node_pools
from deployments import placement
from deployments.config.deployment_names import GATEWAY, JOB_WORKER, ROUTER, SEGMENTATION
from deployments.config.gpu_fractions import fraction_mismatch
from deployments.config.schema import ENGINES, ClusterConfig
from deployments.placement import one_machine, render, with_arguments

ROOT = Path(__file__).parents[2]
FILES = ("serve_config.yaml", "serve_config.cpu.yaml")


def application(name: str) -> dict[str, Any]:
    [found] = yaml.safe_load((ROOT / name).read_text())["applications"]
    return found


def deployments(name: str) -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in application(name)["deployments"]}


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_what_the_tables_say(name: str) -> None:
    assert (ROOT / name).read_text() == render()[name], "run: python -m deployments.placement"


def test_both_files_have_the_same_deployments_and_ask_the_same_engines() -> None:
    production, one_machine = map(deployments, FILES)
    assert list(production) == list(one_machine) == [GATEWAY, ROUTER, SEGMENTATION, JOB_WORKER, *ENGINES]
    names = [[engine["name"] for engine in application(name)["args"]["engines"]] for name in FILES]
    assert names == [list(ENGINES)] * 2
    for name, deployment in production.items():
        queued = (deployment["max_queued_requests"], one_machine[name]["max_queued_requests"])
        if name == GATEWAY:
            assert queued == (-1, -1), "the Gateway refuses by itself"
        else:
            assert queued[0] == 1000
            assert queued[1] > 0


def test_in_production_every_engine_scales_alone_and_holds_its_own_fraction_of_a_card() -> None:
    production = deployments("serve_config.yaml")
    fractions = {name: production[name]["ray_actor_options"]["num_gpus"] for name in ENGINES}
    assert fractions == {name: engines.spec(name).resources.gpu for name in ENGINES}
    assert fractions["tesseract"] == 0.0
    assert sum(fractions.values()) <= 1.0, "all five fit on one card"
    told = {engine["name"]: engine.get("gpu", 0.0) for engine in application("serve_config.yaml")["args"]["engines"]}
    assert told == fractions, "what the framework is held to is what Ray keeps books of"
    for name in ENGINES:
        assert production[name]["autoscaling_config"]["min_replicas"] >= 1
        assert production[name]["autoscaling_config"]["max_replicas"] > 1
    assert len({str(production[name]["autoscaling_config"]) for name in ENGINES}) > 1, "bounds are an engine's own"


def test_in_production_replicas_are_spread_and_only_what_uses_a_card_takes_a_place_beside_one() -> None:
    for deployment in deployments("serve_config.yaml").values():
        assert deployment["max_replicas_per_node"] <= 2
        options = deployment["ray_actor_options"]
        pool = node_pools.GPU if options.get("num_gpus", 0.0) > 0.0 else node_pools.CPU
        assert options["label_selector"] == {"pool": f"in({pool},any)"}


def test_replicas_on_cpus_ask_for_the_memory_of_openvino_and_those_on_a_card_for_that_of_their_framework() -> None:
    specs = [engines.spec(name) for name in ENGINES]
    for gpus in (True, False):
        options = placement.production(specs, gpus=gpus)
        asked = {spec.name: options[spec.name]["ray_actor_options"]["memory"] / 1e6 for spec in specs}
        native = {spec.name for spec in specs if asked[spec.name] == spec.resources.memory_mb}
        assert native == (set(ENGINES) if gpus else {"tesseract"})


def test_engines_that_do_not_fit_on_their_card_are_refused_when_the_application_is_built() -> None:
    too_much = [{"name": "easyocr", "gpu": 0.5}, {"name": "trocr", "gpu": 0.6}, {"name": "tesseract"}]
    with pytest.raises(ValidationError, match=r"easyocr 0\.5 \+ trocr 0\.6 = 1\.1 of one card"):
        ClusterConfig.model_validate({"engines": too_much})
    ClusterConfig.model_validate({"engines": [too_much[0], {**too_much[1], "card": "second"}]})
    tenths = [{"name": name, "gpu": 0.2} for name in ENGINES]
    ClusterConfig.model_validate({"engines": tenths})


def test_an_engine_that_may_sleep_scales_from_zero() -> None:
    sleeping = ClusterConfig.model_validate({"engines": [{"name": "tesseract", "at_zero": "wait"}], "ready_engines": 1})
    options = with_arguments(one_machine([engines.spec("tesseract")]), sleeping, {"tesseract": "tesseract"})
    assert options["tesseract"]["autoscaling_config"]["min_replicas"] == 0
    assert "num_replicas" not in options["tesseract"]


@pytest.mark.parametrize(("told", "placed", "wrong"), [(0.2, 0.2, False), (0.0, 0.3, True), (0.2, 0.0, True)])
def test_an_engine_that_was_placed_with_another_fraction_than_it_is_told_says_so(
    told: float, placed: float, wrong: bool
) -> None:
    said = fraction_mismatch("trocr", told, placed)
    assert bool(said) is wrong
    if wrong:
        assert f"gpu {told:g}" in said
        assert f"num_gpus {placed:g}" in said


def test_on_one_machine_two_cores_are_enough_to_start_everything() -> None:
    options = [deployment["ray_actor_options"] for deployment in deployments("serve_config.cpu.yaml").values()]
    assert sum(option["num_cpus"] for option in options) <= 2.0
    assert all("num_gpus" not in option for option in options)
