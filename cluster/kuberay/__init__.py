"""Quorum on Kubernetes: complete manifests for KubeRay, made from a Serve configuration and an overlay.

    quorum render kuberay --overlay gpu | kubectl apply -f -

Every document is a plain dict in Kubernetes' own form. What the application consists of comes in as a Serve
configuration; nothing here knows an engine.
"""

from __future__ import annotations

from cluster.kuberay.manifests import Release, documents, images
from cluster.kuberay.network import Outside
from cluster.kuberay.overlays import OVERLAYS, Overlay

__all__ = ["OVERLAYS", "Outside", "Overlay", "Release", "documents", "images"]
