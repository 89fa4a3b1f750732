"""The application as Serve builds it from the files. Loads Ray and starts none."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.config.deployment_names import GATEWAY
from deployments.config.schema import ClusterConfig

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]


def build(arguments: dict[str, Any]) -> Any:
    from deployments import app

    return app.build(ClusterConfig.model_validate(arguments))


@pytest.mark.parametrize("name", ["serve_config.yaml", "serve_config.cpu.yaml"])
def test_serve_accepts_the_file_and_the_builder_accepts_its_arguments(name: str) -> None:
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(yaml.safe_load((ROOT / name).read_text()))
    assert schema.applications[0].import_path == "deployments.app:build"
    assert build(schema.applications[0].args)._bound_deployment.name == GATEWAY


def test_serve_can_tell_the_type_of_the_builders_arguments() -> None:
    from deployments import app

    assert inspect.signature(app.build).parameters["args"].annotation is ClusterConfig


def test_a_fraction_in_the_arguments_is_asked_of_ray_too() -> None:
    built = build({"engines": [{"name": "easyocr", "gpu": 0.4}, {"name": "tesseract"}]})
    router = built._bound_deployment.init_args[0]
    hosted = router._bound_deployment.init_args[1]
    options = {name: engine._bound_deployment.ray_actor_options for name, engine in hosted.items()}
    asked = {name: chosen.get("num_gpus", 0.0) for name, chosen in options.items()}
    assert asked == {"easyocr": 0.4, "tesseract": 0.0}
