"""The environments of engines on a card: complete, within the lock, and named where replicas are placed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import engines
from ocr import NoCard
from tests.cluster.locks import locked

ROOT = Path(__file__).parents[3]
FRAMEWORKS = {name: spec.card.framework for name, spec in engines.specs().items() if not isinstance(spec.card, NoCard)}

# What only a build for cards brings.
FOR_CARDS = {"torch": "nvidia-cudnn-cu13", "tensorflow": "nvidia-cudnn-cu12", "onnxruntime": "onnxruntime-gpu"}

EXTRAS = ("serve", "models")
"""Of pyproject.toml, in each of them beside that of its engines."""

PROGRAM = """
import ast, importlib.metadata, json, pathlib, sys
import deployments.engine.deployment
ours = [module for name, module in sys.modules.items()
        if name.partition(".")[0] in {"ocr", "engines", "fusion", "cluster", "deployments"} and module.__file__]
named = set()
for module in ours:
    for node in ast.parse(pathlib.Path(module.__file__).read_text()).body:
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add(node.module.partition(".")[0])
owners = importlib.metadata.packages_distributions()
print(json.dumps({name: owners[name] for name in named if name in owners}))
"""
"""What the files of ours that a replica of an engine loads import, and which packages may bring it."""


def pinned(path: Path) -> dict[str, str]:
    """What is installed on Linux, by normalised name."""
    wanted = [Requirement(entry.pin) for entry in locked(path)]
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"}
    chosen = [one for one in wanted if one.marker is None or one.marker.evaluate(linux)]
    return {normal(one.name): str(one.specifier) for one in chosen}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(params=sorted(FOR_CARDS))
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_is_one_for_each_framework_that_an_engine_uses_on_a_card(environment: str) -> None:
    assert set(FRAMEWORKS.values()) == set(FOR_CARDS)
    assert FOR_CARDS[environment] in pinned(ROOT / "cluster" / "gpu" / f"{environment}.txt")


def test_it_is_within_the_lock(environment: str) -> None:
    lock = pinned(ROOT / "requirements.lock")
    chosen = pinned(ROOT / "cluster" / "gpu" / f"{environment}.txt")
    assert {name: pin for name, pin in chosen.items() if name in lock and lock[name] != pin} == {}


def test_it_has_what_every_replica_is_said_to_need(environment: str) -> None:
    """Also what is imported only when it is switched on, like the exporter of traces."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    chosen = pinned(ROOT / "cluster" / "gpu" / f"{environment}.txt")
    assert {name for one in wanted if (name := normal(Requirement(one).name)) not in chosen} == set()


def test_runtimes_for_cpus_do_not_stand_beside_the_one_for_cards() -> None:
    assert {"onnxruntime", "openvino"}.isdisjoint(pinned(ROOT / "cluster" / "gpu" / "onnxruntime.txt"))


@pytest.mark.processes
def test_everything_that_a_replica_of_an_engine_imports_is_in_it(environment: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT, timeout=120
    )
    owners = json.loads(said.stdout)
    assert {"ray", "rapidfuzz"} <= owners.keys()
    installed = pinned(ROOT / "cluster" / "gpu" / f"{environment}.txt").keys() | {"quorum-ocr"}
    missing = [module for module, names in owners.items() if not {normal(name) for name in names} & installed]
    assert missing == []


def test_in_production_an_engine_on_a_card_runs_in_the_environment_of_its_framework() -> None:
    [application] = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"]
    named = {
        deployment["name"]: deployment["ray_actor_options"]["runtime_env"]["py_executable"]
        for deployment in application["deployments"]
        if "runtime_env" in deployment["ray_actor_options"]
    }
    assert named == {name: f"/opt/quorum-{framework}/bin/python" for name, framework in FRAMEWORKS.items()}


def test_the_image_for_cards_has_each_environment(environment: str) -> None:
    recipe = (ROOT / "cluster" / "docker" / "Dockerfile").read_text()
    assert f"RUN cluster/docker/install.sh card {environment}\n" in recipe
    assert f"COPY --from=with-gpu /opt/quorum-{environment} /opt/quorum-{environment}\n" in recipe
