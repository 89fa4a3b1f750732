"""All documents of one overlay, in the order in which they are applied.

Secrets are named and never written: docs/kubernetes.md has the commands that make them. Who may talk to whom is said in
network.py, what the Prometheus operator reads is made in monitoring.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster import node_pools, serve_proxies
from cluster.kuberay.network import Outside, policies
from cluster.kuberay.overlays import HEAD, IncrementalUpgrade, Overlay, Pool
from cluster.kuberay.pods import (
    APP,
    HOME,
    JOBS,
    REDIS,
    SERVE_PORT,
    SETTINGS,
    Document,
    labels,
    locked_down,
    named,
    ray_pod,
    ray_start,
    unprivileged,
)
from cluster.local import failure_detection
from ocr.errors import InvalidRequest

_HEAD_STAGE = "cpu"
_IMAGES = Path(__file__).parents[1] / "docker" / "images.env"
# Under which names others ask in the cluster; 127.0.0.1, through a forwarded port, is always known.
_HOSTS = ("quorum-serve-svc", "*.svc", "*.svc.cluster.local")
# The password comes on standard input, because everybody on the host can read the arguments of a process.
_REDIS_START = """\
exec redis-server - <<END
dir /data
appendonly yes
appendfsync always
requirepass "$REDIS_PASSWORD"
END
"""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Release:
    """What is deployed: the image's repository and tag, which Ray it holds, and a claim with models, if any.

    The stages of an image are told apart by the end of the tag: `quorum:0.2.0-gpu`. `digests` pins them, and `redis`,
    whose image is in images.env: whatever a tag means tomorrow, a digest means the same bytes. Raises InvalidRequest
    for a digest that is none.
    """

    image: str
    tag: str
    ray_version: str
    models: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stage, digest in self.digests.items():
            if not _DIGEST.fullmatch(digest):
                raise InvalidRequest(
                    f"the digest of {stage} is {digest!r}",
                    "take it from `docker buildx imagetools inspect IMAGE`: sha256: and 64 hexadecimal digits",
                )

    def reference(self, name: str) -> str:
        """The image of a stage of the Dockerfile, or of `redis`."""
        tagged = _redis_image() if name == "redis" else f"{self.image}:{self.tag}-{name}"
        return f"{tagged.partition('@')[0]}@{self.digests[name]}" if name in self.digests else tagged


def _redis_image() -> str:
    [found] = re.findall(r"^REDIS_IMAGE=(\S+)$", _IMAGES.read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def images(overlay: Overlay) -> list[str]:
    """What an overlay needs an image of: stages of the Dockerfile, and `redis`."""
    stages = {_HEAD_STAGE, *(pool.stage for pool in overlay.pools)}
    return [*sorted(stages), *(["redis"] if overlay.redis else [])]


def documents(overlay: Overlay, serve_config: Mapping[str, Any], release: Release, outside: Outside) -> list[Document]:
    """Every document but what monitoring.py adds."""
    redis = [_redis(release.reference("redis")), _redis_service(), _jobs_claim()] if overlay.redis else []
    return [
        _settings(outside),
        *redis,
        _ray_service(overlay, serve_config, release),
        *_disruption_budgets(overlay),
        *policies(outside, redis=overlay.redis),
    ]


def _settings(outside: Outside) -> Document:
    """What is no secret. Keys come from the secret `quorum-keys`: API_KEYS and ADMIN_API_KEYS."""
    data = {
        "API_KEY_REQUIRED": "true",
        "MODEL_DIR": "/models",
        "CACHE_DIR": f"{HOME}/.cache/quorum",
        "STATE_DIR": f"{HOME}/.local/state/quorum",
        "LOG_LEVEL": "INFO",
        "QUORUM_PRESET": "production",
        "ALLOWED_HOSTS": ",".join(_HOSTS),
        **serve_proxies.ENVIRONMENT,
        **outside.settings(),
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named(SETTINGS), "data": data}


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
        "metadata": named(APP),
        "spec": {
            "upgradeStrategy": _upgrade_strategy(overlay.upgrade),
            # The head has no replicas: its death must not cut a request.
            "excludeHeadPodFromServeSvc": True,
            "rayClusterDeletionDelaySeconds": 120,
            "serveConfigV2": yaml.safe_dump(dict(serve_config), sort_keys=False),
            "rayClusterConfig": cluster,
        },
    }


def _upgrade_strategy(upgrade: IncrementalUpgrade | None) -> Document:
    """A changed cluster is started beside the old one, which serves until that is ready or hands over by steps."""
    if upgrade is None:
        return {"type": "NewCluster"}
    return {
        "type": "NewClusterWithIncrementalUpgrade",
        "clusterUpgradeOptions": {
            "gatewayClassName": upgrade.gateway_class,
            "stepSizePercent": upgrade.step_percent,
            "intervalSeconds": upgrade.interval_s,
            "maxSurgePercent": upgrade.surge_percent,
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
    pod = ray_pod("head", release.reference(_HEAD_STAGE), HEAD, models=release.models, redis=redis)
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
    pod = ray_pod(f"worker-{pool.name}", release.reference(pool.stage), pool.size, models=release.models, redis=redis)
    container = pod["spec"]["containers"][0]
    container["ports"].append({"name": "serve", "containerPort": SERVE_PORT})
    # The proxy on the node, which also says when Serve is emptying it. Not the application's /ready: that is the same
    # everywhere, and would take all pods out at once where callers should get its 503 with Retry-After.
    container["readinessProbe"]["httpGet"] = {"path": "/-/healthz", "port": SERVE_PORT}
    return {
        "groupName": pool.name,
        "replicas": pool.least,
        "minReplicas": pool.least,
        "maxReplicas": pool.most,
        "labels": {node_pools.LABEL: pool.name},
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
            "metadata": named(f"{APP}-{part}"),
            "spec": {
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",  # a worker without replicas is never ready
                "selector": {"matchLabels": labels(part)},
            },
        }
        for part in parts
    ]


def _redis(image: str) -> Document:
    """One Redis with a disk: the head's state, the live configuration, the shared rate limits and the records of jobs.
    What it has acknowledged is on the disk.
    """
    password = {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": REDIS, "key": "password"}}}
    container = {
        "name": "redis",
        "image": image,
        "args": ["sh", "-c", _REDIS_START],
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
        "metadata": named("quorum-redis"),
        "spec": {
            "serviceName": "quorum-redis",
            "replicas": 1,
            "selector": {"matchLabels": labels("redis")},
            "template": pod,
            "volumeClaimTemplates": [claim],
        },
    }


def _jobs_claim() -> Document:
    """The files of jobs, which every pod reads and writes: a storage class that many nodes can mount."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": named(JOBS),
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "100Gi"}}},
    }


def _redis_service() -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": named("quorum-redis"),
        "spec": {
            "clusterIP": "None",
            "selector": labels("redis"),
            "ports": [{"name": "redis", "port": 6379, "targetPort": "redis"}],
        },
    }
