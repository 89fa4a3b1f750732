"""The cluster that benchmarks.faults breaks: a head without replicas and some workers, each a process tree of its own,
with a replica of every deployment on each worker. Redis holds what the head knows, the live configuration and the jobs.
Engines are stubs of fixed service time. Times are seconds.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import yaml

from benchmarks.faults.hardware import Clock, ProcessorShare, SmallDisk, small_disk
from benchmarks.harness.constant_load import Question
from benchmarks.harness.results import ROOT
from benchmarks.harness.serving import wait_until
from benchmarks.stubs.stub_engine import FOLDER, TEXT, StubBehaviour
from cluster.local.hosts import Host
from cluster.local.multi_node_cluster import Actor, MultiNodeCluster, Node
from cluster.local.redis_server import RedisServer, running_redis
from deployments.config.api_keys import hashed, new_key
from deployments.config.schema import ENGINES
from deployments.placement import application, one_machine
from engines import spec
from ocr.contract import StatusAnswer
from quorum.client import Client

DEADLINE_S = 2.5
SERVICE_S = 0.2
"""What each engine takes for a batch."""

PROXY, CONTROLLER = "ProxyActor", "ServeController"
PARTS = ("Gateway", "Router", "Segmentation", *ENGINES)

_PATIENCE_S = 240.0
_LIMIT_MB = 400
_DISK_MB = 192
_CHANGED = {"limits": {"timeout_s": 17.0}}


@dataclass(frozen=True, slots=True)
class Setting:
    """How a cluster is made: how many workers, each with a replica of everything; with `small_disks`, what Ray writes
    and what the application keeps are on small disks of their own; with `own_clock`, the first worker's clock can be
    set.
    """

    workers: int = 2
    small_disks: bool = False
    own_clock: bool = False

    @property
    def hosts(self) -> int:
        """The head's, the workers', and one to spare."""
        return self.workers + 2

    def why_not(self) -> str:
        """Why it cannot be made on this machine; "" where it can."""
        return (SmallDisk.why_not() if self.small_disks else "") or (Clock.why_not() if self.own_clock else "")


TWO = Setting()


def question(*, large: bool = False) -> Question:
    """A small page of one line, so that finding lines costs little. The crop of a large one does not fit into a
    message, and goes through the object store.
    """
    width, height = (1600, 400) if large else (320, 80)
    picture = PIL.Image.new("RGB", (width, height), "white")
    font = PIL.ImageFont.load_default(0.4 * height)
    PIL.ImageDraw.Draw(picture).text((width // 20, height // 4), TEXT, fill="black", font=font)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Question(file.getvalue(), TEXT, DEADLINE_S)


def _deployments(replicas: int) -> dict[str, dict[str, Any]]:
    """So many replicas of everything, on different nodes."""
    options = one_machine([spec(f"benchmarks.stubs.{name}") for name in ENGINES])
    spread = {"num_replicas": replicas, "max_replicas_per_node": 1}
    return {name: {**chosen, **spread} for name, chosen in options.items()}


@dataclass(slots=True)
class FaultCluster:
    """The cluster, and what is needed to break it."""

    nodes: MultiNodeCluster
    redis: RedisServer
    hosts: list[Host]
    folder: Path
    key: str
    arguments: dict[str, Any]
    setting: Setting
    disks: Sequence[SmallDisk] = ()
    clock: Clock | None = None
    processors: ProcessorShare = field(default_factory=ProcessorShare)
    deployments: dict[str, dict[str, Any]] = field(init=False)
    leaving: set[str] = field(default_factory=set)
    """Addresses that a load balancer has turned away from."""
    acknowledged: tuple[int, Mapping[str, Any]] = (0, {})
    """The newest version of the live configuration that was acknowledged, and what it says."""

    def __post_init__(self) -> None:
        self.deployments = _deployments(self.setting.workers)

    @property
    def urls(self) -> list[str]:
        """The proxies of the workers."""
        return [node.host.url for node in self.workers]

    @property
    def workers(self) -> list[Node]:
        return self.nodes.nodes[1:]

    @property
    def first_worker(self) -> Node:
        return self.workers[0]

    def deploy(self, **changes: object) -> None:
        """Hand over the application, with these arguments changed."""
        self.arguments |= changes
        self._hand_over(application(self.arguments, self.deployments))

    def exchange(self, part: str, reason: str) -> None:
        """Have Serve exchange the replicas of one deployment: something in its own section is another."""
        needs = self.deployments[part]["ray_actor_options"]
        self.deployments[part]["ray_actor_options"] = {**needs, "runtime_env": {"env_vars": {"EXCHANGED_FOR": reason}}}
        self.deploy()

    def take_down(self) -> None:
        """Hand over that there is no application any more."""
        self._hand_over()

    def upgrade(self, **changes: object) -> None:
        """Hand over the application with these arguments changed, as an operator does, and return when it is there."""
        self.arguments |= changes
        file = self.folder / "upgrade.yaml"
        file.write_text(yaml.safe_dump(self._config(application(self.arguments, self.deployments))))
        self.nodes.run_on_head("quorum", "upgrade", str(file), within_s=2 * _PATIENCE_S)

    def _hand_over(self, *applications: object) -> None:
        self.nodes.deploy(self._config(*applications))

    def _config(self, *applications: object) -> dict[str, Any]:
        host = self.nodes.head.host
        address = "0.0.0.0" if host.command_prefix else host.http_address  # noqa: S104 - a namespace has no other network
        http = {"host": address, "port": host.http_port, "request_timeout_s": 60.0}
        return {"proxy_location": "EveryNode", "http_options": http, "applications": [*applications]}

    def set_behaviour(self, engine: str, behaviour: StubBehaviour) -> None:
        """Have the replicas of an engine behave so from now on."""
        behaviour.apply(engine, self.folder)

    def add_worker(self) -> Node:
        """A worker on a host where there is none."""
        taken = {node.host for node in self.nodes.nodes}
        host = next(host for host in self.hosts if host not in taken)
        environment = self.clock.environment() if self.clock and len(self.nodes.nodes) == 1 else {}
        return self.nodes.add(host, cpus=4.0, gpus=1.0, environment=environment)

    def mend(self) -> None:
        """Start again what is gone: Redis, then the head, then workers. What starts them elsewhere, as KubeRay and
        systemd do, is not part of the cluster.
        """
        if not self.redis.runs:
            self.redis.start()
        if not self.nodes.head.runs:
            self.nodes.head.kill()
            self.nodes.replace_head()
        for node in [node for node in self.workers if not node.runs]:
            self.nodes.remove(node)
        while len(self.workers) < self.setting.workers:
            self.add_worker()

    def victim(self, part: str, node: Node | None = None) -> Actor:
        """A process of that part on the node, by default the first worker, or wherever there is one."""
        host = (node or self.first_worker).host.name
        return min(self.nodes.actors(part), key=lambda actor: actor.host != host)

    def change_configuration(self, live: Mapping[str, Any] = _CHANGED) -> None:
        """A change of the live configuration that has to outlive everything. Raises QuorumError when it is refused."""
        with Client(self.urls, self.key, timeout_s=30.0) as client:
            answer = client.change_config(live)
        self.acknowledged = answer.version, answer.live

    def configuration_kept(self) -> bool:
        """Whether the change is in force, wherever it is asked."""
        for url in self.urls:
            with Client(url, self.key) as client:
                answer = client.config()
            if (answer.version, answer.live) != self.acknowledged:
                return False
        return True

    def full_strength(self) -> bool:
        """Whether every proxy answers, and every deployment has its replicas, of which none is stopped."""
        parts = [actor.component for actor in self.nodes.actors() if not actor.stopped]
        if any(parts.count(part) != self.setting.workers for part in PARTS) or CONTROLLER not in parts:
            return False
        try:
            return all(self._complete(url) for url in self.urls)
        except httpx.HTTPError:
            return False

    def await_full_strength(self) -> float:
        """The moment at which it was."""
        wait_until(self.full_strength, _PATIENCE_S, lambda: f"not at full strength, {self._state()},", 0.5)
        return time.monotonic()

    def await_change(self) -> None:
        """Return once Serve has begun with what was handed over, which takes it a moment."""
        wait_until(lambda: not self.full_strength(), _PATIENCE_S, lambda: "nothing was replaced", 0.2)

    def await_departure(self, node: Node) -> None:
        """Return once no replica is on the node, and no proxy, which stays for those who still ask it: whoever spreads
        the load turns away from it when /-/healthz says so.
        """

        def gone() -> bool:
            if not _healthy(node.host.url):
                self.leaving.add(node.host.url)
            return not any(actor.component in (*PARTS, PROXY) for actor in node.actors())

        wait_until(gone, _PATIENCE_S, lambda: f"not everything leaves {node.host.name}, {self._state()},", 0.5)

    def _state(self) -> str:
        return ", ".join(sorted(f"{actor.component}@{actor.host}" for actor in self.nodes.actors()))

    def _complete(self, url: str) -> bool:
        answer = httpx.get(f"{url}/status", timeout=5.0)
        answer.raise_for_status()
        status = StatusAnswer.model_validate(answer.json())
        known = status.components
        return status.status == "ready" and all(
            part in known and known[part].status == "HEALTHY" and known[part].replicas == self.setting.workers
            for part in PARTS
        )


def _healthy(url: str) -> bool:
    """What a load balancer asks a proxy, which is not well when its node leaves."""
    try:
        return httpx.get(f"{url}/-/healthz", timeout=5.0).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def fault_cluster(hosts: Sequence[Host], setting: Setting = TWO) -> Iterator[FaultCluster]:
    """The cluster on these hosts, serving at full strength, its live configuration changed once."""
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory() as kept,
        running_redis(hosts[0].gateway_address) as redis,
        ExitStack() as disks,
        MultiNodeCluster({"PYTHONPATH": str(ROOT), FOLDER: place}, redis=redis) as nodes,
    ):
        key = new_key()
        made = FaultCluster(nodes, redis, list(hosts), Path(place), key, _arguments(key, kept, redis), setting)
        if setting.small_disks:
            disks.callback(
                shutil.rmtree, nodes.ray_folder.parent, ignore_errors=True
            )  # Ray's own cannot while it is one
            nodes.ray_folder.mkdir()
            made.disks = [disks.enter_context(small_disk(path, _DISK_MB)) for path in (nodes.ray_folder, Path(kept))]
        if setting.own_clock:
            made.clock = Clock(Path(place) / "clock")
            made.clock.set(0.0)
        for name in ENGINES:
            made.set_behaviour(name, StubBehaviour(SERVICE_S))
        nodes.add(hosts[0], cpus=0.0)
        made.mend()
        made.deploy()
        made.await_full_strength()
        made.change_configuration()
        yield made


def _arguments(key: str, kept: str, redis: RedisServer) -> dict[str, Any]:
    return {
        "engines": [{"name": f"benchmarks.stubs.{name}", "memory_limit_mb": _LIMIT_MB} for name in ENGINES],
        "state_dir": f"{kept}/state",
        "jobs_files": f"{kept}/jobs",
        "redis_url": redis.url(1),
        "security": {"admin_api_keys": [hashed(key)]},
        "ready_engines": len(ENGINES),
        "tuned": "none",
        "profile": "general",
    }
