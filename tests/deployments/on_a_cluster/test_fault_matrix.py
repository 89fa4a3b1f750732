"""The clusters of benchmarks.faults, broken in every way that it knows, one after the other, and in some pairs of ways.
A quarter of an hour; `make faults` makes all pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.faults.__main__ import SINGLE, figures_of, rows_of
from benchmarks.faults.cluster import FaultCluster, Setting, fault_cluster
from benchmarks.faults.fault import Fault, survive
from benchmarks.faults.kinds import take_down
from benchmarks.faults.pairs import PAIRS
from cluster.local.hosts import loopback_hosts

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

# One of two replicas, one of two nodes, one with the head gone.
_PAIRS = (
    "kill an engine's replica, then Router",
    "kill Gateway, then a worker node",
    "kill Segmentation, then the head",
)


def _of(setting: Setting) -> list[Fault]:
    made = [fault for fault in (*SINGLE, *PAIRS) if fault.setting == setting and not fault.needs_cables]
    return [fault for fault in made if fault not in PAIRS or fault.name in _PAIRS]


def _named(fault: Fault) -> str:
    return fault.name.replace(" ", "-")


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[FaultCluster]:
    setting: Setting = request.param
    if why_not := setting.why_not():
        pytest.skip(f"NOT RUN: {why_not}")
    with fault_cluster(loopback_hosts(setting.hosts), setting) as made:
        yield made


def _survives(cluster: FaultCluster, fault: Fault) -> None:
    if why_not := fault.why_not():
        pytest.skip(f"NOT RUN: {why_not}")
    result = survive(cluster, fault)
    print(rows_of([figures_of(result, "test")]))
    assert not result.problems()


@pytest.mark.parametrize("cluster", [Setting()], indirect=True, ids=["two-workers"])
@pytest.mark.parametrize("fault", _of(Setting()), ids=_named)
def test_nothing_is_lost_when(cluster: FaultCluster, fault: Fault) -> None:
    _survives(cluster, fault)


@pytest.mark.parametrize("cluster", [Setting()], indirect=True, ids=["two-workers"])
def test_what_is_in_flight_when_the_application_is_taken_down_is_answered(cluster: FaultCluster) -> None:
    assert not take_down(cluster).problems()


@pytest.mark.parametrize("cluster", [Setting(small_disks=True)], indirect=True, ids=["small-disks"])
@pytest.mark.parametrize("fault", _of(Setting(small_disks=True)), ids=_named)
def test_a_full_disk_is_told_of_when(cluster: FaultCluster, fault: Fault) -> None:
    _survives(cluster, fault)


@pytest.mark.parametrize("cluster", [Setting(own_clock=True)], indirect=True, ids=["own-clock"])
@pytest.mark.parametrize("fault", _of(Setting(own_clock=True)), ids=_named)
def test_a_wrong_clock_changes_no_answer_when(cluster: FaultCluster, fault: Fault) -> None:
    _survives(cluster, fault)


@pytest.mark.parametrize("cluster", [Setting(workers=3)], indirect=True, ids=["three-workers"])
@pytest.mark.parametrize("fault", _of(Setting(workers=3)), ids=_named)
def test_nothing_is_lost_in_pairs_when(cluster: FaultCluster, fault: Fault) -> None:
    _survives(cluster, fault)
