"""A Ray cluster on this machine for as long as a program runs: started, watched while it warms up, and cleared away.

    with local_cluster(config, host="127.0.0.1", port=8000, status=ask) as cluster:
        warm_up(cluster.snapshot, report=board.show, timeout_s=600, logs=cluster.logs)

`config` is Serve's own schema, the content of a serve_config.yaml. Ray starts without its dashboard, on loopback only,
with a token and a folder of its own, quiet, and reports nothing to anybody. When the block is left, by its end, an
error, Ctrl-C, SIGTERM or SIGHUP, every process that came into being below this one is gone. So is the folder, unless
there was an error: the logs may have its reason. Which deployments there are and what they do is not known here; what
an engine says of itself comes from `GET /status`. Times are seconds.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from cluster import node_pools, serve_proxies
from cluster.local.processes import adopting_orphans, children, end, interrupted_by_signals, undisturbed
from cluster.local.ray_folder import LOOPBACK, ONE_NODE, RayFolder, keep_to_itself
from cluster.local.serve_deploy import deploy
from ocr.contract import EngineStatus, StatusAnswer
from ocr.errors import InternalFailure, NotReady

# Three of the largest pages that the default limits let in (100 megapixels of RGB).
_OBJECT_STORE_BYTES = 1_000_000_000
# Replicas share the cores, so their CPUs are bookkeeping; two is what a configuration for one machine counts on.
_LEAST_CPUS = 2
# Ray gives its processes fixed times to import themselves, which a cold or busy machine misses. The next attempt finds
# their files in the page cache.
_ATTEMPTS = 3


class StartupState(StrEnum):
    """How far one component of the cluster is."""

    STARTING = "starting"  # its process is being made, or loads its model
    READY = "ready"
    UNAVAILABLE = "unavailable"  # it runs, and says why it cannot read
    FAILED = "failed"  # Serve gave up on it


@dataclass(frozen=True, slots=True)
class ComponentProgress:
    """How far one deployment is. `detail` is its model when it is ready, else the reason."""

    component: str
    state: StartupState
    detail: str = ""

    @property
    def settled(self) -> bool:
        return self.state is not StartupState.STARTING


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """One deployment as Serve sees it: its status (HEALTHY, UPDATING, UNHEALTHY, DEPLOY_FAILED), its message, and how
    many replicas of it run.
    """

    status: str
    message: str = ""
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class ApplicationSnapshot:
    """The application at one moment. `answer` is what `GET /status` says, None while nobody answers there."""

    status: str
    message: str
    deployments: Mapping[str, DeploymentState]
    answer: StatusAnswer | None = None


def progress(snapshot: ApplicationSnapshot) -> list[ComponentProgress]:
    """How far each deployment is, in Serve's order."""
    return [_progress_of(name, deployed, snapshot.answer) for name, deployed in snapshot.deployments.items()]


def _progress_of(name: str, deployed: DeploymentState, answer: StatusAnswer | None) -> ComponentProgress:
    if deployed.status in ("UNHEALTHY", "DEPLOY_FAILED"):
        return ComponentProgress(name, StartupState.FAILED, deployed.message)
    if deployed.status != "HEALTHY" or answer is None:
        return ComponentProgress(name, StartupState.STARTING)
    engine = answer.engines.get(name)
    if engine is None:
        return ComponentProgress(name, StartupState.READY)
    if engine.available:
        return ComponentProgress(name, StartupState.READY, engine.model)
    state = StartupState.STARTING if is_starting(engine) else StartupState.UNAVAILABLE
    return ComponentProgress(name, state, engine.detail)


def is_starting(engine: EngineStatus) -> bool:
    """Whether the service has not heard from the engine yet: that is what it says of it then."""
    return engine.detail == "starting"


def warm_up(
    snapshot: Callable[[], ApplicationSnapshot],
    report: Callable[[list[ComponentProgress]], None],
    *,
    timeout_s: float,
    logs: Path,
    on_first_engines: Callable[[StatusAnswer], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    period_s: float = 0.25,
) -> StatusAnswer:
    """Take snapshots until every component is ready or known to be unavailable, and report each of them. When the
    service is ready while engines still start, `on_first_engines` is told once.

    Raises InternalFailure when Serve gives up on the application, NotReady after `timeout_s`; both name `logs`.
    """
    deadline = clock() + timeout_s
    told = False
    while True:
        seen = snapshot()
        parts = progress(seen)
        report(parts)
        if seen.status == "DEPLOY_FAILED":
            failed = [f"{one.component}: {one.detail}" for one in parts if one.state is StartupState.FAILED]
            raise InternalFailure(f"the application did not start: {'; '.join(failed) or seen.message}", _see(logs))
        if seen.answer is not None and parts and all(one.settled for one in parts):
            return seen.answer
        if not told and seen.answer is not None and _reads_with_first_engines(seen.answer):
            on_first_engines(seen.answer)
            told = True
        if clock() >= deadline:
            waiting = ", ".join(one.component for one in parts if not one.settled) or "the application"
            raise NotReady(
                f"{waiting} did not start within {timeout_s:g} s",
                f"is the machine busy, or short of memory? {_see(logs)}",
            )
        sleep(period_s)


def _reads_with_first_engines(answer: StatusAnswer) -> bool:
    return answer.status != "not_ready" and any(is_starting(engine) for engine in answer.engines.values())


def _see(logs: Path) -> str:
    return f"the logs are in {logs}"


class LocalCluster:
    """A running cluster with one application. `logs` is Ray's folder of them; `environment` is what a program of this
    user must have in its own to join the cluster.
    """

    def __init__(self, application: str, status: Callable[[], StatusAnswer | None], folder: RayFolder) -> None:
        import ray

        self._application = application
        self._status = status
        self.logs = folder.logs
        address = ray.get_runtime_context().gcs_address
        self.environment: Mapping[str, str] = {"RAY_ADDRESS": address, **ONE_NODE, **folder.environment()}

    def snapshot(self) -> ApplicationSnapshot:
        """The application now. `status` is asked only when something runs that could answer."""
        from ray import serve

        seen = serve.status().applications.get(self._application)
        if seen is None:
            return ApplicationSnapshot("NOT_STARTED", "", {})
        deployments = {
            name: DeploymentState(found.status.value, found.message, found.replica_states.get("RUNNING", 0))
            for name, found in seen.deployments.items()
        }
        up = any(deployed.status == "HEALTHY" for deployed in deployments.values())
        return ApplicationSnapshot(seen.status.value, seen.message, deployments, self._status() if up else None)

    def change(self, config: Mapping[str, Any]) -> None:
        """Hand over a changed configuration. Numbers of replicas and bounds change in place, under whatever runs."""
        from ray.serve.context import _get_global_client
        from ray.serve.schema import ServeDeploySchema

        _get_global_client().deploy_apps(ServeDeploySchema.model_validate(config), _blocking=False)


@contextlib.contextmanager
def local_cluster(
    config: Mapping[str, Any], *, host: str, port: int, status: Callable[[], StatusAnswer | None]
) -> Iterator[LocalCluster]:
    """Run the one application of `config`, serving HTTP on `host`:`port`, until the block is left.

    `status` asks `GET /status` and returns None when nobody answers. SIGTERM and SIGHUP raise KeyboardInterrupt in the
    block, as Ctrl-C does. Call it from the main thread.
    """
    with _own_folder() as folder, adopting_orphans():
        ours = children()
        try:
            with interrupted_by_signals():
                application = _start(config, host, port, folder, ours)
                with interrupted_by_signals():  # again, because Ray has put its own handlers in place
                    yield LocalCluster(application, status, folder)
        finally:
            with undisturbed():
                _stop(ours)


@contextlib.contextmanager
def _own_folder() -> Iterator[RayFolder]:
    """A folder that is gone in the end, unless there was an error."""
    folder = RayFolder.make()
    try:
        yield folder
    except Exception:
        folder.token.unlink(missing_ok=True)
        raise
    except BaseException:
        folder.remove()
        raise
    folder.remove()


def _start(config: Mapping[str, Any], host: str, port: int, folder: RayFolder, spared: set[psutil.Process]) -> str:
    """Start Ray and Serve and hand over the application; it comes up in the background. Returns its name."""
    _start_ray(folder, spared)
    [name] = deploy(config, host=host, port=port)
    return name


def _start_ray(folder: RayFolder, spared: set[psutil.Process]) -> None:
    """Start Ray. Raises InternalFailure when its own processes do not come up."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # what Ray will do one day, and warns about until then
    os.environ.setdefault("RAY_agent_register_timeout_ms", "100000")  # a cold or busy machine starts agents slowly
    os.environ.update(serve_proxies.ENVIRONMENT)
    keep_to_itself(folder)
    import ray

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            ray.init(
                address="local",  # never the cluster that RAY_ADDRESS or an earlier `ray start` points at
                namespace="serve",
                num_cpus=max(_LEAST_CPUS, os.cpu_count() or 1),
                object_store_memory=_OBJECT_STORE_BYTES,
                labels={node_pools.LABEL: node_pools.ANY},
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address=LOOPBACK,
                _temp_dir=str(folder.ray),
            )
            return
        except Exception as error:
            # Ray raises Exception itself when a node is too slow, and leaves behind what it had started.
            end(children() - spared)
            if attempt == _ATTEMPTS:
                raise InternalFailure(
                    f"Ray did not start in {_ATTEMPTS} attempts: {error}",
                    f"is the machine very busy? {_see(folder.logs)}",
                ) from error


def _stop(spared: set[psutil.Process]) -> None:
    """Stop Serve and Ray, and then whatever was started since `spared` and is still there."""
    started = children() - spared
    if not started:
        return
    import ray
    from ray import serve

    # Ray prints to stdout that Serve's controller, which ends itself, has died.
    with contextlib.redirect_stdout(io.StringIO()):
        if ray.is_initialized():
            # A replica that hangs must not keep the others from being stopped.
            with contextlib.suppress(ray.exceptions.RayError, TimeoutError):
                serve.shutdown()
        started |= children() - spared
        ray.shutdown()
    end(started | (children() - spared))
