"""Two faults at once: the second strikes while the cluster still mends the first, on another node.

Each worker has a replica of everything, and there are three, so that one is left; five where two nodes are lost that
did nothing wrong but stand beside each other. What does not come back by itself, nodes and Redis, is started again some
seconds later, as KubeRay or systemd do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import combinations, product

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


FIVE = Setting(workers=5)
_LOSSES: Mapping[str, Strike] = {
    "killed": STRIKES["a worker node"],
    "cut off": lambda _, node: node.host.disconnect(),
}
"""How a node is lost. One that is cut off says nothing any more, and lives on."""
_NODES_APART_S = 15.0


def _lose(first: str, second: str) -> Fault:
    lost: list[Node] = []

    def begin(cluster: FaultCluster) -> None:
        lost[:] = cluster.workers[:2]
        _LOSSES[first](cluster, lost[0])
        time.sleep(_NODES_APART_S)
        _LOSSES[second](cluster, lost[1])

    def end(cluster: FaultCluster) -> None:
        """A node that the head has given up ends when it hears of it; others take the places of both."""
        for node in lost:
            if node.host.interface:
                node.host.reconnect()
            if node in cluster.nodes.nodes:
                cluster.nodes.remove(node)
        cluster.mend()

    return Fault(
        f"one node is {first}, then another {second}",
        begin,
        end,
        _NODES_APART_S + _LASTS_S,
        kills=True,
        requests=2000,
        within_s=4.0,
        needs_cables="cut off" in (first, second),
        setting=FIVE,
    )


TWO_NODES = tuple(_lose(first, second) for first, second in product(_LOSSES, repeat=2))
TWO_FAULTS = (*PAIRS, *TWO_NODES)
