"""A Ray cluster of several nodes on this machine: each a tree of processes of its own, which can be killed, frozen or
joined by another at any time.

    with namespaced_hosts(3) as hosts, MultiNodeCluster(environment={"PYTHONPATH": "."}) as nodes:
        head = nodes.add(hosts[0], cpus=0)
        nodes.add(hosts[1], cpus=4, gpus=1)        # a number in Ray's books: nobody looks whether there is a GPU
        nodes.deploy(config)

The first node is the head. Which process belongs to which node is read from the trees, so nothing here is a driver of
the cluster or knows what is deployed. Times are seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

from cluster import serve_proxies
from cluster.local import failure_detection
from cluster.local.application_processes import components_among, is_alive, is_stopped
from cluster.local.hosts import Host, free_port
from cluster.local.processes import adopting_orphans, children, end, interrupted_by_signals, undisturbed
from cluster.local.ray_folder import ONE_NODE, RayFolder
from cluster.local.redis_server import RedisServer
from ocr.errors import InternalFailure

_OBJECT_STORE_BYTES = 300_000_000
_START_S = 120.0
# Ray gives its processes fixed times to import themselves, which a cold or busy machine misses.
_ATTEMPTS = 3
_GCS_PORT = 6379
# What every node is told, unless the caller says otherwise.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_agent_register_timeout_ms": "100000",  # a busy machine starts agents slowly
    **serve_proxies.ENVIRONMENT,
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # a worker waits so long for a head that is gone, as in KubeRay
    **failure_detection.ENVIRONMENT,
}

# Another token, or another cluster, than that of the nodes.
_NOT_INHERITED = frozenset({"RAY_AUTH_TOKEN", "RAY_ADDRESS", *ONE_NODE})


@dataclass(frozen=True, slots=True)
class Actor:
    """A process that does something for the application: a replica of the deployment `component`, or one of Serve's own
    (`ProxyActor`, `ServeController`).
    """

    component: str
    host: str
    process: psutil.Process

    @property
    def stopped(self) -> bool:
        """Whether a signal stopped it."""
        return is_stopped(self.process)


@dataclass(eq=False, slots=True)
class Node:
    """One node. `start` runs the program that starts it and stays with it."""

    host: Host
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    metrics_port: int = 0
    seen: set[psutil.Process] = field(default_factory=set)
    started: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.start()

    @property
    def metrics(self) -> str:
        """The host:port at which its agent exports metrics."""
        return f"{self.host.address}:{self.metrics_port}"

    def processes(self) -> set[psutil.Process]:
        """The processes that belong to it. One whose parent died is still known."""
        self.seen |= children([self.started.pid, *(process.pid for process in self.seen)])
        self.seen = {process for process in self.seen if is_alive(process)}
        return set(self.seen)

    def actors(self) -> Iterator[Actor]:
        """Those of its processes that do something for the application."""
        return (Actor(component, self.host.name, process) for component, process in components_among(self.processes()))

    def ray_id(self) -> str:
        """How Ray names the node: its raylet was told."""
        marker = "--node_id="
        told = [word for process in self.processes() for word in process.cmdline() if word.startswith(marker)]
        return told[0].removeprefix(marker)

    def wait(self) -> None:
        """Return once it runs. Raises InternalFailure when it does not."""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._runs():
                self.processes()  # they are known from now on, even when their parent dies
                return
            self.kill()
            if attempt < _ATTEMPTS:
                self.started = self.start()
        said = self.log.read_text()[-2000:]
        raise InternalFailure(f"node {self.host.name} did not start: {said}", "is the machine very busy?")

    def _runs(self) -> bool:
        """Whether `ray start` says so, before it ends or its time is over."""
        deadline = time.monotonic() + _START_S
        while b"Ray runtime started" not in self.log.read_bytes():
            if self.started.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    @property
    def runs(self) -> bool:
        """Whether the program that started it is there; it ends with the first of its processes."""
        return self.started.poll() is None

    def kill(self) -> None:
        """Kill everything on it at once, as when the power fails."""
        doomed = self.processes()
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.started.kill()
        self.started.wait()
        end(doomed | self.processes(), patience_s=0.0)


class MultiNodeCluster:
    """The nodes of one cluster. When the block is left, by its end, an error, Ctrl-C, SIGTERM or SIGHUP, every process
    of theirs is gone. Use it in the main thread.

    `environment` is given to every node; with `redis` what the head knows outlives it. Ray puts the password into the
    arguments of the head's processes, which everybody on the machine can read.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, *, redis: RedisServer | None = None) -> None:
        self._folder = RayFolder.make()
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self._environment = {**inherited, **_ENVIRONMENT, **self._folder.environment(), **(environment or {})}
        self._redis = {} if redis is None else {"RAY_REDIS_ADDRESS": redis.address}
        self._redis_password = [] if redis is None else ["--redis-password", redis.password]
        self._around = ExitStack()
        self._address = ""
        self.nodes: list[Node] = []

    def __enter__(self) -> Self:
        self._around.enter_context(adopting_orphans())
        self._around.callback(self._folder.remove)
        self._around.enter_context(interrupted_by_signals())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with undisturbed():
            for node in reversed(self.nodes):
                node.kill()
            self._around.close()

    @property
    def ray_folder(self) -> Path:
        """Where the nodes have their sockets and logs."""
        return self._folder.ray

    @property
    def head(self) -> Node:
        return self.nodes[0]

    def add(
        self,
        host: Host,
        *,
        cpus: float,
        gpus: float = 0.0,
        labels: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Node:
        """A node on `host`, once it runs, with this environment beside that of all. The first one is the head. One at a
        time: Ray gives each a fixed time.
        """
        if not self.nodes:
            self._address = f"{host.address}:{_GCS_PORT if host.command_prefix else free_port()}"
        role = ["--address", self._address] if self.nodes else self._as_head()
        return self._started(host, [*role, *_label_options(labels or {})], cpus, gpus, environment or {})

    def replace_head(self, *, cpus: float = 0.0) -> Node:
        """A new head in the place of the one that was killed."""
        dead = self.nodes.pop(0)
        # Left there, it and the workers that wait for the head would pass for a head that runs.
        (self.ray_folder / "ray_current_cluster").unlink(missing_ok=True)
        node = self._started(dead.host, self._as_head(), cpus, 0.0, {})
        self.nodes.insert(0, self.nodes.pop())
        return node

    def remove(self, node: Node) -> None:
        """Kill a node that does not come back."""
        node.kill()
        self.nodes.remove(node)

    def drain(self, node: Node, within_s: float) -> None:
        """Tell the cluster that the node leaves: replicas are started elsewhere before those on it end. Take it away
        with `remove` once nothing of the application is on it.
        """
        self.run_on_head(
            "cluster.local.ray_command", "drain-node", "--address", self._address, "--node-id", node.ray_id(),
            "--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "it leaves",
            "--deadline-remaining-seconds", f"{within_s:.0f}",
        )  # fmt: skip

    def actors(self, component: str | None = None) -> list[Actor]:
        """The processes of the application, or those of one part of it."""
        return [actor for node in self.nodes for actor in node.actors() if component in (None, actor.component)]

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Deploy what `config` says, Serve's own schema, or bring what is there to it."""
        self.run_on_head("cluster.local.serve_deploy", stdin=yaml.safe_dump(dict(config)))

    def run_on_head(self, module: str, *words: str, stdin: str = "", within_s: float = _START_S) -> None:
        """Run a program on the head that tells the cluster something. Raises InternalFailure when it fails."""
        known = {**ONE_NODE, "RAY_ADDRESS": self._address, "QUORUM_NODE": self.head.host.address}
        command = [*self.head.host.command_prefix, sys.executable, "-m", module, *words]
        finished = subprocess.run(
            command, input=stdin, env={**self._environment, **known}, capture_output=True, text=True, timeout=within_s,
            check=False,
        )  # fmt: skip
        if finished.returncode != 0:
            raise InternalFailure(f"{module} failed: {finished.stderr[-2000:]}", "is the head alive?")

    def _as_head(self) -> list[str]:
        port = self._address.rpartition(":")[2]
        folder = ["--temp-dir", str(self.ray_folder)]
        # Ray looks for a port of the dashboard even where there is to be none, and wants 8265 or nothing.
        ports = ["--ray-client-server-port", str(free_port()), "--dashboard-port", str(free_port())]
        return ["--head", "--port", port, "--include-dashboard", "false", *folder, *ports, *self._redis_password]

    def _started(self, host: Host, role: list[str], cpus: float, gpus: float, environment: Mapping[str, str]) -> Node:
        log = self._folder.path / f"{host.name}-{time.monotonic_ns()}.log"
        command = [*host.command_prefix, *_ray_start(host), *role, "--num-cpus", f"{cpus:g}", "--num-gpus", f"{gpus:g}"]
        metrics_port = free_port()
        command += ["--metrics-export-port", str(metrics_port)]
        own = self._redis if "--head" in role else {"RAY_SERVE_WORKER_PROXY_HTTP_PORT": str(host.http_port)}

        def start() -> subprocess.Popen[bytes]:
            with log.open("wb") as out:
                return subprocess.Popen(
                    command,
                    env={**self._environment, **own, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )

        node = Node(host, start, log, metrics_port)
        self.nodes.append(node)  # before it runs, so that it is cleared away in any case
        node.wait()
        return node


def _label_options(labels: Mapping[str, str]) -> list[str]:
    return ["--labels", ",".join(f"{name}={value}" for name, value in labels.items())] if labels else []


def _ray_start(host: Host) -> list[str]:
    """`ray start` for a node that may share its machine with others: no port is fixed but the head's."""
    agent = ("--dashboard-agent-listen-port", "--dashboard-agent-grpc-port")
    ports = [word for option in (*agent, "--min-worker-port", "--max-worker-port") for word in (option, "0")]
    return [
        sys.executable, "-m", "cluster.local.ray_command", "start", "--block", "--disable-usage-stats",
        "--node-ip-address", host.address, "--object-store-memory", str(_OBJECT_STORE_BYTES), *ports,
    ]  # fmt: skip
