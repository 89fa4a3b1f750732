"""Everything that benchmarks.faults breaks, what is required of the cluster meanwhile, and whether it holds.

The load runs before the fault, while it lasts, and until the cluster is at full strength again: every deployment has
its replicas, every proxy answers, answers are whole. Times are seconds of one clock.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.faults.cluster import CONTROLLER, DEADLINE_S, PROXY, SERVICE_S, FaultCluster, question
from benchmarks.harness.constant_load import Load, LoadResult, Outcome, Request, constant_load
from benchmarks.harness.serving import wait_until
from benchmarks.stubs.stub_engine import StubBehaviour
from deployments.config.schema import ENGINES

PER_SECOND = 6.0
GRACE_S = 0.1
"""What an answer may take beyond its deadline."""
LATER_S = 5.0
"""Within this time a request that began after a death must be answered."""

_BEFORE_S, _AFTER_S = 3.0, 2.0
_PATIENCE_S = 120.0


Action = Callable[[FaultCluster], object]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken. `begin` breaks it; after `lasts_s` seconds `end` mends what does not mend
    itself.

    `kills` says that a Gateway, a proxy or a node dies, and requests on it may be cut; `degrades` that answers must
    tell of it; `hangs` that answers must be there in time all the same.
    """

    name: str
    begin: Action
    end: Action = lambda _: None
    lasts_s: float = 0.0
    kills: bool = False
    degrades: bool = False
    hangs: bool = False
    needs_cables: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a fault: everything that the load met, when the fault began and was made, when it was over and when
    the cluster was at full strength again, and whether the live configuration was the same then.
    """

    fault: Fault
    load: LoadResult
    begun: float
    made: float
    over: float
    strong: float
    configured: bool

    @property
    def recovery_s(self) -> float:
        """From the fault, or from its end where it lasts, to full strength."""
        return self.strong - (self.over if self.fault.lasts_s else self.begun)

    def problems(self) -> list[str]:
        """The requirements that do not hold."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        for outcome in (Outcome.WRONG, Outcome.FAILED, Outcome.UNFLAGGED):
            if self.load[outcome]:
                yield f"{self.load[outcome]} {outcome}"
        if self.fault.degrades and not self.load[Outcome.DEGRADED]:
            yield "no answer says that an engine was missing"
        failed, later = [one for one in self.load.exchanges if one.failed], self.load.failed_later(self.made)
        if failed and not self.fault.kills:
            yield f"{len(failed)} raw failures, though Gateway, proxy and node lived"
        elif later:
            yield f"{len(later)} raw failures of requests that began after the death"
        slowest_s, p99_s = self.load.slowest_after_s(self.made), self.load.p99_s()
        if self.fault.kills and slowest_s > LATER_S:
            yield f"a later request took {slowest_s:.1f} s"
        if self.fault.hangs and p99_s > DEADLINE_S + GRACE_S:
            yield f"p99 is {p99_s:.2f} s with a deadline of {DEADLINE_S:g} s"
        if not self.configured:
            yield "the live configuration is another"


def survive(cluster: FaultCluster, fault: Fault) -> Result:
    """Make the fault under load, and count until the cluster is at full strength again."""
    cluster.await_full_strength()
    with constant_load(cluster.urls, question(), per_second=PER_SECOND, leaving=cluster.leaving) as load:
        time.sleep(_BEFORE_S)
        begun = time.monotonic()
        fault.begin(cluster)
        made = time.monotonic()  # a node has many processes; what is asked while they die may be cut with them
        time.sleep(max(0.0, begun + fault.lasts_s - made))
        fault.end(cluster)
        over = time.monotonic()
        strong = max(cluster.await_full_strength(), _whole_since(load, over if fault.lasts_s else made))
        time.sleep(_AFTER_S)
    return Result(fault, load.result(), begun, made, over, strong, cluster.configuration_kept())


def take_down(cluster: FaultCluster) -> Result:
    """Take the application away while requests are in flight: they are answered. Nothing is left after this."""
    for name in ENGINES:
        cluster.set_behaviour(name, StubBehaviour(service_s=0.8))
    most = 4  # two for each replica of an engine: none comes to its deadline, and asks again where nobody is left
    with constant_load(cluster.urls, question(), per_second=2 * PER_SECOND, most=most) as load:
        time.sleep(most / (2 * PER_SECOND) + 0.3)
        begun = time.monotonic()
        cluster.take_down()
    over = max(one.ended for one in load.requests)
    fault = Fault("the application is taken down", FaultCluster.take_down)
    return Result(fault, load.result(), begun, begun, over, over, configured=True)


def _whole_since(load: Load, moment: float) -> float:
    """When answers were whole again: five in a row, all from after `moment`."""
    last: list[Request] = []

    def whole() -> bool:
        last[:] = load.last(5)
        return len(last) == 5 and all(one.outcome is Outcome.ANSWERED and one.started > moment for one in last)

    wait_until(whole, _PATIENCE_S, lambda: f"answers stay degraded: {load.last(3)}", 0.2)
    return last[0].ended


def _kill(part: str) -> Action:
    return lambda cluster: cluster.victim(part).process.kill()


_WELL = StubBehaviour(SERVICE_S)


def _behave(engine: str, behaviour: StubBehaviour = _WELL) -> Action:
    return lambda cluster: cluster.set_behaviour(engine, behaviour)


def _crash_at_load(cluster: FaultCluster) -> None:
    """Both replicas die, and what is started in their place crashes."""
    cluster.set_behaviour("trocr", StubBehaviour(SERVICE_S, crash_at_load=True))
    for actor in cluster.nodes.actors("trocr"):
        actor.process.kill()


def _lose_worker(cluster: FaultCluster) -> None:
    cluster.nodes.remove(cluster.first_worker)


def _replace_worker(cluster: FaultCluster) -> None:
    """The cable is back, too late: a node that the head has given up ends when it hears of it. Another one joins."""
    cluster.first_worker.host.reconnect()
    cluster.nodes.remove(cluster.first_worker)
    cluster.add_worker()


def _drain_worker(cluster: FaultCluster) -> None:
    """Another worker comes, then one leaves: /-/healthz of its proxy says so, and who spreads the load turns away."""
    leaving = cluster.first_worker
    cluster.add_worker()
    cluster.nodes.drain(leaving, within_s=120.0)
    cluster.await_departure(leaving)
    cluster.nodes.remove(leaving)


def _new_weights(cluster: FaultCluster) -> None:
    """Another model lies where the engine's model is, and its replicas, and only those, are exchanged."""
    cluster.set_behaviour("paddleocr", StubBehaviour(SERVICE_S, model="newer"))
    cluster.exchange("paddleocr", "newer")
    cluster.await_change()


def _new_application(cluster: FaultCluster) -> None:
    """The arguments of the application are others: every replica is exchanged."""
    cluster.deploy(log_level="WARNING")
    cluster.await_change()


_SLOW, _LEAKING = StubBehaviour(DEADLINE_S + 1.0), StubBehaviour(SERVICE_S, leak_mb=10.0)
_GARBAGE, _NONSENSE = StubBehaviour(SERVICE_S, garbage=True), StubBehaviour(SERVICE_S, nonsense=True)

FAULTS = (
    *(Fault(f"kill {name}", _kill(name)) for name in (*ENGINES, "Segmentation", "Router")),
    Fault("kill Gateway", _kill("Gateway"), kills=True),
    Fault("kill a proxy", _kill(PROXY), kills=True),
    Fault("kill Serve's controller", _kill(CONTROLLER)),
    Fault("kill a worker node", _lose_worker, FaultCluster.add_worker, 15.0, kills=True),
    Fault(
        "an engine hangs (SIGSTOP)",
        lambda cluster: cluster.victim("easyocr").process.send_signal(signal.SIGSTOP),
        degrades=True,
        hangs=True,
    ),
    Fault("an engine is slow", _behave("tesseract", _SLOW), _behave("tesseract"), 15.0, degrades=True, hangs=True),
    Fault("an engine crashes at load", _crash_at_load, _behave("trocr"), 20.0, degrades=True),
    Fault("an engine leaks memory", _behave("emnist_cnn", _LEAKING), _behave("emnist_cnn"), 30.0),
    Fault("an engine returns garbage", _behave("easyocr", _GARBAGE), _behave("easyocr"), 10.0, degrades=True),
    Fault("an engine reads nonsense", _behave("easyocr", _NONSENSE), _behave("easyocr"), 10.0),
    Fault("new weights of one engine", _new_weights),
    Fault("a new version of the whole application", _new_application),
    Fault("kill the head, which returns", lambda c: c.nodes.head.kill(), lambda c: c.nodes.replace_head(), 20.0),
    Fault("a worker is drained and leaves", _drain_worker),
    Fault(
        "the cable of a worker is pulled",
        lambda cluster: cluster.first_worker.host.disconnect(),
        _replace_worker,
        15.0,
        kills=True,
        needs_cables=True,
    ),
)
