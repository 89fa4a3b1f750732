"""What the cluster survives: one thing after the other is broken under constant load, and everything is counted.

    python -m benchmarks.faults [--only NAME ...] [--namespaces] [--out benchmarks/results/faults.md]

A head without replicas and two workers, each a process tree of its own (cluster.nodes) with a replica of every
deployment; engines are stubs of fixed service time (benchmarks.stubs). Our client asks the proxies of both workers in
turn, a fixed number of requests a second, and retries as it always does. A fault is made while the load runs; the load
goes on until the cluster is at full strength again: every deployment has its replicas, every engine answers.

With --namespaces the nodes are hosts with networks of their own; only then can the cable of one be pulled.
"""

from __future__ import annotations

import argparse
import io
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from benchmarks.load import Account, Load, Outcome, Question, constant_load
from benchmarks.setting import RESULTS, as_table, setting
from benchmarks.stubs.obedient import FOLDER, TEXT, Conduct
from cluster.hosts import Host, in_namespaces, on_loopback
from cluster.nodes import Actor, Node, Nodes
from deployments.config import ENGINES
from deployments.placement import one_machine
from engines import spec
from ocr.contract import StatusAnswer

ROOT = Path(__file__).parents[1]

PER_SECOND = 5.0
DEADLINE_S = 2.5
GRACE_S = 0.1
"""What an answer may take beyond its deadline."""
LATER_S = 5.0
"""Within this time a request that began after a death must be answered."""

PROXY, CONTROLLER = "ProxyActor", "ServeController"
_REPLICAS = 2
_BEFORE_S, _AFTER_S = 3.0, 2.0
_PATIENCE_S = 240.0


def question() -> Question:
    """A small page of one line, so that finding lines costs little."""
    picture = PIL.Image.new("RGB", (320, 80), "white")
    PIL.ImageDraw.Draw(picture).text((16, 20), TEXT, fill="black", font=PIL.ImageFont.load_default(32))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Question(file.getvalue(), TEXT, DEADLINE_S)


def application(host: Host, folder: Path, **changes: object) -> dict[str, Any]:
    """Two replicas of everything, on different nodes: what `serve deploy` would be given. `changes` are to `args`."""
    names = [f"benchmarks.stubs.{name}" for name in ENGINES]
    options = one_machine([spec(name) for name in names])
    spread = {"num_replicas": _REPLICAS, "max_replicas_per_node": 1}
    arguments = {
        "engines": [{"name": name, "memory_limit_mb": 400} for name in names],
        "state_dir": str(folder / "state"),
        "ready_engines": len(names),
        "tuned": "none",
        "profile": "general",
        **changes,
    }
    return {
        "proxy_location": "EveryNode",
        "http_options": {
            "host": "0.0.0.0" if host.enter else host.http_address,  # noqa: S104 - a namespace has no other network
            "port": host.http_port,
            "request_timeout_s": 60.0,
        },
        "applications": [
            {
                "name": "quorum",
                "route_prefix": "/",
                "import_path": "deployments.app:build",
                "args": arguments,
                "deployments": [{"name": name, **chosen, **spread} for name, chosen in options.items()],
            }
        ],
    }


@dataclass(slots=True)
class Scene:
    """A cluster that serves, and what is needed to break it."""

    nodes: Nodes
    hosts: Sequence[Host]
    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        """The proxies of the workers."""
        return [host.url for host in self.hosts[1:]]

    def deploy(self, **changes: object) -> None:
        self.changes |= changes
        self.nodes.hand_over(application(self.hosts[0], self.folder, **self.changes))

    def tell(self, engine: str, conduct: Conduct) -> None:
        """Have the replicas of an engine behave so from now on."""
        conduct.tell(engine, self.folder)

    def add_worker(self, host: Host) -> Node:
        return self.nodes.add(host, cpus=4.0, gpus=1.0)

    def victim(self, part: str) -> Actor:
        """A process of that part on the first worker, or wherever there is one."""
        return sorted(self.nodes.actors(part), key=lambda actor: actor.host != self.hosts[1].name)[0]

    def full_strength(self) -> bool:
        """Whether every proxy answers, and every deployment has its replicas and nobody else's."""
        parts = [actor.part for actor in self.nodes.actors()]
        expected = ("Gateway", "Router", "Segmentation", *ENGINES)
        if any(parts.count(part) != _REPLICAS for part in expected) or CONTROLLER not in parts:
            return False
        try:
            seen = [_status(url) for url in self.urls]
        except httpx.HTTPError:
            return False
        return all(_complete(status, expected) for status in seen)

    def await_full_strength(self, patience_s: float = _PATIENCE_S) -> float:
        """The moment at which it was."""
        deadline = time.monotonic() + patience_s
        while not self.full_strength():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not at full strength after {patience_s:.0f} s: {self.state()}")
            time.sleep(0.5)
        return time.monotonic()

    def state(self) -> str:
        """What there is, for a message."""
        return ", ".join(sorted(f"{actor.part}@{actor.host}" for actor in self.nodes.actors()))


def _status(url: str) -> StatusAnswer:
    answer = httpx.get(f"{url}/status", timeout=5.0)
    answer.raise_for_status()
    return StatusAnswer.model_validate(answer.json())


def _complete(status: StatusAnswer, parts: Sequence[str]) -> bool:
    return status.status == "ready" and all(
        part in status.components
        and status.components[part].status == "HEALTHY"
        and status.components[part].replicas == _REPLICAS
        for part in parts
    )


@contextmanager
def scene(hosts: Sequence[Host], *, redis: str | None = None) -> Iterator[Scene]:
    """The cluster of this module, serving at full strength."""
    with tempfile.TemporaryDirectory() as place, Nodes(_environment(place), redis=redis) as nodes:
        made = Scene(nodes, hosts, Path(place))
        nodes.add(hosts[0], cpus=0.0)
        for host in hosts[1:]:
            made.add_worker(host)
        made.deploy(**({} if redis is None else {"redis_url": f"redis://{redis}/1"}))
        made.await_full_strength()
        yield made


def _environment(folder: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), FOLDER: folder}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken. `begin` breaks it; after `lasts_s` seconds `end` mends what does not mend itself.

    `kills` says that a Gateway, a proxy or a node dies, and requests on it may be cut; `degrades` that answers must
    tell of it; `hangs` that answers must be there in time all the same.
    """

    name: str
    begin: Callable[[Scene], None]
    end: Callable[[Scene], None] = lambda _: None
    lasts_s: float = 0.0
    kills: bool = False
    degrades: bool = False
    hangs: bool = False
    needs_cables: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a fault: everything that the load met, when the fault was made and was over (same clock), and when
    the cluster was at full strength again.
    """

    fault: Fault
    account: Account
    made: float
    over: float
    strong: float

    @property
    def recovery_s(self) -> float:
        """Seconds from the fault, or from its end where it lasts, to full strength."""
        return self.strong - (self.over if self.fault.lasts_s else self.made)

    def problems(self) -> list[str]:
        """The requirements that do not hold."""
        account, fault = self.account, self.fault
        found = [
            f"{account[outcome]} requests {outcome}"
            for outcome in (Outcome.WRONG, Outcome.FAILED, Outcome.UNFLAGGED)
            if account[outcome]
        ]
        failed = [one for one in account.exchanges if one.failed]
        if failed and not fault.kills:
            found.append(f"{len(failed)} raw failures, and Gateway, proxy and node were alive")
        later = account.failed_later(self.made)
        if later:
            found.append(f"{len(later)} raw failures of requests that began after the death")
        if account.slowest_after_s(self.made) > LATER_S:
            found.append(f"a later request took {account.slowest_after_s(self.made):.1f} s")
        if fault.degrades and not account[Outcome.DEGRADED]:
            found.append("no answer says that an engine was missing")
        if fault.hangs and account.p99_s() > DEADLINE_S + GRACE_S:
            found.append(f"p99 is {account.p99_s():.2f} s with a deadline of {DEADLINE_S:g} s")
        return found


def survive(stage: Scene, fault: Fault) -> Result:
    """Make the fault under load, and count until the cluster is at full strength again."""
    stage.await_full_strength()
    with constant_load(stage.urls, question(), per_second=PER_SECOND) as load:
        time.sleep(_BEFORE_S)
        made = time.monotonic()
        fault.begin(stage)
        time.sleep(max(0.0, made + fault.lasts_s - time.monotonic()))
        fault.end(stage)
        over = time.monotonic()
        strong = max(stage.await_full_strength(), _undegraded_since(load, over))
        time.sleep(_AFTER_S)
    return Result(fault, load.account(), made, over, strong)


def _undegraded_since(load: Load, moment: float) -> float:
    """When answers were whole again: five in a row, all from after `moment`."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        last = load.last(5)
        if len(last) == 5 and all(one.outcome is Outcome.ANSWERED and one.started > moment for one in last):
            return last[0].ended
        time.sleep(0.2)
    raise TimeoutError(f"answers stay degraded: {load.last(3)}")


def _kill(part: str) -> Callable[[Scene], None]:
    return lambda stage: stage.victim(part).process.kill()


def _told(engine: str, conduct: Conduct) -> Callable[[Scene], None]:
    return lambda stage: stage.tell(engine, conduct)


def _well(engine: str) -> Callable[[Scene], None]:
    return _told(engine, Conduct())


def _crash_at_load(stage: Scene) -> None:
    """Both replicas die, and what is started in their place crashes."""
    stage.tell("trocr", Conduct(crash_at_load=True))
    for actor in stage.nodes.actors("trocr"):
        actor.process.kill()


def _hang(stage: Scene) -> None:
    stage.victim("easyocr").process.send_signal(signal.SIGSTOP)


def _lose_worker(stage: Scene) -> None:
    [node] = [node for node in stage.nodes.nodes if node.host == stage.hosts[1]]
    stage.nodes.lose(node)


def _new_worker(stage: Scene) -> None:
    stage.add_worker(stage.hosts[1])


def _new_weights(stage: Scene) -> None:
    """Another model for one engine."""
    stage.tell("paddleocr", Conduct(model="newer"))
    engines = [{"name": f"benchmarks.stubs.{name}", "memory_limit_mb": 400} for name in ENGINES]
    engines[-1]["batch_size"] = 7
    stage.deploy(engines=engines)
    _await_change(stage)


def _new_application(stage: Scene) -> None:
    """Something that every deployment is given is another: all of them are replaced."""
    stage.deploy(log_level="WARNING")
    _await_change(stage)


def _await_change(stage: Scene) -> None:
    """Serve takes a new version a moment after it was handed over."""
    deadline = time.monotonic() + 30.0
    while stage.full_strength():
        if time.monotonic() > deadline:
            raise TimeoutError("nothing was replaced")
        time.sleep(0.2)


FAULTS = (
    *(Fault(f"kill {name}", _kill(name)) for name in (*ENGINES, "Segmentation", "Router")),
    Fault("kill Gateway", _kill("Gateway"), kills=True),
    Fault("kill a proxy", _kill(PROXY), kills=True),
    Fault("kill Serve's controller", _kill(CONTROLLER)),
    Fault("kill a worker node", _lose_worker, _new_worker, 15.0, kills=True),
    Fault("an engine hangs (SIGSTOP)", _hang, degrades=True, hangs=True),
    Fault(
        "an engine is slow",
        _told("tesseract", Conduct(service_s=DEADLINE_S + 1.0)),
        _well("tesseract"),
        15.0,
        degrades=True,
        hangs=True,
    ),
    Fault("an engine crashes at load", _crash_at_load, _well("trocr"), 20.0, degrades=True),
    Fault("an engine leaks memory", _told("emnist_cnn", Conduct(leak_mb=20.0)), _well("emnist_cnn"), 30.0),
    Fault("an engine returns garbage", _told("easyocr", Conduct(garbage=True)), _well("easyocr"), 10.0, degrades=True),
    Fault("an engine returns nonsense", _told("easyocr", Conduct(nonsense=True)), _well("easyocr"), 10.0),
    Fault("new weights of one engine", _new_weights),
    Fault("a new version of the whole application", _new_application),
    Fault(
        "the cable of a node is pulled",
        lambda stage: stage.hosts[1].unplug(),
        lambda stage: stage.hosts[1].plug_in(),
        15.0,
        kills=True,
        needs_cables=True,
    ),
)


def row(result: Result) -> str:
    """A line of the table."""
    account = result.account
    codes = ", ".join(f"{count} {code}" for code, count in sorted(account.codes.items()))
    counts = [len(account.asked), *(account[o] for o in (Outcome.ANSWERED, Outcome.DEGRADED)), account[Outcome.FAILED]]
    wrong = account[Outcome.WRONG] + account[Outcome.UNFLAGGED]
    told = "; ".join(result.problems()) or "holds"
    numbers = " | ".join(map(str, [*counts, wrong]))
    return f"| {result.fault.name} | {numbers} | {codes} | {account.p99_s():.2f} | {result.recovery_s:.0f} | {told} |"


_HEAD = (
    "| fault | sent | answered whole | degraded, flagged | failed | wrong or unflagged | raw codes | p99 s | "
    "full strength after s | requirement |\n|---|---|---|---|---|---|---|---|---|---|"
)


def report(before: dict[str, str], results: Sequence[Result]) -> str:
    return "\n".join(
        [
            "# What the cluster survives",
            "",
            "Made by `python -m benchmarks.faults`; its docstring says what is done, and docs/faults.md what it means.",
            f"{PER_SECOND:g} requests a second, each with a deadline of {DEADLINE_S:g} s.",
            "",
            as_table(before),
            "",
            _HEAD,
            *map(row, results),
            "",
        ]
    )


def main() -> None:
    """Break, count, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--only", nargs="*", help="names of faults")
    parser.add_argument("--namespaces", action="store_true", help="hosts with networks of their own; needs root")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    chosen = [
        fault
        for fault in FAULTS
        if (not arguments.only or fault.name in arguments.only) and (arguments.namespaces or not fault.needs_cables)
    ]
    before = setting()
    results = []
    with _hosts(arguments.namespaces) as hosts, scene(hosts) as stage:
        for fault in chosen:
            results.append(survive(stage, fault))
            print(row(results[-1]), flush=True)
    text = report(before, results)
    (arguments.out or RESULTS / "faults.md").write_text(text)


@contextmanager
def _hosts(namespaces: bool) -> Iterator[Sequence[Host]]:
    if namespaces:
        with in_namespaces(3) as hosts:
            yield hosts
    else:
        yield on_loopback(3)


if __name__ == "__main__":
    main()
