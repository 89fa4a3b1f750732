"""Which candidates of the slots of a line are right.

The truth is aligned with all paths through the slots at once (dynamic programming over the fewest edits): a candidate's
excess is how many edits more the best path through it needs than the best path of all. 0 means that it may be chosen
without harm; where all candidates have 0, there is nothing to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.int64]
"""(len(truth) + 1,): the fewest edits by which a path so far becomes the first k characters of the truth."""


@dataclass(frozen=True, slots=True)
class LatticeOracle:
    """The fewest edits of any path, and for each slot its candidates' excesses in their order."""

    edits: int
    excesses: tuple[tuple[int, ...], ...]


def lattice_oracle(slots: Sequence[Sequence[str]], truth: str) -> LatticeOracle:
    """`slots[k]` are the candidates of slot k, "" for nothing."""
    letters = np.array([ord(letter) for letter in truth], dtype=np.int64)
    forward = [_start(letters)]
    for candidates in slots:
        forward.append(np.min([_after(forward[-1], text, letters) for text in candidates], axis=0))
    backward = [_start(letters)]
    for candidates in reversed(slots):
        backward.append(np.min([_after(backward[-1], text[::-1], letters[::-1]) for text in candidates], axis=0))
    edits = int(forward[-1][-1])
    rest = [costs[::-1] for costs in reversed(backward)]
    excesses = tuple(
        (0,)
        if len(candidates) == 1
        else tuple(int((_after(forward[at], text, letters) + rest[at + 1]).min()) - edits for text in candidates)
        for at, candidates in enumerate(slots)
    )
    return LatticeOracle(edits, excesses)


def _start(letters: Costs) -> Costs:
    return np.arange(len(letters) + 1)


def _after(costs: Costs, text: str, letters: Costs) -> Costs:
    """The costs once `text` was read as well."""
    for letter in text:
        read = costs + 1
        read[1:] = np.minimum(read[1:], costs[:-1] + (letters != ord(letter)))
        places = np.arange(len(read))
        costs = np.minimum.accumulate(read - places) + places  # letters of the truth that nobody read
    return costs
