"""Pods of the Ray cluster: one hardened form for head and workers.

Not root, a read-only root, no privileges, no service account token. What Ray and the engines write goes to empty or
memory-backed volumes: /tmp (Ray's session), the home directory's caches, /dev/shm (the object store). Whatever an image
has below these folders is hidden, so programs and baked-in models lie elsewhere (cluster/docker/Dockerfile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]

APP = "quorum"
KEYS = "quorum-keys"
REDIS = "quorum-redis"
JOBS = "quorum-jobs"
JOBS_PATH = "/jobs"
SETTINGS = "quorum-settings"
USER = 1000
HOME = "/home/ray"
SERVE_PORT = 8000
METRICS_PORT = 8080
_AGENT_PORT = 52365

# What may be written, and how much of it; the rest of the file system is read-only.
WRITABLE = {"tmp": ("/tmp", "10Gi"), "home": (HOME, "5Gi")}  # noqa: S108 - the pod's own, not shared


@dataclass(frozen=True, slots=True)
class Size:
    """What one pod asks for, and may not exceed. `store_gib` of its memory are the object store; `gpus` whole cards."""

    cpu: int
    memory_gib: int
    store_gib: int
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.cpu < 1 or self.gpus < 0 or not 0 < self.store_gib < self.memory_gib:
            raise ValueError(f"{self} is not possible: expected a CPU or more, and a store smaller than the memory")

    def amounts(self) -> dict[str, str]:
        """In Kubernetes' own units."""
        gpus = {"nvidia.com/gpu": str(self.gpus)} if self.gpus else {}
        return {"cpu": str(self.cpu), "memory": f"{self.memory_gib}Gi", **gpus}


def labels(part: str) -> dict[str, str]:
    """The labels by which everything here finds its pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/component": part, "app.kubernetes.io/part-of": APP}


def named(name: str) -> Document:
    """The metadata of a document."""
    return {"name": name, "labels": {"app.kubernetes.io/name": APP, "app.kubernetes.io/part-of": APP}}


def ray_pod(part: str, image: str, size: Size, *, models: str | None, redis: bool) -> Document:
    """A pod template for the head or a worker of Ray. `models` is a claim with official models; without one the image's
    own /models counts. With `redis` the application keeps its configuration, limits and jobs there, and the files of
    jobs on a volume that all pods share.
    """
    volumes = _volumes(size.store_gib)
    mounts: list[Document] = [
        *({"name": name, "mountPath": path} for name, (path, _) in WRITABLE.items()),
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
    ]
    if models is not None:
        volumes.append({"name": "models", "persistentVolumeClaim": {"claimName": models, "readOnly": True}})
        mounts.append({"name": "models", "mountPath": "/models", "readOnly": True})
    if redis:
        volumes.append({"name": "jobs", "persistentVolumeClaim": {"claimName": JOBS}})
        mounts.append({"name": "jobs", "mountPath": JOBS_PATH})
    amounts = size.amounts()
    container = {
        "name": "ray",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "securityContext": locked_down(),
        # Keys are needed: a pod without the secret waits for it, instead of serving everybody.
        "envFrom": [{"configMapRef": {"name": SETTINGS}}, {"secretRef": {"name": KEYS}}],
        "env": [{"name": "HOME", "value": HOME}, *(_redis_address() if redis else [])],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "volumeMounts": mounts,
        **_probes(),
        # Replicas finish what they read before the pod goes; Serve takes the node out of the service first.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 10; ray stop"]}}},
    }
    spec: Document = {
        "automountServiceAccountToken": part == "head",  # the autoscaler beside the head asks Kubernetes for pods
        "restartPolicy": "Never",  # the autoscaler (v2) replaces pods; one that restarts under it is counted twice
        "securityContext": unprivileged(),
        "terminationGracePeriodSeconds": 60,
        "topologySpreadConstraints": [_spread(part)],
        "containers": [container],
        "volumes": volumes,
    }
    if size.gpus:
        spec["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return {"metadata": {"labels": labels(part)}, "spec": spec}


def ray_start(size: Size, **more: str) -> dict[str, str]:
    """Options of `ray start`. The object store must fit its volume, or Ray moves it to the disk under /tmp."""
    store = int(size.store_gib * 0.9 * 2**30)
    return {"metrics-export-port": str(METRICS_PORT), "object-store-memory": str(store), **more}


def _probes() -> Document:
    """The node's own health as its agent tells it, without a token. A worker's readiness is replaced by its proxy's."""
    asked = {"httpGet": {"path": "/api/healthz", "port": _AGENT_PORT}, "timeoutSeconds": 5}
    return {
        "startupProbe": {**asked, "periodSeconds": 5, "failureThreshold": 60},
        "livenessProbe": {**asked, "periodSeconds": 10, "failureThreshold": 12},
        "readinessProbe": {**asked, "periodSeconds": 5, "failureThreshold": 3},
    }


def _redis_address() -> list[Document]:
    """Database 1; the head's state is in database 0. Kubernetes puts the password in, so it must need no escape."""
    secret = {"secretKeyRef": {"name": REDIS, "key": "password"}}
    return [
        {"name": "QUORUM_REDIS_PASSWORD", "valueFrom": secret},
        {"name": "REDIS_URL", "value": "redis://:$(QUORUM_REDIS_PASSWORD)@quorum-redis:6379/1"},
        {"name": "JOBS_FILES", "value": JOBS_PATH},
    ]


def unprivileged() -> Document:
    """The security context of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def locked_down() -> Document:
    """The security context of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _spread(part: str) -> Document:
    """Pods of one group on different hosts where that is possible: a host that dies takes one of them."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels(part)},
    }


def _volumes(store_gib: int) -> list[Document]:
    written = [{"name": name, "emptyDir": {"sizeLimit": size}} for name, (_, size) in WRITABLE.items()]
    return [*written, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{store_gib}Gi"}}]
