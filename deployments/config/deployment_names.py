"""The names of the deployments, in Serve, logs, metrics and traces. An engine's deployment has the engine's name."""

from __future__ import annotations

GATEWAY, ROUTER, SEGMENTATION, JOB_WORKER = "Gateway", "Router", "Segmentation", "JobWorker"
