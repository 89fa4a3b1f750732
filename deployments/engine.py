"""The Serve shell that hosts any engine. One deployment per engine, one engine per replica."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import ray

import engines
from cluster import models
from deployments.config import EngineConfig
from deployments.hosting import EngineHost, Share
from deployments.logs import configure_logging
from deployments.messages import EngineAnswer, EngineState, Question
from ocr import LoadOptions, SegmentedPage


class EngineReplica:
    """A replica of one engine. `read` may be called by many requests at once; their crops share batches."""

    def __init__(self, config: EngineConfig, model_dir: Path, cache_dir: Path, log_level: str) -> None:
        configure_logging(log_level)
        share = _assigned_share()
        # Ray sets OMP_NUM_THREADS to the replica's CPUs, at least 1; the frameworks read it when they are imported.
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
        spec = engines.spec(config.name)

        def options() -> LoadOptions:
            model = models.resolve(
                spec.name, config.model, model_dir=model_dir.expanduser(), cache_dir=cache_dir.expanduser()
            )
            return LoadOptions(
                model,
                config.languages,
                config.threads,
                "cuda" if share.gpu_fraction > 0 else "cpu",
                share.gpu_fraction,
            )

        self._host = EngineHost(
            spec,
            options,
            share,
            batch_size=config.batch_size,
            memory_limit_mb=config.memory_limit_mb,
            hung_after_s=config.hung_after_s,
        )

    async def read(
        self, page: SegmentedPage, indices: Sequence[int], question: Question, deadline: float
    ) -> EngineAnswer:
        """The engine's hypotheses for the crops at `indices`. `deadline` is wall-clock time in epoch seconds."""
        return await self._host.read(page, indices, question, deadline)

    async def state(self) -> EngineState:
        return self._host.state()

    async def check_health(self) -> None:
        self._host.check_health()


def _assigned_share() -> Share:
    assigned = ray.get_runtime_context().get_assigned_resources()
    return Share(cpus=float(assigned.get("CPU", 0.0)), gpu_fraction=float(assigned.get("GPU", 0.0)))
