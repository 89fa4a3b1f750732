"""The cluster of benchmarks.faults, broken in every way that it knows, one after the other. Minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.faults.__main__ import figures_of, rows_of
from benchmarks.faults.cluster import HOSTS, FaultCluster, fault_cluster
from benchmarks.faults.kinds import FAULTS, Fault, survive, take_down
from cluster.local.hosts import loopback_hosts

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[FaultCluster]:
    with fault_cluster(loopback_hosts(HOSTS)) as made:
        yield made


@pytest.mark.parametrize("fault", [f for f in FAULTS if not f.needs_cables], ids=lambda f: f.name.replace(" ", "-"))
def test_nothing_is_lost_when(cluster: FaultCluster, fault: Fault) -> None:
    result = survive(cluster, fault)
    print(rows_of([figures_of(result, "test")]))
    assert not result.problems()


def test_what_is_in_flight_when_the_application_is_taken_down_is_answered(cluster: FaultCluster) -> None:
    assert not take_down(cluster).problems()
