"""The three ways to run on Kubernetes, as values: what differs between them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster import node_pools
from cluster.kuberay.pods import Size


@dataclass(frozen=True, slots=True)
class Pool:
    """One group of alike workers: how large a pod of it is, and between how many the autoscaler may choose.

    `name` is the label of its nodes (cluster/node_pools.py), `stage` that of the Dockerfile that its image was built
    from.
    """

    name: str
    stage: str
    size: Size
    least: int
    most: int

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise ValueError(f"pool {self.name}: {self.least} to {self.most} pods are not possible")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One way to run: its pools, and whether serving survives the head's death (GCS state in Redis)."""

    name: str
    title: str
    pools: tuple[Pool, ...]
    redis: bool = False

    @property
    def has_gpus(self) -> bool:
        return any(pool.size.gpus for pool in self.pools)


HEAD = Size(cpu=2, memory_gib=8, store_gib=2)

# The least replicas of everything ask for 12.25 CPUs, and engines for 2.4 GB, beside a card for 5.7 GB; Gateway,
# Router and Segmentation take more. A test holds that the least pods of each overlay hold them. Engines with a GPU take
# 0.75 of a card together.
_EVERYTHING = Size(cpu=14, memory_gib=24, store_gib=4)
_SERVICES = Size(cpu=10, memory_gib=12, store_gib=4)
_CARD = Size(cpu=8, memory_gib=24, store_gib=4, gpus=1)

OVERLAYS: Mapping[str, Overlay] = {
    overlay.name: overlay
    for overlay in (
        Overlay("cpu", "Without GPUs: every engine on CPU nodes.", (Pool(node_pools.CPU, "cpu", _EVERYTHING, 1, 10),)),
        Overlay(
            "gpu",
            "Engines that use a card on GPU nodes, everything else on CPU nodes.",
            (Pool(node_pools.CPU, "cpu", _SERVICES, 1, 10), Pool(node_pools.GPU, "gpu", _CARD, 1, 8)),
        ),
        Overlay(
            "ha",
            "As gpu, and the head's state lives in Redis: when the head dies, serving goes on.",
            (Pool(node_pools.CPU, "cpu", _SERVICES, 2, 10), Pool(node_pools.GPU, "gpu", _CARD, 2, 8)),
            redis=True,
        ),
    )
}
