"""All documents of one overlay, in the order in which they are applied.

Secrets are named and never written: docs/kubernetes.md has the commands that make them. What the Prometheus operator
reads is made in monitoring.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from cluster import pools
from cluster.kuberay.overlays import HEAD, Overlay, Pool
from cluster.kuberay.pods import (
    APP,
    HOME,
    METRICS_PORT,
    REDIS,
    SETTINGS,
    Document,
    labels,
    locked_down,
    ray_pod,
    ray_start,
    unprivileged,
)
from cluster.local import failure_detection

_REDIS_IMAGE = "redis:7.4-alpine"
_SERVE_PORT = 8000


@dataclass(frozen=True, slots=True)
class Release:
    """What is deployed: the image's repository and tag, which Ray it holds, and a claim with models, if any.

    The stages of an image are told apart by the end of the tag: `quorum:0.1.0-gpu`.
    """

    image: str
    tag: str
    ray_version: str
    models: str | None = None

    def of(self, stage: str) -> str:
        return f"{self.image}:{self.tag}-{stage}"


def documents(overlay: Overlay, serve_config: Mapping[str, Any], release: Release) -> list[Document]:
    """Every document but what monitoring.py adds."""
    redis = [_redis(), _redis_service()] if overlay.redis else []
    return [
        _settings(),
        *redis,
        _ray_service(overlay, serve_config, release),
        *_disruption_budgets(overlay),
        *_network_policies(overlay),
    ]


def _settings() -> Document:
    """What is no secret. Keys come from the secret `quorum-keys`: API_KEYS and ADMIN_API_KEYS."""
    data = {
        "API_KEY_REQUIRED": "true",
        "MODEL_DIR": "/models",
        "CACHE_DIR": f"{HOME}/.cache/quorum",
        "STATE_DIR": f"{HOME}/.local/state/quorum",
        "LOG_LEVEL": "INFO",
        "QUORUM_PRESET": "production",
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named(SETTINGS), "data": data}


def _ray_service(overlay: Overlay, serve_config: Mapping[str, Any], release: Release) -> Document:
    cluster: Document = {
        "rayVersion": release.ray_version,
        "authOptions": {"mode": "token"},  # the operator makes the token, a secret of its own
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": _autoscaler(),
        "headGroupSpec": _head(release, redis=overlay.redis),
        "workerGroupSpecs": [_workers(pool, release, redis=overlay.redis) for pool in overlay.pools],
    }
    if overlay.redis:
        password = {"valueFrom": {"secretKeyRef": {"name": REDIS, "key": "password"}}}
        cluster["gcsFaultToleranceOptions"] = {"redisAddress": "redis://quorum-redis:6379", "redisPassword": password}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": _named(APP),
        "spec": {
            # A changed cluster is started beside the old one, which serves until the new one is ready.
            "upgradeStrategy": {"type": "NewCluster"},
            # The head has no replicas: its death must not cut a request.
            "excludeHeadPodFromServeSvc": True,
            "rayClusterDeletionDelaySeconds": 120,
            "serveConfigV2": yaml.safe_dump(dict(serve_config), sort_keys=False),
            "rayClusterConfig": cluster,
        },
    }


def _autoscaler() -> Document:
    """The container that the operator puts beside the head. It writes to the head's /tmp and nowhere else."""
    return {
        "version": "v2",
        "idleTimeoutSeconds": 300,
        "securityContext": locked_down(),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the pod's own
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
    }


def _head(release: Release, *, redis: bool) -> Document:
    pod = ray_pod("head", release.of("cpu"), HEAD, models=release.models, redis=redis)
    container = pod["spec"]["containers"][0]
    container["env"] += [{"name": name, "value": value} for name, value in failure_detection.ENVIRONMENT.items()]
    container["ports"] += [
        {"name": "gcs", "containerPort": 6379},
        {"name": "dashboard", "containerPort": 8265},
        {"name": "client", "containerPort": 10001},
    ]
    # No CPUs to give away: replicas stay off the head.
    options = ray_start(HEAD, **{"num-cpus": "0", "dashboard-host": "0.0.0.0"})  # noqa: S104 - a pod serves its network
    return {"serviceType": "ClusterIP", "rayStartParams": options, "template": pod}


def _workers(pool: Pool, release: Release, *, redis: bool) -> Document:
    pod = ray_pod(f"worker-{pool.name}", release.of(pool.stage), pool.size, models=release.models, redis=redis)
    container = pod["spec"]["containers"][0]
    container["ports"].append({"name": "serve", "containerPort": _SERVE_PORT})
    # The proxy on the node, which also says when Serve is emptying it. Not the application's /ready: that is the same
    # everywhere, and would take all pods out at once where callers should get its 503 with Retry-After.
    container["readinessProbe"]["httpGet"] = {"path": "/-/healthz", "port": _SERVE_PORT}
    return {
        "groupName": pool.name,
        "replicas": pool.least,
        "minReplicas": pool.least,
        "maxReplicas": pool.most,
        "labels": {pools.LABEL: pool.name},
        "rayStartParams": ray_start(pool.size),
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
            "spec": {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",  # a worker without replicas is never ready
                "selector": {"matchLabels": labels(part)},
            },
        }
        for part in parts
    ]


def _network_policies(overlay: Overlay) -> list[Document]:
    """Everything is closed but this: Ray among its own pods, HTTP from this namespace and ingress-nginx, metrics for
    monitoring, the operator, names from the cluster's DNS, and Kubernetes' own interface for the autoscaler.
    """
    ours = {"podSelector": {"matchLabels": {"app.kubernetes.io/part-of": APP}}}
    policies = [
        _policy(
            APP,
            {"app.kubernetes.io/part-of": APP},
            ingress=[
                {"from": [ours]},
                {
                    "from": [{"namespaceSelector": _names_of("ingress-nginx")}, {"podSelector": {}}],
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
