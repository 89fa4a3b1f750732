"""The three ways to run on Kubernetes, as values: what differs between them, and nothing else.

Memory is in Kubernetes' own units. `slack` below means what Ray and the node agent need beside the replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pool:
    """One group of alike workers: what a pod of it asks for, and between how many the autoscaler may choose.

    `stage` is the stage of the Dockerfile that its image was built from. `gpus` are whole cards of one pod; engines
    take fractions of them.
    """

    name: str
    stage: str
    cpu: int
    memory: str
    least: int
    most: int
    gpus: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most or self.cpu < 1 or self.gpus < 0:
            raise ValueError(f"pool {self} is not possible: want 0 <= least <= most, a CPU or more, no negative GPUs")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One way to run: its pools, and whether the head survives its own death (GCS state in Redis)."""

    name: str
    title: str
    pools: tuple[Pool, ...]
    redis: bool = False

    @property
    def has_gpus(self) -> bool:
        return any(pool.gpus for pool in self.pools)


# Gateway, Router, Segmentation and the engines of one replica each ask for 9 CPUs and 8 GB; a page of forty lines is
# read by all of them at once, so a pool starts with one node that holds one of everything.
_CPU_POOL = Pool("cpu", "cpu", cpu=12, memory="24Gi", least=1, most=10)
_CPU_BESIDE_GPUS = Pool("cpu", "cpu", cpu=8, memory="12Gi", least=1, most=10)
# The fractions of the production file add up to 0.75 of a card: one pod holds one replica of every engine.
_GPU_POOL = Pool("gpu", "gpu", cpu=8, memory="24Gi", least=1, most=8, gpus=1)

OVERLAYS: Mapping[str, Overlay] = {
    overlay.name: overlay
    for overlay in (
        Overlay("cpu", "Without GPUs: every engine on CPU nodes.", (_CPU_POOL,)),
        Overlay(
            "gpu", "Engines on GPU nodes, Gateway, Router and Segmentation on CPU nodes.", (_CPU_BESIDE_GPUS, _GPU_POOL)
        ),
        Overlay(
            "ha",
            "As gpu, and the head's state lives in Redis: when the head dies, serving goes on.",
            (
                Pool("cpu", "cpu", cpu=8, memory="12Gi", least=2, most=10),
                Pool("gpu", "gpu", cpu=8, memory="24Gi", least=2, most=8, gpus=1),
            ),
            redis=True,
        ),
    )
}
