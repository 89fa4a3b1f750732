"""Quorum on Kubernetes: complete manifests for KubeRay, made from a Serve configuration and an overlay.

    quorum render kuberay --overlay gpu | kubectl apply -f -

Every document is a plain dict in Kubernetes' own form. What the application consists of comes in as a Serve
configuration; nothing here knows an engine.
"""

from __future__ import annotations

from cluster.kuberay.manifests import Release, documents
from cluster.kuberay.overlays import OVERLAYS, Overlay

__all__ = ["OVERLAYS", "Overlay", "Release", "documents"]
