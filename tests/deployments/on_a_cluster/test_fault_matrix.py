"""The cluster of benchmarks.faults, broken in every way that it knows, one after the other. Minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.faults.__main__ import Row
from benchmarks.faults.fault_kinds import FAULTS, Fault, survive, take_down
from benchmarks.faults.fault_scene import HOSTS, Scene, scene
from cluster.local.hosts import on_loopback

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stage() -> Iterator[Scene]:
    with scene(on_loopback(HOSTS)) as made:
        yield made


@pytest.mark.parametrize("fault", [f for f in FAULTS if not f.needs_cables], ids=lambda f: f.name.replace(" ", "-"))
def test_nothing_is_lost_when(stage: Scene, fault: Fault) -> None:
    result = survive(stage, fault)
    print(f"\n{Row.of(result, 'test')}")
    assert not result.problems()


def test_what_is_in_flight_when_the_application_is_taken_down_is_answered(stage: Scene) -> None:
    assert not take_down(stage).problems()
