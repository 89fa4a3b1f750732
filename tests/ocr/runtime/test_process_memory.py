"""Memory goes back to the system when a burst is over."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from ocr.runtime.process_memory import FreeMemory, own_memory_mb


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


# Bodies of 8 MB with what stays of each behind it, after a larger one was freed. Prints by how much the process grew.
_BODIES = """
from ocr.runtime.process_memory import map_large_buffers, own_memory_mb

map_large_buffers()
largest = bytearray(30_000_000)
del largest
before = own_memory_mb()
bodies, kept = [], []
for _ in range(10):
    bodies.append(bytearray(8_000_000))
    kept.append(bytearray(100_000))
bodies.clear()
print(own_memory_mb() - before)
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="an option of glibc")
def test_bodies_go_back_at_once_whatever_stays_beside_them() -> None:
    done = subprocess.run([sys.executable, "-c", _BODIES], capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) < 8.0
