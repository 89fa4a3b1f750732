"""Memory goes back to the system when a burst is over."""

from __future__ import annotations

import gc

from deployments.replica.process_memory import FreeMemory, own_memory_mb


def test_what_a_burst_of_small_pieces_took_is_given_back() -> None:
    free_memory = FreeMemory()
    free_memory.give_back()
    before = own_memory_mb()
    burst = [b"x" * 50_000 for _ in range(4000)]  # too small to be memory of their own that goes back by itself
    last = b"y" * 50_000  # lies above them, so that the heap cannot simply shrink
    grown = own_memory_mb()
    del burst
    gc.collect()
    free_memory.give_back()
    assert grown > before + 100  # the rest was free in the heap of a process that has done much before
    assert own_memory_mb() < grown - 100
    assert last
