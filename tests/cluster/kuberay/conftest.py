"""Reading the committed manifests."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OVERLAYS = ("cpu", "gpu", "ha", "incremental")


@cache
def _parsed(overlay: str) -> list[dict[str, Any]]:
    text = (ROOT / "cluster" / "kuberay" / f"{overlay}.yaml").read_text()
    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def committed(overlay: str) -> list[dict[str, Any]]:
    """All documents; whoever calls may change them."""
    return copy.deepcopy(_parsed(overlay))


def selected(selector: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector of Kubernetes selects what has these labels."""
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "NotIn", "the only one that is used here"
        if labels.get(expression["key"]) in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def documents(overlay: str) -> list[dict[str, Any]]:
    return committed(overlay)


@pytest.fixture
def ray_service(documents: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [document for document in documents if document["kind"] == "RayService"]
    return found


@pytest.fixture
def pod_templates(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The template of every pod: Ray's head and workers, and whatever else there is."""
    return [template for document in documents for template in _templates(document)]


def _templates(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "template" and "containers" in value.get("spec", {}):
                yield value
            else:
                yield from _templates(value)
    elif isinstance(node, list):
        for item in node:
            yield from _templates(item)
