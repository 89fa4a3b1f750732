"""The two configuration files: equal to the tables they are written from, and the same application in two sizes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

import engines
from deployments.app import build
from deployments.config import ENGINES, ClusterConfig
from deployments.placement import GATEWAY, ROUTER, SEGMENTATION, render

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


@pytest.mark.parametrize("name", FILES)
def test_serve_accepts_the_file_and_the_builder_accepts_its_arguments(name: str) -> None:
    schema = ServeDeploySchema.model_validate(yaml.safe_load((ROOT / name).read_text()))
    assert schema.applications[0].import_path == "deployments.app:build"
    built = build(ClusterConfig.model_validate(schema.applications[0].args))
    assert built._bound_deployment.name == GATEWAY


def test_serve_can_tell_the_type_of_the_builders_arguments() -> None:
    assert inspect.signature(build).parameters["args"].annotation is ClusterConfig


def test_both_files_have_the_same_deployments_and_ask_the_same_engines() -> None:
    production, one_machine = map(deployments, FILES)
    assert list(production) == list(one_machine) == [GATEWAY, ROUTER, SEGMENTATION, *ENGINES]
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
    for name in ENGINES:
        assert production[name]["autoscaling_config"]["min_replicas"] >= 1
        assert production[name]["autoscaling_config"]["max_replicas"] > 1


def test_on_one_machine_two_cores_are_enough_to_start_everything() -> None:
    options = [deployment["ray_actor_options"] for deployment in deployments("serve_config.cpu.yaml").values()]
    assert sum(option["num_cpus"] for option in options) <= 2.0
    assert all("num_gpus" not in option for option in options)
