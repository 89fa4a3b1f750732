"""The whole application on this machine with one stub engine or several, as many replicas of each as wanted, and three
ways to ask one of them:

    engine handle       what the Router does for each engine: crops by reference, hypotheses back
    application handle  what a program on the cluster does: Gateway, Router, Segmentation, engine
    HTTP                the same through Serve's proxy

The stub sleeps a fixed time for each call and computes nothing, so that two cores stand for as many GPUs as there are
replicas; everything around it is the real thing. Which process took how much processor time is asked of the operating
system. Times are seconds.
"""

from __future__ import annotations

import asyncio
import io
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import psutil

from benchmarks.harness.closed_loop import Ask, many_connections
from benchmarks.harness.memory import by_part
from benchmarks.harness.results import ROOT
from benchmarks.harness.serving import URL, wait_until
from benchmarks.stubs.stub_engine import FOLDER, TEXT, StubBehaviour
from cluster.local.local_cluster import LocalCluster, local_cluster
from ocr.contract import StatusAnswer

ENGINE = "trocr"
SERVICE_S = 0.2
PATHS = ("engine handle", "application handle", "HTTP")
_HOST, _PORT = "127.0.0.1", 8000

_WARM_UP_S = 180.0
# In Ray's books, so that as many replicas start as are asked for; the two cores are shared by all.
_REPLICA_CPUS = 0.01

# How the parts of the application are called here; every other process is Ray's own.
_PARTS = {
    **{name: name for name in ("Gateway", "Router", "Segmentation", "JobWorker")},
    ENGINE: "engine",
    "ProxyActor": "proxy",
    "ServeController": "controller",
}
LOAD, RAY = "load", "Ray"


@dataclass(frozen=True, slots=True)
class Stubs:
    """The engines: which, and how many crops they read in one call. One by one, as an engine does that gains nothing by
    batches, a request for a character is a call.
    """

    names: Sequence[str] = (ENGINE,)
    batch_size: int = 1


@dataclass(frozen=True, slots=True)
class StubCluster:
    """It, while it runs. `folder` is where the stubs look how to behave."""

    cluster: LocalCluster
    stubs: Stubs
    limits: Mapping[str, Any]
    folder: Path

    async def scale(self, engine: Mapping[str, Any]) -> None:
        """Give the engine's deployment other options, and wait until it has the replicas that they ask for."""
        self.cluster.change(_config(engine, self.stubs, self.limits))
        wanted = engine.get("num_replicas", 1)
        await asyncio.to_thread(
            wait_until, lambda: self._replicas() == wanted, _WARM_UP_S, lambda: f"{ENGINE} has not {wanted} replicas"
        )

    async def replicas(self) -> int:
        """How many replicas of the engine run."""
        return await asyncio.to_thread(self._replicas)

    def _replicas(self) -> int:
        found = self.cluster.snapshot().deployments.get(ENGINE)
        return found.replicas if found else 0


def cpu_seconds() -> dict[str, float]:
    """Processor time of each part until now: Ray and everything on it are this process's descendants."""
    used = defaultdict(float, {LOAD: sum(psutil.Process().cpu_times()[:2])})
    for part, seconds in by_part(lambda process: sum(process.cpu_times()[:2])).items():
        used[_PARTS.get(part, RAY)] += seconds
    return used


@contextmanager
def stub_cluster(
    engine: Mapping[str, Any],
    service_s: float = SERVICE_S,
    limits: Mapping[str, Any] | None = None,
    stubs: Stubs = Stubs(),
    says: str = TEXT,
) -> Iterator[StubCluster]:
    """Start it with these options of each engine's deployment and these limits, until the block is left. Each line says
    `says`.
    """
    with tempfile.TemporaryDirectory() as place:
        for name in stubs.names:
            StubBehaviour(service_s=service_s, text=says).apply(name, Path(place))
        os.environ |= {FOLDER: place, "PYTHONPATH": str(ROOT), "STATE_DIR": place}
        config = _config(engine, stubs, limits or {})
        with local_cluster(config, host=_HOST, port=_PORT, status=_status) as cluster:
            wait_until(lambda: _answers("/ready"), _WARM_UP_S, lambda: "the application was not ready")
            yield StubCluster(cluster, stubs, limits or {}, Path(place))


def _config(engine: Mapping[str, Any], stubs: Stubs, limits: Mapping[str, Any]) -> dict[str, Any]:
    import engines
    from deployments.config.schema import AtZeroPolicy, ClusterConfig, EngineConfig, LimitsConfig
    from deployments.placement import one_machine, serve_config

    at_zero = AtZeroPolicy.WAIT if engine.get("autoscaling_config", {}).get("min_replicas") == 0 else None
    chosen = tuple(
        EngineConfig(name=f"benchmarks.stubs.{name}", batch_size=stubs.batch_size, at_zero=at_zero)
        for name in stubs.names
    )
    options = one_machine([engines.spec(each.name) for each in chosen])
    for name, deployment in options.items():
        deployment["ray_actor_options"] = {"num_cpus": _REPLICA_CPUS}
        if name in stubs.names:
            del deployment["num_replicas"]
            deployment.update(engine)
    config = ClusterConfig(engines=chosen, ready_engines=len(chosen), limits=LimitsConfig(**limits))
    return serve_config(config, options, _HOST)


def _answers(path: str) -> bool:
    try:
        return httpx.get(f"{URL}{path}", timeout=5.0).status_code == 200
    except httpx.HTTPError:
        return False


def _status() -> StatusAnswer | None:
    try:
        answer = httpx.get(f"{URL}/status", timeout=5.0)
        return StatusAnswer.model_validate(answer.json()) if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None


def picture() -> bytes:
    """A character of 28x28 px as PNG."""
    pixels = np.full((28, 28), 255, np.uint8)
    pixels[6:22, 12:16] = 0
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@asynccontextmanager
async def asking(path: str) -> AsyncIterator[Ask]:
    """Questions on one of the `PATHS`."""
    if path == "HTTP":
        async with _over_http(picture()) as ask:
            yield ask
    else:
        yield _engine_handle() if path == "engine handle" else _application_handle(picture())


def _engine_handle() -> Ask:
    import ray
    from ray import serve

    from deployments.messages.request import RecognitionOptions
    from ocr import Box, Layout, Region, Scope, SegmentedPage

    handle = serve.get_deployment_handle(ENGINE, "quorum")
    region = Region(Box(0, 0, 28, 28).polygon(), 28, 28, scope=Scope.CHARACTER)
    pixels = ray.put(SegmentedPage(Layout(28, 28, (region,)), (np.zeros((28, 28, 3), np.uint8),)))

    async def ask() -> None:
        answer = await handle.read.remote(pixels, [0], RecognitionOptions(), time.time() + 60.0, time.time())
        if answer.hypotheses[0] is None:
            raise ValueError("the crop was not read")

    return ask


def _application_handle(image: bytes) -> Ask:
    from ray import serve

    handle = serve.get_app_handle("quorum")

    async def ask() -> None:
        _require_read(await handle.predict.remote(image, {}))

    return ask


@asynccontextmanager
async def _over_http(image: bytes) -> AsyncIterator[Ask]:
    async with many_connections(timeout_s=60.0) as http:

        async def ask() -> None:
            async with http.post(f"{URL}/predict", data=image, headers={"content-type": "image/png"}) as response:
                response.raise_for_status()
                _require_read(await response.json())

        yield ask


def _require_read(answer: Mapping[str, Any]) -> None:
    """Raises unless the engine itself read: an answer without it is no call of it."""
    said = answer["engine_predictions"][ENGINE]
    if said["status"] != "ok":
        raise ValueError(f"{said['status']}: {said['detail']}")
