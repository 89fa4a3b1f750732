"""The Serve class that hosts any engine. One deployment per engine, one engine per replica."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ray

import engines
from cluster.weights import models
from deployments.config.gpu_fractions import fraction_mismatch
from deployments.config.schema import EngineConfig
from deployments.engine.hosting import EngineHost, ReplicaResources, wanted_handwriting
from deployments.messages.answers import EngineAnswer
from deployments.messages.deadlines import deadline_here
from deployments.messages.request import RecognitionOptions
from deployments.messages.states import EngineState
from deployments.replica.processors import cores
from deployments.replica.runtime import ReplicaRuntime, ReplicaSettings, shares_of_own_node
from engines.devices.gpu import total_memory_bytes
from ocr import LoadOptions, SegmentedPage
from ocr.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class SharedEngineSettings:
    """What all engines of the application have in common."""

    replica: ReplicaSettings
    program_environment: Mapping[str, str]
    gpu_memory_mb: int | None


class EngineReplica:
    """A replica of one engine. `read` may be called by many requests at once; their crops share batches."""

    def __init__(self, config: EngineConfig, model_dir: Path, cache_dir: Path, shared: SharedEngineSettings) -> None:
        runtime = ReplicaRuntime(shared.replica)
        self._config_watcher = runtime.watch_config()
        context = ray.get_runtime_context()
        assigned = context.get_assigned_resources()
        resources = ReplicaResources(
            cpus=float(assigned.get("CPU", 0.0)),
            gpu_fraction=float(assigned.get("GPU", 0.0)),
            memory_mb=float(assigned.get("memory", 0.0)) / 1e6,
            node=context.get_node_id(),
            cores=cores(),
        )
        mismatch = fraction_mismatch(config.name, config.gpu, resources.gpu_fraction)
        os.environ.update(shared.program_environment)
        # Ray sets OMP_NUM_THREADS to the replica's CPUs, at least 1; the frameworks read it when they are imported.
        os.environ["OMP_NUM_THREADS"] = str(config.threads)
        spec = engines.spec(config.name)

        def held() -> ReplicaResources:
            if resources.gpu_fraction == 0.0 or shared.gpu_memory_mb is None:
                return resources
            return resources.within(shared.gpu_memory_mb, total_memory_bytes() / 1e6)

        def options() -> LoadOptions:
            if mismatch:
                raise EngineUnavailable(mismatch, "deploy the file again")
            store, cache = model_dir.expanduser(), cache_dir.expanduser()
            model = models.resolve(spec.name, config.model, model_dir=store, cache_dir=cache)
            device = "cuda" if resources.gpu_fraction > 0.0 else "cpu"
            handwriting = wanted_handwriting(spec, config.handwriting)
            return LoadOptions(
                model,
                config.languages,
                config.threads,
                device,
                held().gpu_fraction,
                config.runtime,
                cache,
                models.resolve_handwriting(spec.name, handwriting, model, model_dir=store),
            )

        self._host = EngineHost(
            spec,
            options,
            resources,
            batch_size=config.batch_size,
            memory_limit_mb=config.memory_limit_mb,
            hung_after_s=config.hung_after_s,
            record=runtime.record,
            shares=shares_of_own_node(),
        )

    async def read(
        self,
        page: SegmentedPage,
        indices: Sequence[int],
        options: RecognitionOptions,
        deadline: float,
        sent_at: float,
    ) -> EngineAnswer:
        """The engine's hypotheses for the crops at `indices`. `deadline` is wall-clock time in epoch seconds, `sent_at`
        when the call left, by the same clock.
        """
        return await self._host.read(page, indices, options, deadline_here(deadline, sent_at, time.time()))

    async def state(self) -> EngineState:
        return self._host.state()

    async def check_health(self) -> None:
        self._host.check_health()
