"""Two faults at once: the second strikes while the cluster still mends the first, on another node.

Each worker has a replica of everything, and there are three, so that one is left. What does not come back by itself,
nodes and Redis, is started again some seconds later, as KubeRay or systemd do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import combinations

from benchmarks.faults.cluster import CONTROLLER, PROXY, FaultCluster, Setting
from benchmarks.faults.fault import Action, Fault
from cluster.local.multi_node_cluster import Node

THREE = Setting(workers=3)
APART_S = 2.0
"""Between the two."""
_LASTS_S = 15.0

Strike = Callable[[FaultCluster, Node], object]
"""Kills something, on this node where it is on several."""


def _kill(part: str) -> Strike:
    return lambda cluster, node: cluster.victim(part, node).process.kill()


STRIKES: Mapping[str, Strike] = {
    "an engine's replica": _kill("trocr"),
    "Router": _kill("Router"),
    "Segmentation": _kill("Segmentation"),
    "Gateway": _kill("Gateway"),
    "a proxy": _kill(PROXY),
    "Serve's controller": _kill(CONTROLLER),
    "a worker node": lambda cluster, node: cluster.nodes.remove(node),
    "the head": lambda cluster, _: cluster.nodes.head.kill(),
    "Redis": lambda cluster, _: cluster.redis.kill(),
}
_CUTS = frozenset({"Gateway", "a proxy", "a worker node"})
"""What takes requests along that it has."""


def _both(first: str, second: str) -> Action:
    def strike(cluster: FaultCluster) -> None:
        one, other = cluster.workers[:2]
        STRIKES[first](cluster, one)
        time.sleep(APART_S)
        STRIKES[second](cluster, other)

    return strike


def _pair(first: str, second: str) -> Fault:
    return Fault(
        f"kill {first}, then {second}",
        _both(first, second),
        FaultCluster.mend,
        _LASTS_S,
        kills=not _CUTS.isdisjoint((first, second)),
        setting=THREE,
    )


PAIRS = tuple(_pair(first, second) for first, second in combinations(STRIKES, 2))
