"""The files of Ray's cluster launcher, against Ray's own schema."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster import serve_proxies
from cluster.local import failure_detection

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "cluster" / "launcher").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(yaml.safe_load(request.param.read_text()))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    import ray.autoscaler

    return dict(json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text()))


def test_there_is_one_for_each_cloud() -> None:
    assert [path.stem for path in FILES] == ["aws", "gcp"]


@pytest.mark.processes
def test_rays_own_schema_takes_it(config: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.validate(config, schema)


@pytest.mark.processes
def test_a_field_that_ray_does_not_know_is_refused(config: dict[str, Any], schema: dict[str, Any]) -> None:
    config["available_node_types"]["cpu"]["minimum"] = 1
    with pytest.raises(jsonschema.ValidationError, match="minimum"):
        jsonschema.validate(config, schema)


def test_the_head_takes_no_work_and_somebody_has_a_card(config: dict[str, Any]) -> None:
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"] == {"CPU": 0}
    assert any(kind["resources"].get("GPU") for kind in types.values())


def test_the_head_notices_soon_that_a_node_is_gone(config: dict[str, Any]) -> None:
    [start] = [command for command in config["head_start_ray_commands"] if "ray start" in command]
    assert all(f" {name}={value} " in start for name, value in failure_detection.ENVIRONMENT.items())


def test_every_nodes_proxy_bounds_headers_and_believes_no_caller(config: dict[str, Any]) -> None:
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        [start] = [command for command in commands if "ray start" in command]
        assert all(f" {name}={value} " in start for name, value in serve_proxies.ENVIRONMENT.items())


def test_the_least_nodes_hold_the_least_replicas_of_everything(config: dict[str, Any]) -> None:
    [application] = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"]
    asked = [
        deployment["ray_actor_options"]
        for deployment in application["deployments"]
        for _ in range(deployment["autoscaling_config"]["min_replicas"])
    ]
    types = config["available_node_types"].values()
    for resource, option in (("CPU", "num_cpus"), ("GPU", "num_gpus")):
        offered = sum(kind.get("min_workers", 0) * kind["resources"].get(resource, 0) for kind in types)
        assert offered >= sum(options.get(option, 0) for options in asked)


def test_every_replica_finds_a_node_with_the_label_that_it_wants(config: dict[str, Any]) -> None:
    [application] = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"]
    labels = [kind.get("labels", {}).get("pool") for kind in config["available_node_types"].values()]
    for deployment in application["deployments"]:
        options = deployment["ray_actor_options"]
        [pool] = [pool for pool in filter(None, labels) if pool in options["label_selector"]["pool"]]
        assert (pool == "gpu") == (options.get("num_gpus", 0.0) > 0.0)


def test_it_opens_nothing_but_what_the_cloud_opens_for_ssh(config: dict[str, Any]) -> None:
    assert "security_group" not in config["provider"]
    assert any("--dashboard-host=127.0.0.1" in command for command in config["head_start_ray_commands"])


def test_every_node_has_the_token_to_itself_and_demands_it(config: dict[str, Any]) -> None:
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"
    assert "chmod 600 ~/.ray/auth_token" in config["setup_commands"][0]
    started = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    for command in started:
        if "ray start" in command or "serve deploy" in command:
            assert " RAY_AUTH_MODE=token " in command


def test_every_command_is_shell_and_names_what_exists(config: dict[str, Any]) -> None:
    commands = [command for key, value in config.items() if key.endswith("commands") for command in value]
    assert commands
    for command in commands:
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
    assert (ROOT / "serve_config.yaml").is_file()
    assert "\nsetup:" in (ROOT / "Makefile").read_text()
    assert "serve" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
