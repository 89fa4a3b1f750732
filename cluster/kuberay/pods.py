"""Pods of the Ray cluster: one hardened form for head and workers.

Not root, a read-only root, no privileges, no service account token. What Ray and the engines write goes to empty or
memory-backed volumes: /tmp (Ray's session), the home directory's caches, /dev/shm (the object store).
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

APP = "quorum"
KEYS = "quorum-keys"
REDIS = "quorum-redis"
SETTINGS = "quorum-settings"
USER = 1000
METRICS_PORT = 8080

# What may be written, and how much of it; the rest of the file system is read-only.
_WRITABLE = {"tmp": ("/tmp", "10Gi"), "home": ("/home/ray", "5Gi")}  # noqa: S108 - the pod's own, not shared


def labels(part: str) -> dict[str, str]:
    """The labels by which everything here finds its pods."""
    return {"app.kubernetes.io/name": APP, "app.kubernetes.io/component": part, "app.kubernetes.io/part-of": APP}


def ray_pod(
    part: str,
    image: str,
    *,
    cpu: int,
    memory: str,
    gpus: int = 0,
    store: str = "2Gi",
    models: str | None = "quorum-models",
) -> Document:
    """A pod template for the head or a worker of Ray. `store` is the size of /dev/shm, `models` a claim with models."""
    amounts: dict[str, Any] = {"cpu": str(cpu), "memory": memory}
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    container = {
        "name": "ray",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": dict(amounts), "limits": dict(amounts)},
        "securityContext": locked_down(),
        "envFrom": [{"configMapRef": {"name": SETTINGS}}, {"secretRef": {"name": KEYS, "optional": True}}],
        "env": [
            {"name": "HOME", "value": "/home/ray"},
            {"name": "RAY_metrics_export_port", "value": str(METRICS_PORT)},
        ],
        "ports": [{"name": "metrics", "containerPort": METRICS_PORT}],
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, (path, _) in _WRITABLE.items()),
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            {"name": "models", "mountPath": "/models", "readOnly": True},
        ],
        # Replicas finish what they read before the pod goes; Serve takes the node out of the service first.
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 10; ray stop"]}}},
    }
    return {
        "metadata": {"labels": labels(part)},
        "spec": {
            "automountServiceAccountToken": part == "head",  # the autoscaler beside the head asks Kubernetes for pods
            "securityContext": unprivileged(),
            "terminationGracePeriodSeconds": 60,
            "topologySpreadConstraints": [_spread(part)],
            "containers": [container],
            "volumes": [*_volumes(store), _models(models)],
            **(
                {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]}
                if gpus
                else {}
            ),
        },
    }


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


def _volumes(store: str) -> list[Document]:
    written = [{"name": name, "emptyDir": {"sizeLimit": size}} for name, (_, size) in _WRITABLE.items()]
    return [*written, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": store}}]


def _models(claim: str | None) -> Document:
    """Where official models lie: a claim filled by `quorum models unpack`, or nothing (the image's own)."""
    if claim is None:
        return {"name": "models", "emptyDir": {}}
    return {"name": "models", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
