"""What the manifests for Kubernetes promise, read from the committed files."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer
import yaml
from typer.testing import CliRunner

import engines
from cluster import node_pools, serve_proxies
from cluster.kuberay import OVERLAYS, Outside, Release, documents, images
from cluster.kuberay.overlays import IncrementalUpgrade
from cluster.kuberay.pods import HOME, Size
from cluster.local import failure_detection
from cluster.local.hosts import free_port
from ocr.errors import InvalidRequest
from ocr.interfaces import Runtime
from quorum.cli import render
from quorum.cli.render import manifests
from tests.cluster.kuberay.conftest import ROOT, selected

Document = dict[str, Any]


def test_the_committed_file_is_what_render_writes(overlay: str) -> None:
    written = manifests(overlay)
    assert (ROOT / "cluster" / "kuberay" / f"{overlay}.yaml").read_text() == written, (
        f"quorum render kuberay --overlay {overlay} > cluster/kuberay/{overlay}.yaml"
    )


def test_the_application_is_that_of_serve_config(overlay: str, ray_service: Document) -> None:
    expected = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    if not OVERLAYS[overlay].has_gpus:
        for deployment in expected["applications"][0]["deployments"]:
            deployment["ray_actor_options"].pop("num_gpus", None)
            deployment["ray_actor_options"].pop("runtime_env", None)
            deployment["ray_actor_options"]["label_selector"] = node_pools.selector(node_pools.CPU)
            if spec := engines.specs().get(deployment["name"]):
                memory_mb = spec.memory_mb(Runtime.AUTO, on_card=False)
                deployment["ray_actor_options"]["memory"] = memory_mb * 1_000_000
        for engine in expected["applications"][0]["args"]["engines"]:
            engine.pop("gpu", None)
    assert yaml.safe_load(ray_service["spec"]["serveConfigV2"]) == expected


@pytest.mark.processes
def test_serves_own_schema_takes_the_application(ray_service: Document) -> None:
    from ray.serve.schema import ServeDeploySchema

    ServeDeploySchema.model_validate(yaml.safe_load(ray_service["spec"]["serveConfigV2"]))


def test_the_least_pods_hold_the_least_replicas_of_every_deployment(ray_service: Document) -> None:
    config = yaml.safe_load(ray_service["spec"]["serveConfigV2"])
    asked = [
        deployment["ray_actor_options"]
        for deployment in config["applications"][0]["deployments"]
        for _ in range(deployment["autoscaling_config"]["min_replicas"])
    ]
    free = [
        {**_offers(group["template"]), "pool": group["labels"]["pool"]}
        for group in ray_service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for _ in range(group["minReplicas"])
    ]
    # The most demanding first, GPUs before CPUs, each on the pod with the fewest cards that holds it.
    for options in sorted(asked, key=lambda o: (o.get("num_gpus", 0), o["num_cpus"]), reverse=True):
        needs = {"gpu": options.get("num_gpus", 0), "cpu": options["num_cpus"], "memory": options.get("memory", 0)}
        wanted = options["label_selector"]["pool"]
        pods = [
            pod
            for pod in free
            if pod["pool"] in wanted.removeprefix("in(").removesuffix(")").split(",")
            and all(pod[kind] >= amount for kind, amount in needs.items())
        ]
        assert pods, f"nothing holds {options}, left are {free}"
        chosen = min(pods, key=lambda pod: pod["gpu"])
        for kind, amount in needs.items():
            chosen[kind] -= amount


def test_the_most_pods_hold_the_most_replicas_of_each_deployment_by_itself(ray_service: Document) -> None:
    config = yaml.safe_load(ray_service["spec"]["serveConfigV2"])
    groups = {group["labels"]["pool"]: group for group in ray_service["spec"]["rayClusterConfig"]["workerGroupSpecs"]}
    for deployment in config["applications"][0]["deployments"]:
        [pool] = [pool for pool in groups if pool in deployment["ray_actor_options"]["label_selector"]["pool"]]
        places = groups[pool]["maxReplicas"] * deployment["max_replicas_per_node"]
        assert places >= deployment["autoscaling_config"]["max_replicas"], deployment["name"]


def _offers(template: Document) -> Document:
    limits = template["spec"]["containers"][0]["resources"]["limits"]
    return {
        "gpu": float(limits.get("nvidia.com/gpu", 0)),
        "cpu": float(limits["cpu"]),
        "memory": float(limits["memory"].removesuffix("Gi")) * 2**30,
    }


def test_no_pod_is_root_or_can_become_it(pod_templates: list[Document]) -> None:
    for template in pod_templates:
        context = template["spec"]["securityContext"]
        assert context["runAsNonRoot"]
        assert context["runAsUser"] >= 1000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in template["spec"]["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_container_has_limits_and_probes(pod_templates: list[Document]) -> None:
    assert pod_templates
    for template in pod_templates:
        for container in template["spec"]["containers"]:
            for amounts in (container["resources"]["requests"], container["resources"]["limits"]):
                assert {"cpu", "memory"} <= amounts.keys()
            assert {"livenessProbe", "readinessProbe"} <= container.keys()


def test_the_autoscaler_is_version_two_and_locked_down_too(ray_service: Document) -> None:
    cluster = ray_service["spec"]["rayClusterConfig"]
    options = cluster["autoscalerOptions"]
    assert cluster["enableInTreeAutoscaling"]
    assert options["version"] == "v2"
    assert options["securityContext"]["readOnlyRootFilesystem"]
    assert {"cpu", "memory"} <= options["resources"]["limits"].keys()
    # What it mounts must be a volume of the head's pod.
    volumes = {volume["name"] for volume in cluster["headGroupSpec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in options["volumeMounts"]} <= volumes
    # Version 2 wants pods that do not restart under it.
    assert all(template["spec"]["restartPolicy"] == "Never" for template in _ray_templates(ray_service))


def _ray_templates(ray_service: Document) -> list[Document]:
    cluster = ray_service["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]


def test_what_ray_and_the_engines_write_is_on_a_volume(ray_service: Document) -> None:
    for template in _ray_templates(ray_service):
        [container] = template["spec"]["containers"]
        writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert {"/tmp", "/dev/shm", HOME} <= writable
        assert {"name": "HOME", "value": HOME} in container["env"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]}


def test_the_object_store_fits_its_volume(ray_service: Document) -> None:
    cluster = ray_service["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        [volume] = [volume for volume in group["template"]["spec"]["volumes"] if volume["name"] == "shm"]
        size = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 2**30
        assert int(group["rayStartParams"]["object-store-memory"]) < size


def test_metrics_are_exported_on_the_port_that_is_scraped(documents: list[Document], ray_service: Document) -> None:
    [monitor] = [document for document in documents if document["kind"] == "PodMonitor"]
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    cluster = ray_service["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        ports = {port["name"]: port["containerPort"] for port in group["template"]["spec"]["containers"][0]["ports"]}
        assert str(ports[endpoint["port"]]) == group["rayStartParams"]["metrics-export-port"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= group["template"]["metadata"]["labels"].items()


def test_ray_wants_a_token_and_the_service_a_key(documents: list[Document], ray_service: Document) -> None:
    assert ray_service["spec"]["rayClusterConfig"]["authOptions"] == {"mode": "token"}
    [settings] = [
        document for document in documents if document["kind"] == "ConfigMap" and "MODEL_DIR" in document["data"]
    ]
    assert settings["data"]["API_KEY_REQUIRED"] == "true"
    for template in _ray_templates(ray_service):
        assert {"secretRef": {"name": "quorum-keys"}} in template["spec"]["containers"][0]["envFrom"]


def test_every_setting_is_a_variable_that_the_application_reads(documents: list[Document]) -> None:
    from deployments.config.layers import VARIABLES

    [settings] = [
        document for document in documents if document["kind"] == "ConfigMap" and "MODEL_DIR" in document["data"]
    ]
    read = {variable.name for variable in VARIABLES} | serve_proxies.ENVIRONMENT.keys()
    assert settings["data"].keys() <= read
    assert settings["data"].items() >= serve_proxies.ENVIRONMENT.items()


def test_no_secret_is_written(documents: list[Document]) -> None:
    assert not [document for document in documents if document["kind"] == "Secret"]
    for name, value in _environment(documents):
        if re.search("KEYS?$|TOKEN|PASSWORD|SECRET", name):
            assert value is None, f"{name} stands in the file"


def _environment(node: object) -> list[tuple[str, str | None]]:
    """Every variable with its literal value, or None when that comes from elsewhere."""
    if isinstance(node, list):
        return [pair for item in node for pair in _environment(item)]
    if not isinstance(node, dict):
        return []
    own = [(entry["name"], entry.get("value")) for entry in node.get("env", []) if isinstance(entry, dict)]
    return own + [pair for value in node.values() for pair in _environment(value)]


def test_every_image_has_a_fixed_tag(pod_templates: list[Document]) -> None:
    images = {container["image"] for template in pod_templates for container in template["spec"]["containers"]}
    assert all(re.fullmatch(r"[a-z0-9./-]+:[a-z0-9][a-z0-9.-]*", image) for image in images)
    assert not [image for image in images if image.endswith(":latest")]


def _images(text: str) -> set[str]:
    return set(re.findall(r"^ +(?:- )?image: (\S+)$", text, re.MULTILINE))


def test_a_digest_pins_the_image_of_its_stage_and_no_other(overlay: str) -> None:
    digests = {name: f"sha256:{number:064x}" for number, name in enumerate(images(OVERLAYS[overlay]))}
    for image in _images(manifests(overlay, digests=digests)):
        name = "redis" if image.startswith("redis:") else image.partition("@")[0].rpartition("-")[2]
        assert image.endswith(f"@{digests[name]}")


@pytest.mark.parametrize("wrong", ["latest", "sha256:abc", "0" * 64, "sha512:" + "0" * 128])
def test_what_is_no_digest_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidRequest, match="imagetools"):
        Release("quorum", "2", "2.60.0", digests={"cpu": wrong})


def test_the_command_names_the_images_that_have_a_tag_alone() -> None:
    application = typer.Typer()
    render.register(application)
    pinned = ["--digest", f"cpu=sha256:{0:064x}"]
    said = CliRunner().invoke(application, ["render", "kuberay", "--overlay", "ha", *pinned])
    assert said.exit_code == 0
    loose = re.search("a tag alone, which can point to another image later: (.*)", said.stderr)
    assert loose is not None
    assert [image.partition(":")[0] for image in loose[1].split(", ")] == ["quorum", "redis"]
    silent = CliRunner().invoke(application, ["render", "kuberay", "--overlay", "cpu", *pinned])
    assert (silent.exit_code, silent.stderr) == (0, "")
    unknown = CliRunner().invoke(application, ["render", "kuberay", "--overlay", "cpu", "--digest", "tpu=sha256:0"])
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "no image of tpu" in unknown.stderr


@pytest.mark.processes
def test_redis_asks_for_the_password_and_nobody_sees_it_among_the_processes(tmp_path: Path) -> None:
    [redis] = [document for document in yaml.safe_load_all(manifests("ha")) if document["kind"] == "StatefulSet"]
    [container] = redis["spec"]["template"]["spec"]["containers"]
    shell, option, script = container["args"]
    port = free_port()
    here = script.replace("/data", str(tmp_path)).replace("appendonly yes", f"appendonly yes\nport {port}")
    environment = {**os.environ, "REDIS_PASSWORD": "hunter2"}
    with subprocess.Popen([shell, option, here], env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            assert ask(port, "PING").startswith("-NOAUTH")
            assert ask(port, "AUTH wrong").startswith("-WRONGPASS")
            assert ask(port, "AUTH hunter2") == "+OK"
            assert "hunter2" not in " ".join(psutil.Process(server.pid).cmdline())
            assert psutil.Process(server.pid).name() == "redis-server", "it takes signals itself"
        finally:
            server.terminate()
    assert list(tmp_path.glob("appendonlydir/*"))


def ask(port: int, command: str) -> str:
    """The first line of the answer; the server may need a moment to be there."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.makefile().readline().strip()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_head_carries_no_requests(ray_service: Document) -> None:
    assert ray_service["spec"]["excludeHeadPodFromServeSvc"]
    assert ray_service["spec"]["rayClusterConfig"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_every_selector_finds_a_pod(documents: list[Document], pod_templates: list[Document]) -> None:
    known = [template["metadata"]["labels"] for template in pod_templates]
    for document in documents:
        if document["kind"] not in ("PodDisruptionBudget", "NetworkPolicy", "StatefulSet", "PodMonitor"):
            continue
        selector = document["spec"].get("selector") or document["spec"]["podSelector"]
        assert any(selected(selector, labels) for labels in known), document["metadata"]["name"]


def test_every_group_of_workers_may_lose_one_pod_at_a_time(documents: list[Document], ray_service: Document) -> None:
    budgets = [document["spec"] for document in documents if document["kind"] == "PodDisruptionBudget"]
    for template in _ray_templates(ray_service):
        labels = template["metadata"]["labels"].items()
        [budget] = [budget for budget in budgets if budget["selector"]["matchLabels"].items() <= labels]
        assert budget["maxUnavailable"] == 1


def test_all_pods_are_closed_but_for_what_the_policies_open(
    documents: list[Document], pod_templates: list[Document]
) -> None:
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    for template in pod_templates:
        directions = {
            direction
            for policy in policies
            if selected(policy["podSelector"], template["metadata"]["labels"])
            for direction in policy["policyTypes"]
        }
        assert directions == {"Ingress", "Egress"}


def test_the_head_notices_soon_that_a_node_is_gone(ray_service: Document) -> None:
    [ray, *_] = ray_service["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert {one["name"]: one.get("value") for one in ray["env"]}.items() >= failure_detection.ENVIRONMENT.items()


def test_with_ha_the_head_and_the_application_keep_their_state_in_redis() -> None:
    [service] = [document for document in yaml.safe_load_all(manifests("ha")) if document["kind"] == "RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    assert cluster["gcsFaultToleranceOptions"]["redisAddress"] == "redis://quorum-redis:6379"
    for template in _ray_templates(service):
        environment = [entry["name"] for entry in template["spec"]["containers"][0]["env"]]
        # Kubernetes puts in only what stands before.
        assert environment.index("QUORUM_REDIS_PASSWORD") < environment.index("REDIS_URL")


def test_a_claim_with_models_is_mounted_read_only_where_engines_look() -> None:
    overlay = OVERLAYS["cpu"]
    [service] = [
        document
        for document in documents(
            overlay, {}, Release("registry.example/quorum", "2", "2.60.0", models="weights"), Outside()
        )
        if document["kind"] == "RayService"
    ]
    for template in _ray_templates(service):
        assert template["spec"]["containers"][0]["image"].startswith("registry.example/quorum:2-")
        assert {"name": "models", "mountPath": "/models", "readOnly": True} in template["spec"]["containers"][0][
            "volumeMounts"
        ]
        claim = {"name": "models", "persistentVolumeClaim": {"claimName": "weights", "readOnly": True}}
        assert claim in template["spec"]["volumes"]


@pytest.mark.parametrize("wrong", [{"cpu": 0}, {"gpus": -1}, {"store_gib": 8}, {"store_gib": 0}])
def test_a_size_that_is_not_possible_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not possible"):
        Size(**{"cpu": 1, "memory_gib": 8, "store_gib": 2, **wrong})


def test_without_the_prometheus_operator_nothing_of_its_kinds_is_written() -> None:
    kinds = {document["apiVersion"] for document in yaml.safe_load_all(manifests("cpu", monitored=False))}
    assert "monitoring.coreos.com/v1" not in kinds
    assert "ray.io/v1" in kinds


def test_only_the_incremental_overlay_hands_requests_over_by_steps(overlay: str, ray_service: Document) -> None:
    strategy = ray_service["spec"]["upgradeStrategy"]
    if overlay != "incremental":
        assert strategy == {"type": "NewCluster"}
        return
    assert strategy["type"] == "NewClusterWithIncrementalUpgrade"
    options = strategy["clusterUpgradeOptions"]
    assert 0 < options["stepSizePercent"] <= options["maxSurgePercent"] < 100
    assert ray_service["spec"]["rayClusterConfig"]["enableInTreeAutoscaling"], "KubeRay asks for it"


def test_the_class_of_the_gateway_is_ones_own_where_there_is_one() -> None:
    text = manifests("incremental", gateway_class="eg")
    assert "gatewayClassName: eg\n" in text
    with pytest.raises(InvalidRequest, match="ha uses no gateway"):
        manifests("ha", gateway_class="eg")


@pytest.mark.parametrize("wrong", [{"step_percent": 0}, {"step_percent": 60}, {"interval_s": 0}, {"gateway_class": ""}])
def test_steps_that_kuberay_does_not_take_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="KubeRay"):
        IncrementalUpgrade(**wrong)
