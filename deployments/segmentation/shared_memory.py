"""Values between two processes of one machine. Arrays go by a block of memory that both see, the rest through the
connection: pixels are copied once, by whoever sends them.
"""

from __future__ import annotations

import mmap
import os
import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle


@dataclass(frozen=True, slots=True)
class _Parcel:
    """A pickle, and the sizes of its buffers. If there are any bytes in them, the descriptor of their block follows."""

    pickled: bytes
    sizes: tuple[int, ...]


def send(connection: Connection, value: object) -> None:
    """Raises OSError when the other side is gone."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    parcel = _Parcel(pickled, tuple(view.nbytes for view in views))
    if not sum(parcel.sizes):
        connection.send(parcel)
        return
    with os.fdopen(os.memfd_create("parcel"), "wb", buffering=0) as block:
        for view in views:
            block.write(view)
        connection.send(parcel)
        send_handle(connection, block.fileno(), None)


def receive(connection: Connection) -> object:
    """What was sent. Arrays are read-only and stay where they lie; their block goes with the last of them.

    Raises EOFError or OSError when the other side is gone.
    """
    parcel: _Parcel = connection.recv()
    total = sum(parcel.sizes)
    block = _mapped(recv_handle(connection), total) if total else memoryview(b"")
    views: list[memoryview] = []
    start = 0
    for size in parcel.sizes:
        views.append(block[start : start + size])
        start += size
    return pickle.loads(parcel.pickled, buffers=views)  # noqa: S301 - it comes from a process of ours


def _mapped(descriptor: int, size: int) -> memoryview:
    try:
        return memoryview(mmap.mmap(descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ))
    finally:
        os.close(descriptor)
