"""The ways to run on Kubernetes, as values: what differs between them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster import node_pools
from cluster.kuberay.pods import Size
from ocr.errors import InvalidRequest


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
class IncrementalUpgrade:
    """How the requests go over to a new cluster: `step_percent` of them each `interval_s` seconds, through a Gateway of
    the class that is installed. Both clusters together have at most `surge_percent` more than one of them.
    """

    gateway_class: str = "istio"
    step_percent: int = 10
    interval_s: int = 30
    surge_percent: int = 50

    def __post_init__(self) -> None:
        if not (0 < self.step_percent <= self.surge_percent <= 100 and self.interval_s > 0 and self.gateway_class):
            raise ValueError(f"KubeRay does not take {self}")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One way to run: its pools, whether serving survives the head's death (GCS state in Redis), and whether an upgrade
    goes step by step; without that, all requests change over at once.
    """

    name: str
    title: str
    pools: tuple[Pool, ...]
    redis: bool = False
    upgrade: IncrementalUpgrade | None = None

    @property
    def has_gpus(self) -> bool:
        return any(pool.size.gpus for pool in self.pools)

    def through(self, gateway_class: str) -> Overlay:
        """The same with gateways of this class. Raises InvalidRequest where an upgrade does not go by steps."""
        if self.upgrade is None:
            raise InvalidRequest(f"overlay {self.name} uses no gateway", "take the overlay incremental")
        return replace(self, upgrade=replace(self.upgrade, gateway_class=gateway_class))


HEAD = Size(cpu=2, memory_gib=8, store_gib=2)

# The least replicas of everything ask for 12.25 CPUs, and engines for 2.4 GB, beside a card for 5.7 GB; Gateway,
# Router and Segmentation take more. A test holds that the least pods of each overlay hold them. Engines with a GPU take
# 0.75 of a card together.
_EVERYTHING = Size(cpu=14, memory_gib=24, store_gib=4)
_SERVICES = Size(cpu=10, memory_gib=12, store_gib=4)
_CARD = Size(cpu=8, memory_gib=24, store_gib=4, gpus=1)
_TWO_OF_EACH = (Pool(node_pools.CPU, "cpu", _SERVICES, 2, 10), Pool(node_pools.GPU, "gpu", _CARD, 2, 8))

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
            _TWO_OF_EACH,
            redis=True,
        ),
        Overlay(
            "incremental",
            "As ha, and in an upgrade requests go over to the new cluster step by step, through a Gateway.",
            _TWO_OF_EACH,
            redis=True,
            upgrade=IncrementalUpgrade(),
        ),
    )
}
