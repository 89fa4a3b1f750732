"""Tells a worker that nobody waits for its task any more: a number in memory that the replica and the worker share.

A message would have to be looked for between any two steps, and a signal may arrive when the next task has begun.
"""

from __future__ import annotations

import mmap
import os
import struct

_NUMBER = struct.Struct("=q")


class AbandonedTask:
    """The number of the task that was abandoned last; both sides count tasks from 1. `descriptor` is a file in memory,
    passed on from the replica to the worker.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _NUMBER.size)

    @classmethod
    def create(cls) -> AbandonedTask:
        descriptor = os.memfd_create("abandoned-task")
        os.ftruncate(descriptor, _NUMBER.size)
        return cls(descriptor)

    @property
    def number(self) -> int:
        number: int = _NUMBER.unpack_from(self._memory)[0]
        return number

    @number.setter
    def number(self, number: int) -> None:
        _NUMBER.pack_into(self._memory, 0, number)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)
