"""Handing over another version: with extra replicas where there is room, and without waiting for them for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from cluster.upgrade.rolling_upgrade import rolling_upgrade
from cluster.upgrade.room import NodeRoom
from ocr.errors import InternalFailure, InvalidRequest, NotReady

CONFIG = {"applications": [{"name": "quorum", "deployments": [{"name": "Gateway"}, {"name": "Router"}]}]}


def replica(state: str = "RUNNING", node: str | None = "n1") -> dict[str, Any]:
    return {"state": state, "node_id": node}


def deployment(*replicas: Mapping[str, Any], status: str = "HEALTHY") -> dict[str, Any]:
    options = {"ray_actor_options": {"num_cpus": 1.0}}
    return {"status": status, "deployment_config": options, "target_num_replicas": 1, "replicas": [*replicas]}


class WrittenCluster:
    """Serve as it is written down: what it says at each look, and what is free."""

    def __init__(self, free_cpus: float, says: Callable[[int], Mapping[str, Any] | None]) -> None:
        self.free_cpus, self.says = free_cpus, says
        self.looks, self.now = -1, 0.0
        self.deployed: list[dict[str, int]] = []
        self.seen_replicas: Mapping[str, Counter[str]] = {}

    def details(self, application: str) -> Mapping[str, Any] | None:
        assert application == "quorum"
        self.looks += 1
        return self.says(self.looks)

    def nodes(self, replicas: Mapping[str, Counter[str]]) -> Sequence[NodeRoom]:
        self.seen_replicas = replicas
        return [NodeRoom({"CPU": self.free_cpus})]

    def deploy(self, config: Mapping[str, Any]) -> None:
        [application] = config["applications"]
        self.deployed.append({each["name"]: each["max_surge_percent"] for each in application["deployments"]})

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def upgrade(self, config: Mapping[str, Any] = CONFIG) -> list[tuple[tuple[str, ...], ...]]:
        steps = rolling_upgrade(config, self, patience_s=10.0, clock=lambda: self.now, sleep=self.sleep)
        return [(step.surging, step.in_place, step.left) for step in steps]


def application(status: str = "RUNNING", message: str = "", **deployments: Any) -> dict[str, Any]:
    parts = {"Gateway": deployment(replica()), "Router": deployment(replica())} | deployments
    return {"status": status, "message": message, "deployments": parts}


def test_those_with_room_start_the_next_version_first() -> None:
    moving = deployment(replica(), replica("STARTING"), status="UPDATING")
    cluster = WrittenCluster(
        1.0, lambda look: application("DEPLOYING", Gateway=moving) if look in (1, 2) else application()
    )
    steps = cluster.upgrade()
    assert cluster.deployed == [{"Gateway": 100, "Router": 0}]
    assert steps == [(("Gateway",), ("Router",), ("Gateway",)), (("Gateway",), ("Router",), ())]
    assert cluster.seen_replicas == {"n1": Counter(Gateway=1, Router=1)}


def test_an_extra_replica_that_finds_no_place_is_not_waited_for_for_ever() -> None:
    waiting = deployment(replica(), replica("STARTING", None), status="UPDATING")

    def says(look: int) -> Mapping[str, Any]:
        return application() if len(cluster.deployed) > 1 or look == 0 else application("DEPLOYING", Router=waiting)

    cluster = WrittenCluster(2.0, says)
    cluster.upgrade()
    assert cluster.deployed == [{"Gateway": 100, "Router": 100}, {"Gateway": 100, "Router": 0}]
    assert 10.0 < cluster.now < 15.0


def test_one_that_found_a_place_may_start_for_as_long_as_it_takes() -> None:
    slow = deployment(replica(), replica("STARTING", "n1"), status="UPDATING")
    cluster = WrittenCluster(
        2.0, lambda look: application("DEPLOYING", Router=slow) if 0 < look < 200 else application()
    )
    cluster.upgrade()
    assert len(cluster.deployed) == 1
    assert cluster.now > 90.0


def test_it_does_not_end_before_serve_has_begun() -> None:
    cluster = WrittenCluster(0.0, lambda _: application())
    assert cluster.upgrade() == [((), ("Gateway", "Router"), ())]
    assert cluster.now > 1.0


def test_serve_giving_up_is_an_error_with_what_it_said() -> None:
    cluster = WrittenCluster(
        0.0, lambda look: application("DEPLOY_FAILED", "no module named x") if look else application()
    )
    with pytest.raises(InternalFailure, match="no module named x"):
        cluster.upgrade()


def test_where_nothing_serves_there_is_nothing_to_upgrade() -> None:
    with pytest.raises(NotReady, match="serves here"):
        WrittenCluster(0.0, lambda _: None).upgrade()


def test_a_file_of_two_applications_is_refused_before_anything_is_asked() -> None:
    cluster = WrittenCluster(0.0, lambda _: application())
    with pytest.raises(InvalidRequest, match="2 applications"):
        cluster.upgrade({"applications": [{"name": "a"}, {"name": "b"}]})
    assert cluster.looks == -1
