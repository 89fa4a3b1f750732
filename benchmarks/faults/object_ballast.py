"""Fills the object store of one node, and empties it again. Run on a node of the cluster.

python -m benchmarks.faults.object_ballast fill NODE_ID MEGABYTES
python -m benchmarks.faults.object_ballast release

An actor on that node holds the objects, until it is killed. It puts them one by one, and stops at the first that the
node does not take.
"""

from __future__ import annotations

import sys

import numpy as np
import ray
from ray.exceptions import ObjectStoreFullError, OutOfDiskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

_NAME = "object-ballast"
_NAMESPACE = "faults"
_PIECE_MB = 10


class Ballast:
    """Holds objects."""

    def __init__(self) -> None:
        self._held: list[ray.ObjectRef] = []

    def put(self, megabytes: int) -> int:
        """Hold so much, or as much as there is room for. Returns how much it is, in megabytes."""
        try:
            while len(self._held) * _PIECE_MB < megabytes:
                self._held.append(ray.put(np.ones(_PIECE_MB * 1_000_000, np.uint8)))
        except (ObjectStoreFullError, OutOfDiskError):
            pass
        return len(self._held) * _PIECE_MB


def main() -> None:
    """Do what the command line says."""
    ray.init(address="auto", namespace=_NAMESPACE, log_to_driver=False)
    if sys.argv[1] == "release":
        ray.kill(ray.get_actor(_NAME))
        return
    node, megabytes = sys.argv[2], int(sys.argv[3])
    ballast = (
        ray.remote(Ballast)
        .options(
            name=_NAME,
            lifetime="detached",
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        .remote()
    )
    print(ray.get(ballast.put.remote(megabytes)))


if __name__ == "__main__":
    main()
