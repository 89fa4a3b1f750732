"""Handing another version of an application to a cluster that serves, and staying until it is there.

    for progress in rolling_upgrade(config):      # on a node of the cluster; Serve's own schema
        show(progress)

Where a node has room, the next version of a replica starts before the old one ends (cluster/upgrade/room.py). Who else
starts something meanwhile is not known: an extra replica that finds no place is not waited for for ever. After
`patience_s` the deployment goes on as without it, one replica ending before the next one starts. Times are seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cluster.local.serve_deploy import deploy
from cluster.upgrade.room import Needs, NodeRoom, surging, with_room
from ocr.errors import InternalFailure, InvalidRequest, NotReady

_LOOK_S = 0.5
_LEAST_S = 2.0
"""So long Serve may say that everything is well before it has begun."""
_DONE, _FAILED = "RUNNING", "DEPLOY_FAILED"


@dataclass(frozen=True, slots=True)
class UpgradeProgress:
    """How far it is: `surging` start the next version first, `in_place` do not, `left` are not there yet."""

    surging: tuple[str, ...]
    in_place: tuple[str, ...]
    left: tuple[str, ...]


class ServingCluster(Protocol):
    """What is asked of Ray and Serve."""

    def details(self, application: str) -> Mapping[str, Any] | None:
        """Serve's own account of an application (ApplicationDetails); None where there is none."""

    def nodes(self, replicas: Mapping[str, Counter[str]]) -> Sequence[NodeRoom]:
        """The nodes that live; `replicas` by node and deployment."""

    def deploy(self, config: Mapping[str, Any]) -> None:
        """Hand it over; it comes up in the background."""


def rolling_upgrade(
    config: Mapping[str, Any],
    cluster: ServingCluster,
    *,
    patience_s: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[UpgradeProgress]:
    """Yields whenever something changed; ends when the new version serves.

    Raises:
        InvalidRequest: the file has not exactly one application.
        NotReady: the application does not serve, so there is nothing to upgrade.
        InternalFailure: Serve gave up; what it said.
    """
    application = _only(config)
    name = str(application.get("name", "default"))
    details = cluster.details(name)
    if details is None:
        raise NotReady(f"no application {name!r} serves here", "start it with serve deploy")
    needs = _needs(application, details)
    first = with_room(needs, cluster.nodes(_by_node(details)))
    waits = _Waits(patience_s, clock)

    def hand_over() -> None:
        cluster.deploy({**config, "applications": [surging(application, needs, first)]})

    hand_over()
    began, told = clock(), None
    while True:
        details = cluster.details(name) or {}
        status = details.get("status")
        if status == _FAILED:
            raise InternalFailure(f"Serve gave up: {details.get('message', '')}", "correct it, and upgrade again")
        stuck = waits.too_long(first, details)
        if stuck:
            first = tuple(each for each in first if each not in stuck)
            hand_over()
        progress = UpgradeProgress(first, tuple(each for each in needs if each not in first), _left(details))
        if progress != told:
            yield progress
            told = progress
        if status == _DONE and not progress.left and clock() - began > _LEAST_S:
            return
        sleep(_LOOK_S)


class _Waits:
    """Since when a replica of each deployment waits for a place."""

    def __init__(self, patience_s: float, clock: Callable[[], float]) -> None:
        self._patience_s, self._clock = patience_s, clock
        self._since: dict[str, float] = {}

    def too_long(self, names: Collection[str], details: Mapping[str, Any]) -> set[str]:
        now = self._clock()
        waiting = {
            name
            for name, deployment in details.get("deployments", {}).items()
            if name in names and any(_waits(replica) for replica in deployment["replicas"])
        }
        self._since = {name: self._since.get(name, now) for name in waiting}
        return {name for name, since in self._since.items() if now - since > self._patience_s}


def _waits(replica: Mapping[str, Any]) -> bool:
    """Whether Ray has found no node for it yet."""
    return replica["state"] == "STARTING" and not replica.get("node_id")


def _only(config: Mapping[str, Any]) -> Mapping[str, Any]:
    applications = config.get("applications") or []
    if len(applications) != 1:
        raise InvalidRequest(f"the file has {len(applications)} applications", "give a Serve file with one")
    only: Mapping[str, Any] = applications[0]
    return only


def _needs(application: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Needs]:
    """What one more replica needs of each deployment that runs and that the file names."""
    running = details["deployments"]
    named = {section["name"]: section for section in application.get("deployments", ())}
    return {
        name: Needs.of({**running[name]["deployment_config"], **section}, running[name]["target_num_replicas"])
        for name, section in named.items()
        if name in running and not section.get("max_surge_percent")
    }


def _by_node(details: Mapping[str, Any]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for name, deployment in details["deployments"].items():
        for replica in deployment["replicas"]:
            if replica.get("node_id"):
                found.setdefault(replica["node_id"], Counter())[name] += 1
    return found


def _left(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Deployments that are on their way."""
    deployments = details.get("deployments", {})
    return tuple(name for name, deployment in deployments.items() if deployment["status"] != "HEALTHY")


class RayCluster:
    """The cluster that this process has joined."""

    def details(self, application: str) -> Mapping[str, Any] | None:
        from ray.serve.context import _get_global_client

        client = _get_global_client()
        found = client.get_serve_details()["applications"].get(application) if client else None
        return found if found and found["status"] != "NOT_STARTED" else None

    def nodes(self, replicas: Mapping[str, Counter[str]]) -> Sequence[NodeRoom]:
        import ray
        from ray._private.state import available_resources_per_node

        free = available_resources_per_node()
        return [
            NodeRoom(free.get(node["NodeID"], {}), node.get("Labels", {}), replicas.get(node["NodeID"], {}))
            for node in ray.nodes()
            if node["Alive"]
        ]

    def deploy(self, config: Mapping[str, Any]) -> None:
        deploy(config)
