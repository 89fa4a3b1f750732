"""The Serve application: `import_path: deployments.app:build`.

    serve run deployments.app:build                     one machine, defaults
    serve run serve_config.cpu.yaml                     the same, written out
    serve deploy serve_config.yaml                      a cluster with GPUs

The only place where classes become deployments. Serve reads the type of `args` from the annotation itself, so this
file does without `from __future__ import annotations`, which would leave it a string.
"""

import importlib.metadata
import os
from collections.abc import Iterable

from ray import serve
from ray.serve import Application

import engines
from deployments.config.deployment_names import GATEWAY, JOB_WORKER, ROUTER, SEGMENTATION
from deployments.config.layers import read_dotenv, resolve_settings
from deployments.config.schema import ClusterConfig, EngineConfig
from deployments.engine.deployment import EngineReplica, SharedEngineSettings
from deployments.gateway.deployment import GatewayReplica
from deployments.job_worker.deployment import JobWorkerReplica
from deployments.messages.capabilities import Capabilities
from deployments.placement import one_machine, with_arguments
from deployments.replica.runtime import ReplicaSettings
from deployments.router.deployment import RouterReplica
from deployments.segmentation.deployment import SegmentationReplica
from ocr import EngineSpec
from ocr.errors import OutOfRange


def build(args: ClusterConfig) -> Application:
    """The whole application. `args` is what the configuration file says under `args:`."""
    settings = resolve_settings(args, os.environ, read_dotenv(os.environ))
    config = settings.config
    specs = {engine.name: engines.spec(engine.name) for engine in config.engines}
    _require_distinct(specs.values())
    capabilities = Capabilities.of(config, specs.values())
    options = with_arguments(
        one_machine(specs.values()), config, {engine.name: specs[engine.name].name for engine in config.engines}
    )
    replica_settings = ReplicaSettings.of(config)
    given = SharedEngineSettings(replica_settings, config.program_environment, config.gpu_memory_mb)
    segmentation = serve.deployment(SegmentationReplica).options(name=SEGMENTATION, **options[SEGMENTATION])
    router = serve.deployment(RouterReplica).options(name=ROUTER, **options[ROUTER])
    gateway = serve.deployment(GatewayReplica).options(name=GATEWAY, **options[GATEWAY])
    job_worker = serve.deployment(JobWorkerReplica).options(name=JOB_WORKER, **options[JOB_WORKER])

    def engine_application(engine: EngineConfig) -> Application:
        name = specs[engine.name].name
        deployment = serve.deployment(EngineReplica).options(name=name, **options[name])
        engine_config = engine.model_copy(update={"batch_size": engine.batch_size or config.batch_size})
        return deployment.bind(engine_config, config.model_dir, config.cache_dir, given)

    reading = router.bind(
        segmentation.bind(config.segmentation, config.model_dir, config.cache_dir, replica_settings),
        {specs[engine.name].name: engine_application(engine) for engine in config.engines},
        capabilities,
        replica_settings,
    )
    return gateway.bind(
        reading,
        job_worker.bind(reading, settings, capabilities),
        settings,
        capabilities,
        importlib.metadata.version("quorum-ocr"),
    )


def _require_distinct(specs: Iterable[EngineSpec]) -> None:
    """The same engine under two names would be one deployment and count twice."""
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise OutOfRange(f"an engine is configured twice: {', '.join(names)}", "list each engine once")
