"""Everything that benchmarks.faults breaks, what is required of the cluster meanwhile, and whether it holds.

The load runs before the fault, while it lasts, and until the cluster is at full strength again: every deployment has
its replicas, every proxy answers, answers are whole. Times are seconds of one clock.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.faults.fault_scene import CONTROLLER, DEADLINE_S, PROXY, SERVICE_S, Scene, question
from benchmarks.harness.load import Account, Load, Outcome, constant_load
from benchmarks.stubs.obedient import Conduct
from deployments.config.schema import ENGINES

PER_SECOND = 6.0
GRACE_S = 0.1
"""What an answer may take beyond its deadline."""
LATER_S = 5.0
"""Within this time a request that began after a death must be answered."""

_BEFORE_S, _AFTER_S = 3.0, 2.0
_PATIENCE_S = 120.0


def _nothing(_: Scene) -> None:
    """For a fault that mends itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is broken. `begin` breaks it; after `lasts_s` seconds `end` mends what does not mend itself.

    `kills` says that a Gateway, a proxy or a node dies, and requests on it may be cut; `degrades` that answers must
    tell of it; `hangs` that answers must be there in time all the same.
    """

    name: str
    begin: Callable[[Scene], None]
    end: Callable[[Scene], None] = _nothing
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
    account: Account
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
        found = [f"{self.account[outcome]} {outcome}" for outcome in bad if self.account[outcome]]
        if self.fault.degrades and not self.account[Outcome.DEGRADED]:
            found.append("no answer says that an engine was missing")
        return found

    def _of_raw_answers(self) -> list[str]:
        failed = [one for one in self.account.exchanges if one.failed]
        if failed and not self.fault.kills:
            return [f"{len(failed)} raw failures, though Gateway, proxy and node lived"]
        later = self.account.failed_later(self.made)
        return [f"{len(later)} raw failures of requests that began after the death"] if later else []

    def _of_times(self) -> list[str]:
        slowest_s, p99_s = self.account.slowest_after_s(self.made), self.account.p99_s()
        found = []
        if self.fault.kills and slowest_s > LATER_S:
            found.append(f"a later request took {slowest_s:.1f} s")
        if self.fault.hangs and p99_s > DEADLINE_S + GRACE_S:
            found.append(f"p99 is {p99_s:.2f} s with a deadline of {DEADLINE_S:g} s")
        return found

    def _of_state(self) -> list[str]:
        return [] if self.configured else ["the live configuration is another"]


def survive(stage: Scene, fault: Fault) -> Result:
    """Make the fault under load, and count until the cluster is at full strength again."""
    stage.await_full_strength()
    with constant_load(stage.urls, question(), per_second=PER_SECOND, leaving=stage.leaving) as load:
        time.sleep(_BEFORE_S)
        begun = time.monotonic()
        fault.begin(stage)
        made = time.monotonic()  # a node has many processes; what is asked while they die may be cut with them
        time.sleep(max(0.0, begun + fault.lasts_s - made))
        fault.end(stage)
        over = time.monotonic()
        strong = max(stage.await_full_strength(), _whole_since(load, over if fault.lasts_s else made))
        time.sleep(_AFTER_S)
    return Result(fault, load.account(), begun, made, over, strong, stage.configuration_kept())


def take_down(stage: Scene) -> Result:
    """Take the application away while requests are in flight: they are answered. Nothing is left after this."""
    for name in ENGINES:
        stage.tell(name, Conduct(service_s=0.8))
    most = 4  # two for each replica of an engine: none comes to its deadline, and asks again where nobody is left
    with constant_load(stage.urls, question(), per_second=2 * PER_SECOND, most=most) as load:
        time.sleep(most / (2 * PER_SECOND) + 0.3)
        begun = time.monotonic()
        stage.take_down()
    over = max(one.ended for one in load.asked)
    fault = Fault("the application is taken down", _nothing)
    return Result(fault, load.account(), begun, begun, over, over, configured=True)


def _whole_since(load: Load, moment: float) -> float:
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
    return _told(engine, Conduct(SERVICE_S))


def _crash_at_load(stage: Scene) -> None:
    """Both replicas die, and what is started in their place crashes."""
    stage.tell("trocr", Conduct(SERVICE_S, crash_at_load=True))
    for actor in stage.nodes.actors("trocr"):
        actor.process.kill()


def _hang(stage: Scene) -> None:
    stage.victim("easyocr").process.send_signal(signal.SIGSTOP)


def _lose_worker(stage: Scene) -> None:
    stage.nodes.lose(stage.first_worker)


def _new_worker(stage: Scene) -> None:
    stage.add_worker()


def _replace_worker(stage: Scene) -> None:
    """The cable is back, too late: a node that the head has given up ends when it hears of it. Another one joins."""
    stage.first_worker.host.plug_in()
    stage.nodes.lose(stage.first_worker)
    stage.add_worker()


def _drain_worker(stage: Scene) -> None:
    """Another worker comes, then one leaves: /-/healthz of its proxy says so, and who spreads the load turns away."""
    leaving = stage.first_worker
    stage.add_worker()
    stage.nodes.drain(leaving, within_s=120.0)
    stage.await_departure(leaving)
    stage.nodes.lose(leaving)


def _new_weights(stage: Scene) -> None:
    """Another model lies where the engine's model is, and its replicas, and only those, are exchanged."""
    stage.tell("paddleocr", Conduct(SERVICE_S, model="newer"))
    stage.exchange("paddleocr", "newer")
    stage.await_change()


def _new_application(stage: Scene) -> None:
    """The arguments of the application are others: every replica is exchanged."""
    stage.deploy(log_level="WARNING")
    stage.await_change()


def _return_head(stage: Scene) -> None:
    stage.nodes.return_head()


FAULTS = (
    *(Fault(f"kill {name}", _kill(name)) for name in (*ENGINES, "Segmentation", "Router")),
    Fault("kill Gateway", _kill("Gateway"), kills=True),
    Fault("kill a proxy", _kill(PROXY), kills=True),
    Fault("kill Serve's controller", _kill(CONTROLLER)),
    Fault("kill a worker node", _lose_worker, _new_worker, 15.0, kills=True),
    Fault("an engine hangs (SIGSTOP)", _hang, degrades=True, hangs=True),
    Fault(
        "an engine is slow",
        _told("tesseract", Conduct(DEADLINE_S + 1.0)),
        _well("tesseract"),
        15.0,
        degrades=True,
        hangs=True,
    ),
    Fault("an engine crashes at load", _crash_at_load, _well("trocr"), 20.0, degrades=True),
    Fault("an engine leaks memory", _told("emnist_cnn", Conduct(SERVICE_S, leak_mb=10.0)), _well("emnist_cnn"), 30.0),
    Fault(
        "an engine returns garbage",
        _told("easyocr", Conduct(SERVICE_S, garbage=True)),
        _well("easyocr"),
        10.0,
        degrades=True,
    ),
    Fault("an engine reads nonsense", _told("easyocr", Conduct(SERVICE_S, nonsense=True)), _well("easyocr"), 10.0),
    Fault("new weights of one engine", _new_weights),
    Fault("a new version of the whole application", _new_application),
    Fault("kill the head, which returns", lambda stage: stage.nodes.head.kill(), _return_head, 20.0),
    Fault("a worker is drained and leaves", _drain_worker),
    Fault(
        "the cable of a worker is pulled",
        lambda stage: stage.first_worker.host.unplug(),
        _replace_worker,
        15.0,
        kills=True,
        needs_cables=True,
    ),
)
