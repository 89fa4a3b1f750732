"""Draws that all makers of synthetic lines and characters share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """One of the items, each as likely."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)
