"""The cluster of benchmarks.faults, broken in every way that it knows, one after the other. Minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.faults import FAULTS, Fault, Scene, row, scene, survive
from cluster.hosts import on_loopback

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stage() -> Iterator[Scene]:
    with scene(on_loopback(3)) as made:
        yield made


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if not fault.needs_cables], ids=lambda fault: fault.name.replace(" ", "-")
)
def test_nothing_is_lost_when(stage: Scene, fault: Fault) -> None:
    result = survive(stage, fault)
    print(f"\n{row(result)}")
    assert not result.problems()
