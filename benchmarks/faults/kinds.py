"""Everything that benchmarks.faults breaks, what is required of the cluster meanwhile, and whether it holds.

The load runs before the fault, while it lasts, and until the cluster is at full strength again: every deployment has
its replicas, every proxy answers, answers are whole. Times are seconds of one clock.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
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


def _nothing(_: FaultCluster) -> None:
    """For a fault that mends itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken. `begin` breaks it; after `lasts_s` seconds `end` mends what does not mend itself.

    `kills` says that a Gateway, a proxy or a node dies, and requests on it may be cut; `degrades` that answers must
    tell of it; `hangs` that answers must be there in time all the same.
    """

    name: str
    begin: Callable[[FaultCluster], None]
    end: Callable[[FaultCluster], None] = _nothing
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
        return [*self._of_answers(), *self._of_raw_answers(), *self._of_times(), *self._of_state()]

    def _of_answers(self) -> list[str]:
        bad = (Outcome.WRONG, Outcome.FAILED, Outcome.UNFLAGGED)
        found = [f"{self.load[outcome]} {outcome}" for outcome in bad if self.load[outcome]]
        if self.fault.degrades and not self.load[Outcome.DEGRADED]:
            found.append("no answer says that an engine was missing")
        return found

    def _of_raw_answers(self) -> list[str]:
        failed = [one for one in self.load.exchanges if one.failed]
        if failed and not self.fault.kills:
            return [f"{len(failed)} raw failures, though Gateway, proxy and node lived"]
        later = self.load.failed_later(self.made)
        return [f"{len(later)} raw failures of requests that began after the death"] if later else []

    def _of_times(self) -> list[str]:
        slowest_s, p99_s = self.load.slowest_after_s(self.made), self.load.p99_s()
        found = []
        if self.fault.kills and slowest_s > LATER_S:
            found.append(f"a later request took {slowest_s:.1f} s")
        if self.fault.hangs and p99_s > DEADLINE_S + GRACE_S:
            found.append(f"p99 is {p99_s:.2f} s with a deadline of {DEADLINE_S:g} s")
        return found

    def _of_state(self) -> list[str]:
        return [] if self.configured else ["the live configuration is another"]


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
    fault = Fault("the application is taken down", _nothing)
    return Result(fault, load.result(), begun, begun, over, over, configured=True)


def _whole_since(load: Load, moment: float) -> float:
    """When answers were whole again: five in a row, all from after `moment`."""
    last: list[Request] = []

    def whole() -> bool:
        last[:] = load.last(5)
        return len(last) == 5 and all(one.outcome is Outcome.ANSWERED and one.started > moment for one in last)

    wait_until(whole, _PATIENCE_S, lambda: f"answers stay degraded: {load.last(3)}", 0.2)
    return last[0].ended


def _kill(part: str) -> Callable[[FaultCluster], None]:
    return lambda cluster: cluster.victim(part).process.kill()


def _behaves(engine: str, behaviour: StubBehaviour) -> Callable[[FaultCluster], None]:
    return lambda cluster: cluster.set_behaviour(engine, behaviour)


def _well(engine: str) -> Callable[[FaultCluster], None]:
    return _behaves(engine, StubBehaviour(SERVICE_S))


def _misbehaving(
    name: str, engine: str, behaviour: StubBehaviour, lasts_s: float, *, degrades: bool = False, hangs: bool = False
) -> Fault:
    """An engine behaves so for a while."""
    return Fault(name, _behaves(engine, behaviour), _well(engine), lasts_s, degrades=degrades, hangs=hangs)


def _unplug(cluster: FaultCluster) -> None:
    cluster.first_worker.host.unplug()


def _crash_at_load(cluster: FaultCluster) -> None:
    """Both replicas die, and what is started in their place crashes."""
    cluster.set_behaviour("trocr", StubBehaviour(SERVICE_S, crash_at_load=True))
    for actor in cluster.nodes.actors("trocr"):
        actor.process.kill()


def _hang(cluster: FaultCluster) -> None:
    cluster.victim("easyocr").process.send_signal(signal.SIGSTOP)


def _lose_worker(cluster: FaultCluster) -> None:
    cluster.nodes.lose(cluster.first_worker)


def _new_worker(cluster: FaultCluster) -> None:
    cluster.add_worker()


def _replace_worker(cluster: FaultCluster) -> None:
    """The cable is back, too late: a node that the head has given up ends when it hears of it. Another one joins."""
    cluster.first_worker.host.plug_in()
    cluster.nodes.lose(cluster.first_worker)
    cluster.add_worker()


def _drain_worker(cluster: FaultCluster) -> None:
    """Another worker comes, then one leaves: /-/healthz of its proxy says so, and who spreads the load turns away."""
    leaving = cluster.first_worker
    cluster.add_worker()
    cluster.nodes.drain(leaving, within_s=120.0)
    cluster.await_departure(leaving)
    cluster.nodes.lose(leaving)


def _new_weights(cluster: FaultCluster) -> None:
    """Another model lies where the engine's model is, and its replicas, and only those, are exchanged."""
    cluster.set_behaviour("paddleocr", StubBehaviour(SERVICE_S, model="newer"))
    cluster.exchange("paddleocr", "newer")
    cluster.await_change()


def _new_application(cluster: FaultCluster) -> None:
    """The arguments of the application are others: every replica is exchanged."""
    cluster.deploy(log_level="WARNING")
    cluster.await_change()


def _return_head(cluster: FaultCluster) -> None:
    cluster.nodes.return_head()


FAULTS = (
    *(Fault(f"kill {name}", _kill(name)) for name in (*ENGINES, "Segmentation", "Router")),
    Fault("kill Gateway", _kill("Gateway"), kills=True),
    Fault("kill a proxy", _kill(PROXY), kills=True),
    Fault("kill Serve's controller", _kill(CONTROLLER)),
    Fault("kill a worker node", _lose_worker, _new_worker, 15.0, kills=True),
    Fault("an engine hangs (SIGSTOP)", _hang, degrades=True, hangs=True),
    _misbehaving("an engine is slow", "tesseract", StubBehaviour(DEADLINE_S + 1.0), 15.0, degrades=True, hangs=True),
    Fault("an engine crashes at load", _crash_at_load, _well("trocr"), 20.0, degrades=True),
    _misbehaving("an engine leaks memory", "emnist_cnn", StubBehaviour(SERVICE_S, leak_mb=10.0), 30.0),
    _misbehaving("an engine returns garbage", "easyocr", StubBehaviour(SERVICE_S, garbage=True), 10.0, degrades=True),
    _misbehaving("an engine reads nonsense", "easyocr", StubBehaviour(SERVICE_S, nonsense=True), 10.0),
    Fault("new weights of one engine", _new_weights),
    Fault("a new version of the whole application", _new_application),
    Fault("kill the head, which returns", lambda cluster: cluster.nodes.head.kill(), _return_head, 20.0),
    Fault("a worker is drained and leaves", _drain_worker),
    Fault("the cable of a worker is pulled", _unplug, _replace_worker, 15.0, kills=True, needs_cables=True),
)
