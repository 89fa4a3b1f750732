"""All documents of one overlay, in the order in which they are applied.

Secrets are named and never written: docs/kubernetes.md has the commands that make them. What the Prometheus operator
reads is made in monitoring.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cluster.kuberay.overlays import Overlay, Pool
from cluster.kuberay.pods import (
    APP,
    METRICS_PORT,
    REDIS,
    SETTINGS,
    Document,
    labels,
    locked_down,
    ray_pod,
    unprivileged,
)

# The registry is the user's own: `quorum render kuberay --image` says where.
DEFAULT_IMAGE = "quorum"
_REDIS_IMAGE = "redis:7.4-alpine"
_SERVE_PORT = 8000


def documents(
    overlay: Overlay, serve_config: Mapping[str, Any], *, image: str, ray_version: str, tag: str
) -> list[Document]:
    """Every document. `image` is the repository; its stages are told apart by the end of the `tag`."""
    redis = [_redis(), _redis_service()] if overlay.redis else []
    return [
        _settings(overlay),
        *redis,
        _ray_service(overlay, serve_config, f"{image}:{tag}", ray_version),
        *_disruption_budgets(overlay),
        *_network_policies(overlay),
    ]


def _settings(overlay: Overlay) -> Document:
    """What is no secret. Keys come from the secret `quorum-keys`, with the names of docs/configuration.md."""
    data = {
        "MODEL_DIR": "/models",
        "CACHE_DIR": "/home/ray/.cache/quorum",
        "LOG_LEVEL": "INFO",
        "QUORUM_PRESET": "production",
    }
    if overlay.redis:
        data["RAY_gcs_rpc_server_reconnect_timeout_s"] = "300"  # workers wait for a head that comes back
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named(SETTINGS), "data": data}


def _ray_service(overlay: Overlay, serve_config: Mapping[str, Any], image: str, ray_version: str) -> Document:
    cluster: Document = {
        "rayVersion": ray_version,
        "authOptions": {"mode": "token"},
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "idleTimeoutSeconds": 300,
            "securityContext": locked_down(),
            "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
        },
        "headGroupSpec": _head(image),
        "workerGroupSpecs": [_workers(pool, image) for pool in overlay.pools],
    }
    if overlay.redis:
        password = {"valueFrom": {"secretKeyRef": {"name": REDIS, "key": "password"}}}
        cluster["gcsFaultToleranceOptions"] = {"redisAddress": "redis://quorum-redis:6379", "redisPassword": password}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": _named(APP),
        "spec": {
            # The head has no replicas and no proxy: its death must not cut a request.
            "excludeHeadPodFromServeSvc": True,
            "rayClusterDeletionDelaySeconds": 120,
            "serveConfigV2": yaml.safe_dump(dict(serve_config), sort_keys=False),
            "rayClusterConfig": cluster,
        },
    }


def _head(image: str) -> Document:
    pod = ray_pod("head", f"{image}-cpu", cpu=2, memory="8Gi")
    pod["spec"]["containers"][0]["ports"] += [
        {"name": "gcs", "containerPort": 6379},
        {"name": "dashboard", "containerPort": 8265},
        {"name": "client", "containerPort": 10001},
    ]
    # No CPUs to give away: replicas stay off the head.
    return {
        "serviceType": "ClusterIP",
        "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104 - a pod serves its network
        "template": pod,
    }


def _workers(pool: Pool, image: str) -> Document:
    part = f"worker-{pool.name}"
    pod = ray_pod(part, f"{image}-{pool.stage}", cpu=pool.cpu, memory=pool.memory, gpus=pool.gpus, store="4Gi")
    container = pod["spec"]["containers"][0]
    container["ports"].append({"name": "serve", "containerPort": _SERVE_PORT})
    # A worker gets requests when the application says that enough engines are warm, not when its proxy is up.
    container["readinessProbe"] = {
        "httpGet": {"path": "/ready", "port": _SERVE_PORT},
        "periodSeconds": 5,
        "failureThreshold": 3,
        "timeoutSeconds": 5,
    }
    container["startupProbe"] = {
        "exec": {"command": ["/bin/sh", "-c", "ray health-check --skip-version-check || exit 1"]},
        "periodSeconds": 5,
        "failureThreshold": 60,
        "timeoutSeconds": 10,
    }
    return {
        "groupName": pool.name,
        "replicas": pool.least,
        "minReplicas": pool.least,
        "maxReplicas": pool.most,
        "labels": {"pool": pool.name},
        "rayStartParams": {},
        "template": pod,
    }


def _disruption_budgets(overlay: Overlay) -> list[Document]:
    """A drain of nodes may take one pod of a group at a time."""
    parts = ["head", *(f"worker-{pool.name}" for pool in overlay.pools)]
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": _named(f"{APP}-{part}"),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(part)}},
        }
        for part in parts
    ]


def _network_policies(overlay: Overlay) -> list[Document]:
    """Everything is closed but this: Ray among its own pods, HTTP from this namespace and ingress, metrics from
    Prometheus, names from the cluster's DNS, and Kubernetes' own interface for the autoscaler.
    """
    ours = {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": APP}}}
    policies = [
        _policy(
            APP,
            {"app.kubernetes.io/part-of": APP},
            ingress=[
                {"from": [ours]},
                {
                    "from": [{"namespaceSelector": _names_of("ingress")}, {"podSelector": {}}],
                    "ports": _tcp(_SERVE_PORT),
                },
                {"from": [{"namespaceSelector": _names_of("monitoring")}], "ports": _tcp(METRICS_PORT)},
                {"from": [{"namespaceSelector": _names_of("kuberay-operator")}], "ports": _tcp(8265, _SERVE_PORT)},
            ],
            egress=[{"to": [ours]}, {"ports": [{"protocol": "UDP", "port": 53}, *_tcp(53)]}],
        ),
        _policy(f"{APP}-head", labels("head"), egress=[{"ports": _tcp(443, 6443)}]),
    ]
    if overlay.redis:
        policies.append(_policy(f"{APP}-redis", labels("redis"), ingress=[{"from": [ours], "ports": _tcp(6379)}]))
    return policies


def _policy(name: str, pods: dict[str, str], **directions: list[Document]) -> Document:
    kinds = {"ingress": "Ingress", "egress": "Egress"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _named(name),
        "spec": {
            "podSelector": {"matchLabels": pods},
            "policyTypes": [kinds[direction] for direction in directions],
            **directions,
        },
    }


def _names_of(namespace: str) -> Document:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _tcp(*ports: int) -> list[Document]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _redis() -> Document:
    """One Redis with a disk: the head's state, the live configuration and the shared rate limits."""
    password = {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": REDIS, "key": "password"}}}
    container = {
        "name": "redis",
        "image": _REDIS_IMAGE,
        "args": ["sh", "-c", 'exec redis-server --dir /data --appendonly yes --requirepass "$REDIS_PASSWORD"'],
        "env": [password],
        "ports": [{"name": "redis", "containerPort": 6379}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": locked_down(),
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "livenessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 10},
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 5},
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
    }
    pod = {
        "metadata": {"labels": labels("redis")},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": unprivileged(),
            "containers": [container],
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _named("quorum-redis"),
        "spec": {
            "serviceName": "quorum-redis",
            "replicas": 1,
            "selector": {"matchLabels": labels("redis")},
            "template": pod,
            "volumeClaimTemplates": [claim],
        },
    }


def _redis_service() -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _named("quorum-redis"),
        "spec": {
            "clusterIP": "None",
            "selector": labels("redis"),
            "ports": [{"name": "redis", "port": 6379, "targetPort": "redis"}],
        },
    }


def _named(name: str) -> Document:
    return {"name": name, "labels": {"app.kubernetes.io/name": APP, "app.kubernetes.io/part-of": APP}}
