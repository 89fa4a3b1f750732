"""Faults one at a time: what dies, what stops, what misbehaves, what is exchanged, what leaves."""

from __future__ import annotations

import signal
import time

from benchmarks.faults.cluster import CONTROLLER, DEADLINE_S, PROXY, SERVICE_S, FaultCluster, question
from benchmarks.faults.fault import PER_SECOND, Action, Fault, Result
from benchmarks.harness.constant_load import constant_load
from benchmarks.stubs.stub_engine import StubBehaviour
from deployments.config.schema import ENGINES


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


def _kill(part: str) -> Action:
    return lambda cluster: cluster.victim(part).process.kill()


def _stop(part: str) -> Action:
    return lambda cluster: cluster.victim(part).process.send_signal(signal.SIGSTOP)


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
    """The arguments of the application are others: every replica is exchanged, by `quorum upgrade`."""
    cluster.upgrade(log_level="WARNING")


_SLOW, _LEAKING = StubBehaviour(DEADLINE_S + 1.0), StubBehaviour(SERVICE_S, leak_mb=10.0)
_GARBAGE, _NONSENSE = StubBehaviour(SERVICE_S, garbage=True), StubBehaviour(SERVICE_S, nonsense=True)

DEATHS = (
    *(Fault(f"kill {name}", _kill(name)) for name in (*ENGINES, "Segmentation", "Router")),
    Fault("kill Gateway", _kill("Gateway"), kills=True),
    Fault("kill a proxy", _kill(PROXY), kills=True),
    Fault("kill Serve's controller", _kill(CONTROLLER)),
    Fault("kill a worker node", _lose_worker, FaultCluster.mend, 15.0, kills=True),
    Fault("kill the head, which returns", lambda c: c.nodes.head.kill(), FaultCluster.mend, 20.0),
    Fault(
        "the cable of a worker is pulled",
        lambda cluster: cluster.first_worker.host.disconnect(),
        _replace_worker,
        15.0,
        kills=True,
        needs_cables=True,
    ),
)
STOPPED = (
    Fault("an engine hangs (SIGSTOP)", _stop("easyocr"), degrades=True, hangs=True, stops=True),
    *(Fault(f"{part} hangs (SIGSTOP)", _stop(part), stops=True) for part in ("Router", "Segmentation", "Gateway")),
    Fault("a proxy hangs (SIGSTOP)", _stop(PROXY), stops=True),
    Fault("Serve's controller hangs (SIGSTOP)", _stop(CONTROLLER), stops=True),
)
ENGINE_FAULTS = (
    Fault("an engine is slow", _behave("tesseract", _SLOW), _behave("tesseract"), 15.0, degrades=True, hangs=True),
    Fault("an engine crashes at load", _crash_at_load, _behave("trocr"), 20.0, degrades=True),
    Fault("an engine leaks memory", _behave("emnist_cnn", _LEAKING), _behave("emnist_cnn"), 30.0),
    Fault("an engine returns garbage", _behave("easyocr", _GARBAGE), _behave("easyocr"), 10.0, degrades=True),
    Fault("an engine reads nonsense", _behave("easyocr", _NONSENSE), _behave("easyocr"), 10.0),
)
CHANGES = (
    Fault("new weights of one engine", _new_weights),
    Fault("a new version of the whole application", _new_application),
    Fault("a worker is drained and leaves", _drain_worker),
)
