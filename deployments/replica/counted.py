"""Counting what is under way: while a block lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


@contextmanager
def counted(counter: Counter[Key], key: Key, number: int = 1) -> Iterator[None]:
    """While the block lasts, `counter[key]` is larger by `number`. A key that comes to nothing is gone, so that a
    counter of callers does not grow with them.
    """
    counter[key] += number
    try:
        yield
    finally:
        counter[key] -= number
        if counter[key] <= 0:
            del counter[key]
