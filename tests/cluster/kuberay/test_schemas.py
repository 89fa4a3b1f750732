"""Every document against the schema of its kind; a field that the schema does not know is an error.

KubeRay's own schema is not part of the project; where it is missing, that one test says that it was not run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster.kuberay.conftest import ROOT, committed

Document = dict[str, Any]

_CRD = ROOT.parent / "shared" / "schemas" / "ray.io_rayservices.yaml"
_OPERATORS = {
    "PodMonitor": {"selector": {"matchLabels"}, "podMetricsEndpoints": {"port", "interval", "path"}},
    "PrometheusRule": {"groups": {"name", "rules", "interval"}},
}
_RULE = {"alert", "expr", "for", "labels", "annotations"}


@pytest.fixture(scope="module")
def kuberay() -> Document:
    if not _CRD.is_file():
        pytest.skip(f"NOT RUN: KubeRay's schema is not at {_CRD.relative_to(ROOT.parent)}")
    return served_schema(_CRD)


def served_schema(crd: Path) -> Document:
    """What the API server of v1 would check, as JSON schema; unknown fields are refused wherever fields are listed."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(crd.read_text(), Loader=loader)
    [version] = [version for version in content["spec"]["versions"] if version["name"] == "v1"]
    schema: Document = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    # The schema's own keyword, not a field that is called "properties".
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        made.setdefault("additionalProperties", bool(schema.get("x-kubernetes-preserve-unknown-fields")))
    return made


def test_kuberays_own_schema_takes_the_ray_service(kuberay: Document, ray_service: Document) -> None:
    jsonschema.Draft4Validator(kuberay).validate(ray_service)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "surplus"), 1),
        (("spec", "rayClusterConfig", "autoscalerOptions", "version"), "v3"),
        (("spec", "rayClusterConfig", "headGroupSpec", "template", "spec", "containers", 0, "probe"), {}),
        (("spec", "rayClusterConfig", "workerGroupSpecs", 0, "minReplicas"), "one"),
    ],
)
def test_the_strict_schema_refuses_what_kuberay_does_not_know(
    kuberay: Document, ray_service: Document, path: tuple[str | int, ...], value: object
) -> None:
    at: Any = ray_service
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(kuberay).validate(ray_service)


def test_kubernetes_takes_every_document_of_its_own_kinds(documents: list[Document]) -> None:
    import kubernetes_validate

    own = [
        document for document in documents if "." not in document["apiVersion"] or "k8s.io" in document["apiVersion"]
    ]
    assert {document["kind"] for document in own} >= {"ConfigMap", "NetworkPolicy"}
    for document in own:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_field_that_kubernetes_does_not_know_is_refused(documents: list[Document]) -> None:
    import kubernetes_validate

    [policy, *_] = [document for document in documents if document["kind"] == "NetworkPolicy"]
    policy["spec"]["policyType"] = ["Ingress"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(policy, kubernetes_validate.latest_version(), strict=True)


def test_the_pod_templates_are_pods_that_kubernetes_takes(pod_templates: list[Document]) -> None:
    import kubernetes_validate

    for template in pod_templates:
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


def test_what_the_prometheus_operator_reads_has_only_its_fields(documents: list[Document]) -> None:
    read = [document for document in documents if document["apiVersion"] == "monitoring.coreos.com/v1"]
    assert {document["kind"] for document in read} == _OPERATORS.keys()
    for document in read:
        assert document.keys() == {"apiVersion", "kind", "metadata", "spec"}
        for field, value in document["spec"].items():
            for part in value if isinstance(value, list) else [value]:
                assert part.keys() <= _OPERATORS[document["kind"]][field]


def test_every_rule_has_what_a_rule_of_prometheus_has(documents: list[Document]) -> None:
    [rules] = [document for document in documents if document["kind"] == "PrometheusRule"]
    assert all(rule.keys() == _RULE for group in rules["spec"]["groups"] for rule in group["rules"])


def test_every_document_is_there_once(documents: list[Document]) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(names)) == len(names)


def test_kuberays_schema_wants_all_that_an_upgrade_by_steps_needs(kuberay: Document) -> None:
    [service] = [document for document in committed("incremental") if document["kind"] == "RayService"]
    options = service["spec"]["upgradeStrategy"]["clusterUpgradeOptions"]
    for needed in ("gatewayClassName", "stepSizePercent", "intervalSeconds"):
        without = {name: value for name, value in options.items() if name != needed}
        service["spec"]["upgradeStrategy"]["clusterUpgradeOptions"] = without
        with pytest.raises(jsonschema.ValidationError, match=needed):
            jsonschema.Draft4Validator(kuberay).validate(service)
