"""What the cluster stands on is missing or wrong: Redis, room on disks and in the object store, processors, clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.faults.cluster import FaultCluster, Setting, question
from benchmarks.faults.fault import REFUSALS, Fault
from benchmarks.faults.hardware import ProcessorShare
from ocr.errors import QuorumError
from quorum.client import Client, Retries

_HOUR_S = 3600.0
_TENTH = 0.1
_STORE_MB = 400
"""More than the object store of a node holds (cluster/local/multi_node_cluster.py)."""
_PAUSE_S = 3.0
_PATIENCE_S = 20.0
"""A refusal that takes longer is a hang."""
_ONCE = Retries(times=0)


def _repeated(attempt: Callable[[FaultCluster, int], Iterator[str]]) -> Callable[[FaultCluster, float], list[str]]:
    """Attempt something again and again until the fault is over; what was wrong with it."""

    def meanwhile(cluster: FaultCluster, until: float) -> list[str]:
        wrong: list[str] = []
        number = 0
        while time.monotonic() < until:
            began = time.monotonic()
            wrong += attempt(cluster, number)
            if time.monotonic() - began > _PATIENCE_S:
                wrong.append(f"an answer took {time.monotonic() - began:.0f} s")
            time.sleep(_PAUSE_S)
            number += 1
        return wrong

    return meanwhile


@contextmanager
def _refusals() -> Iterator[list[str]]:
    """What a refusal is called that happens meanwhile, if one does."""
    refused: list[str] = []
    try:
        yield refused
    except QuorumError as error:
        refused.append(type(error).__name__)


def _change_configuration(cluster: FaultCluster, number: int) -> Iterator[str]:
    """Whatever is acknowledged must be in force in the end: see FaultCluster.configuration_kept."""
    with _refusals() as refused:
        cluster.change_configuration({"limits": {"timeout_s": 20.0 + number}})
    if refused and refused[0] not in REFUSALS:
        yield f"a change of the configuration was refused with {refused[0]}"


def _submit(cluster: FaultCluster, _: int) -> Iterator[str]:
    """A job is kept or refused; while the disk is full there is only one right answer."""
    with _refusals() as refused, Client(cluster.urls, cluster.key, timeout_s=_PATIENCE_S, retries=_ONCE) as client:
        client.submit(question().image)
    if refused != ["NotReady"]:
        yield f"a job on a full disk: {refused[0] if refused else 'accepted'}"


def _on_full_disks(cluster: FaultCluster, until: float) -> list[str]:
    """Jobs are refused with the reason until there is room again; then one is accepted, and read."""
    wrong = _repeated(_submit)(cluster, until)
    for disk in cluster.disks:
        disk.empty()
    with Client(cluster.urls, cluster.key) as client:
        state = client.submit(question().image).wait(timeout_s=60.0).state
    return wrong if state == "succeeded" else [*wrong, f"a job after that: {state}"]


def _fill_disks(cluster: FaultCluster) -> None:
    for disk in cluster.disks:
        disk.fill()


def _fill_object_store(cluster: FaultCluster) -> None:
    node = cluster.first_worker.ray_id()
    cluster.nodes.run_on_head("benchmarks.faults.object_ballast", "fill", node, str(_STORE_MB))


def _fill_everything(cluster: FaultCluster) -> None:
    """The disks first, or the object store would be emptied onto them."""
    _fill_disks(cluster)
    _fill_object_store(cluster)


def _release_object_store(cluster: FaultCluster) -> None:
    for disk in cluster.disks:
        disk.empty()
    cluster.nodes.run_on_head("benchmarks.faults.object_ballast", "release")


def _slow_down(cluster: FaultCluster) -> None:
    cluster.processors.hold(cluster.first_worker, _TENTH)


def _end_slowness(cluster: FaultCluster) -> None:
    """A node that was so slow that the head gave it up ends by itself, and another one joins."""
    cluster.processors.release()
    cluster.mend()


def _set_clock(ahead_s: float) -> Callable[[FaultCluster], None]:
    def set_clock(cluster: FaultCluster) -> None:
        assert cluster.clock is not None
        cluster.clock.set(ahead_s)

    return set_clock


_SMALL_DISKS, _OWN_CLOCK = Setting(small_disks=True), Setting(own_clock=True)

SURROUNDINGS = (
    Fault(
        "Redis is away for a minute while the configuration changes",
        lambda cluster: cluster.redis.kill(),
        FaultCluster.mend,
        60.0,
        _repeated(_change_configuration),
    ),
    Fault(
        "a node has a tenth of a core",
        _slow_down,
        _end_slowness,
        30.0,
        refuses=True,
        kills=True,
        why_not=ProcessorShare.why_not,
    ),
    Fault(
        "the disks of logs, spilled objects and jobs are full",
        _fill_disks,
        lasts_s=20.0,
        meanwhile=_on_full_disks,
        setting=_SMALL_DISKS,
    ),
    Fault(
        "the object store of a node is full",
        _fill_object_store,
        _release_object_store,
        15.0,
        large=True,
        setting=_SMALL_DISKS,
    ),
    Fault(
        "the object store of a node is full, and its disk",
        _fill_everything,
        _release_object_store,
        15.0,
        refuses=True,
        large=True,
        setting=_SMALL_DISKS,
    ),
    Fault(
        "the clock of a node jumps an hour ahead",
        _set_clock(_HOUR_S),
        _set_clock(0.0),
        30.0,
        setting=_OWN_CLOCK,
    ),
    Fault(
        "the clock of a node jumps an hour back",
        _set_clock(-_HOUR_S),
        _set_clock(0.0),
        30.0,
        setting=_OWN_CLOCK,
    ),
)
