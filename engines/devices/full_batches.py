"""Batches of a few sizes alone: a runtime prepares itself once for each size that it meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A batch (N, ...) to what is computed of each of it, (N, ...)."""


def in_full_batches(compute: Network, sizes: Sequence[int]) -> Network:
    """The same for a batch of any size: in parts that are filled up with zeros to one of `sizes`, which rise."""
    most = sizes[-1]

    def network(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([filled(batch[start : start + most]) for start in range(0, len(batch), most)])

    def filled(part: NDArray[np.float32]) -> NDArray[np.float32]:
        size = next(size for size in sizes if size >= len(part))
        full = np.zeros((size, *part.shape[1:]), np.float32)
        full[: len(part)] = part
        return compute(full)[: len(part)]

    return network
