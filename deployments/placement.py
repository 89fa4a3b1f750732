"""How many replicas each deployment has, on which nodes, and what each asks of its node, for the two ways to run: a
cluster, one machine.

Both tables come from the same list of deployments, so they cannot drift: `deployments.app:build` takes its defaults
from `one_machine`, and `python -m deployments.placement` writes serve_config.yaml (`production`) and
serve_config.cpu.yaml. What an engine needs is in its own file, in `EngineSpec.resources`; here is only what its
way of running makes of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

import engines
from cluster import node_pools
from deployments.config.deployment_names import GATEWAY, JOB_WORKER, ROUTER, SEGMENTATION
from deployments.config.layers import PRESETS
from deployments.config.schema import ENGINES, ClusterConfig, EngineConfig, LimitsConfig, SegmentationConfig
from ocr import EngineSpec, NoCard
from ocr.interfaces import Runtime

Options = dict[str, Any]
"""Options of one Serve deployment, as `Deployment.options` and the `deployments:` section of a config file take them.
"""

# A replica takes this many requests at once, lets callers take turns and batches their crops; more wait in the queue of
# the caller's handle, first come first served, and beyond that they are refused at once instead of being answered too
# late. The Gateway takes everything that comes and refuses by itself (admission.py): what Serve's proxy says of a full
# deployment is not in the form of the contract.
_ONGOING = {GATEWAY: 10_000, ROUTER: 128, SEGMENTATION: 64, JOB_WORKER: 64}
_QUEUED = {GATEWAY: -1, ROUTER: 256, SEGMENTATION: 128, JOB_WORKER: 64}
_ENGINE_ONGOING, _ENGINE_QUEUED = 64, 256

# On one machine everything shares the cores, so these are only shares of Ray's bookkeeping: they must add up to less
# than two, or the last deployment never starts (a replica asks for a whole CPU by default).
_ONE_MACHINE_CPUS = {GATEWAY: 0.1, ROUTER: 0.1, SEGMENTATION: 0.2, JOB_WORKER: 0.1}
_ONE_MACHINE_ENGINE_CPUS = 0.25

# Threads of the parts that are worth more than one on a small machine: whoever is still reading when the others are
# done has both cores.
_ONE_MACHINE_THREADS = {"tesseract": 2, "paddleocr": 2, SEGMENTATION: 2}

# Two pages of different callers keep two cores busy.
_ONE_MACHINE_PAGES_BESIDE_OTHERS = 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between how many replicas a deployment scales, and to how many requests on each: more add replicas, fewer take
    them away.
    """

    min_replicas: int
    max_replicas: int
    target_ongoing_requests: float
    upscale_delay_s: float = 10.0
    downscale_delay_s: float = 300.0


# The slower an engine reads, the fewer requests make one replica busy. What is in front of the engines only passes
# on and waits: it takes many at once, and there are two, because every request needs one while the other dies or is
# exchanged. docs/scaling.md has what one replica of each carries.
_BOUNDS = {
    GATEWAY: Bounds(2, 8, 16.0),
    ROUTER: Bounds(2, 8, 16.0),
    SEGMENTATION: Bounds(2, 8, 2.0),
    JOB_WORKER: Bounds(1, 4, 1.0),  # by the pages that wait: deployments/job_worker/autoscaling.py
    "emnist_cnn": Bounds(1, 4, 8.0),
    "tesseract": Bounds(1, 16, 2.0),
    "easyocr": Bounds(1, 8, 4.0),
    "trocr": Bounds(1, 16, 2.0),
    "paddleocr": Bounds(1, 8, 4.0),
}
_OTHER_ENGINE = Bounds(1, 8, 4.0)

_PAGES_POLICY = "deployments.job_worker.autoscaling:replicas_for_pages"

# So many replicas of one deployment on one node, so that a node that dies takes part of it only. Two, not one, because
# a cluster may begin with one node.
_REPLICAS_PER_NODE = 2


PROCESS_ENVIRONMENT: Mapping[str, str] = {
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_SERVE_FREEZE_GC_ON_STARTUP": "1",
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "2000",
}
"""Environment variables of the replicas' processes; docs/log.md has their effect. Calls are routed on the caller's
loop, but our code keeps a loop apart from Serve's, which Ray holds up for seconds where it waits for a node that is
gone. Logs are in files. The garbage collector leaves alone what was loaded before the first request: a framework is a
million objects.
"""

# Frameworks on a card want different CUDA, so each has an environment of its own on a node with one: cluster/gpu/.
_INTERPRETER = "/opt/quorum-{}/bin/python"


def one_machine(specs: Iterable[EngineSpec]) -> dict[str, Options]:
    """One replica of everything, no GPU: two cores are enough to start."""
    cpus = {**_ONE_MACHINE_CPUS, **{spec.name: _ONE_MACHINE_ENGINE_CPUS for spec in specs}}
    return {
        name: {**_queue_options(name), "num_replicas": 1, "ray_actor_options": {"num_cpus": share}}
        for name, share in cpus.items()
    }


def with_arguments(
    options: Mapping[str, Options], config: ClusterConfig, names: Mapping[str, str]
) -> dict[str, Options]:
    """The options with what the application's arguments say of them: queues, fractions of cards, engines that may
    sleep. `names` are the deployments of the engines by their keys. The file's `deployments:` section goes over this.
    """
    chosen = {name: dict(options) for name, options in options.items()}
    for engine in config.engines:
        deployment = chosen[names[engine.name]]
        if engine.gpu > 0.0:
            deployment["ray_actor_options"] = {**deployment["ray_actor_options"], "num_gpus": engine.gpu}
        if engine.at_zero is not None:
            most = deployment.pop("num_replicas", 1)
            deployment["autoscaling_config"] = asdict(Bounds(0, most, _OTHER_ENGINE.target_ongoing_requests))
    if config.queue is not None:
        for name, deployment in chosen.items():
            if name != GATEWAY:
                deployment["max_queued_requests"] = config.queue
    return chosen


def production(specs: Iterable[EngineSpec], *, gpus: bool = True) -> dict[str, Options]:
    """Every deployment scales by itself; with `gpus` every engine holds its own fraction of one."""
    cpus = {GATEWAY: 1.0, ROUTER: 1.0, SEGMENTATION: 2.0, JOB_WORKER: 0.5}
    services = {
        name: _scaled(name, {"num_cpus": cpu, "label_selector": node_pools.selector(node_pools.CPU)})
        for name, cpu in cpus.items()
    }
    options = services | {spec.name: _scaled(spec.name, _actor_options(spec, gpus=gpus)) for spec in specs}
    waiting = {"max_queued_requests": PRESETS["production"]["queue"]}
    return {name: chosen if name == GATEWAY else {**chosen, **waiting} for name, chosen in options.items()}


def _scaled(name: str, needs: Options) -> Options:
    bounds = asdict(_BOUNDS.get(name, _OTHER_ENGINE))
    if name == JOB_WORKER:
        bounds["policy"] = {"policy_function": _PAGES_POLICY}
    return {
        **_queue_options(name),
        "autoscaling_config": bounds,
        "max_replicas_per_node": _REPLICAS_PER_NODE,
        "ray_actor_options": needs,
    }


def _actor_options(spec: EngineSpec, *, gpus: bool) -> Options:
    """What a replica of the engine asks of its node. Without a fraction of a card it takes no place beside one."""
    needs = spec.resources
    on_card = gpus and needs.gpu > 0.0
    memory_mb = spec.memory_mb(Runtime.AUTO, on_card=on_card)
    common = {"num_cpus": needs.cpu, **({"num_gpus": needs.gpu} if gpus else {}), "memory": memory_mb * 1_000_000}
    if not on_card or isinstance(spec.card, NoCard):
        return {**common, "label_selector": node_pools.selector(node_pools.CPU)}
    runtime_env = {"py_executable": _INTERPRETER.format(spec.card.framework)}
    return {**common, "runtime_env": runtime_env, "label_selector": node_pools.selector(node_pools.GPU)}


def _queue_options(name: str) -> Options:
    return {
        "max_ongoing_requests": _ONGOING.get(name, _ENGINE_ONGOING),
        "max_queued_requests": _QUEUED.get(name, _ENGINE_QUEUED),
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 30.0,
        "graceful_shutdown_wait_loop_s": 1.0,
        "graceful_shutdown_timeout_s": 20.0,
        # The Gateway logs every request once; the calls behind it, and the Router's looks at its engines, are noise.
        "logging_config": {"encoding": "JSON", "enable_access_log": name == GATEWAY},
    }


def one_machine_config() -> ClusterConfig:
    """The application's own configuration on one machine: the defaults, and threads where they pay."""
    return ClusterConfig(
        engines=tuple(EngineConfig(name=name, threads=_ONE_MACHINE_THREADS.get(name, 1)) for name in ENGINES),
        segmentation=SegmentationConfig(threads=_ONE_MACHINE_THREADS[SEGMENTATION]),
        limits=LimitsConfig(pages_beside_others=_ONE_MACHINE_PAGES_BESIDE_OTHERS),
    )


def production_config(*, gpus: bool = True) -> ClusterConfig:
    """The application's own configuration on a cluster: as many threads as a replica has CPUs, and with `gpus` the
    fraction of one that each engine's framework is held to.
    """

    def engine(spec: EngineSpec) -> EngineConfig:
        needs = spec.resources
        return EngineConfig(name=spec.name, threads=max(1, int(needs.cpu)), gpu=needs.gpu if gpus else 0.0)

    return ClusterConfig(
        preset="production",
        engines=tuple(engine(engines.spec(name)) for name in ENGINES),
        segmentation=SegmentationConfig(threads=2),
    )


def serve_config(config: ClusterConfig, options: dict[str, Options], host: str) -> dict[str, Any]:
    """A file for `serve deploy` and `serve run`: Serve's own schema."""
    arguments = config.model_dump(mode="json", exclude_defaults=True)
    arguments["engines"] = [engine.model_dump(mode="json", exclude_defaults=True) for engine in config.engines]
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": host, "port": 8000, "request_timeout_s": 630.0},
        "logging_config": {"encoding": "JSON", "log_level": "INFO"},
        "applications": [application(arguments, options)],
    }


def application(arguments: Mapping[str, Any], options: Mapping[str, Options]) -> dict[str, Any]:
    """The entry of `applications:` with these arguments of `build`, and these options of each deployment."""
    return {
        "name": "quorum",
        "route_prefix": "/",
        "import_path": "deployments.app:build",
        "runtime_env": {"env_vars": dict(PROCESS_ENVIRONMENT)},
        "args": dict(arguments),
        "deployments": [{"name": name, **chosen} for name, chosen in options.items()],
    }


def kubernetes_serve_config(*, gpus: bool) -> dict[str, Any]:
    """What serve_config.yaml says, for a RayService; without `gpus`, engines read on CPUs."""
    options = production([engines.spec(name) for name in ENGINES], gpus=gpus)
    return serve_config(production_config(gpus=gpus), options, "0.0.0.0")  # noqa: S104 - a pod serves its network


_HEADER = """\
# {title}
# Written by `python -m deployments.placement`; a test holds it equal to that. Change the tables there, or copy this
# file and change the copy. Everything here is Serve's own schema; what `args` may say is in
# deployments/config/schema.py.
"""


def render() -> dict[str, str]:
    """The text of each configuration file at the top of the repository."""
    specs = [engines.spec(name) for name in ENGINES]
    files = {
        "serve_config.yaml": (
            "Production: every engine its own deployment, with its own fraction of a GPU, its own bounds.",
            serve_config(production_config(), production(specs), "0.0.0.0"),  # noqa: S104 - a pod serves its network
        ),
        "serve_config.cpu.yaml": (
            "One machine without a GPU: the same application, one replica of everything.",
            serve_config(one_machine_config(), one_machine(specs), "127.0.0.1"),
        ),
    }
    return {
        name: _HEADER.format(title=title) + yaml.safe_dump(content, sort_keys=False)
        for name, (title, content) in files.items()
    }


def main() -> None:
    """Write the configuration files into the folder given, by default this one."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    for name, text in render().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
