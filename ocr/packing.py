"""Pickling frozen values with slots in half the time. A page of 40 lines goes from Router to Gateway as 23,000 values
where its votes are wanted, and as 5,000 where they are not.

What dataclasses puts into such a class looks the fields up anew for every object, both ways: 53 ms to write the page
and 48 ms to read it, 27 and 22 with this (one core).
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, TypeVar

Value = TypeVar("Value")


def packed(cls: type[Value]) -> type[Value]:
    """Decorates a frozen dataclass with slots, from the outside."""
    names: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
    state_of = attrgetter(*names)
    setters = tuple(getattr(cls, name).__set__ for name in names)  # of the slots: the class itself is frozen

    def getstate(self: Value) -> tuple[Any, ...]:
        return state_of(self) if len(names) > 1 else (state_of(self),)

    def setstate(self: Value, state: tuple[Any, ...]) -> None:
        for put, value in zip(setters, state, strict=True):
            put(self, value)

    cls.__getstate__ = getstate  # type: ignore[assignment]
    cls.__setstate__ = setstate  # type: ignore[attr-defined]
    return cls
