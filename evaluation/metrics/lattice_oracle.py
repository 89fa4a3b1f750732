"""Which of the things said at every place of a line are true.

The truth is laid along all paths through the places at once (dynamic programming over the fewest edits): a candidate's
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
    """The fewest edits of any path, and for each place its candidates' excesses in their order."""

    edits: int
    excesses: tuple[tuple[int, ...], ...]


def lattice_oracle(places: Sequence[Sequence[str]], truth: str) -> LatticeOracle:
    """`places[k]` are the different things said at place k, "" for nothing."""
    letters = np.array([ord(letter) for letter in truth], dtype=np.int64)
    forward = [_start(letters)]
    for said in places:
        forward.append(np.min([_after(forward[-1], text, letters) for text in said], axis=0))
    backward = [_start(letters)]
    for said in reversed(places):
        backward.append(np.min([_after(backward[-1], text[::-1], letters[::-1]) for text in said], axis=0))
    edits = int(forward[-1][-1])
    rest = [costs[::-1] for costs in reversed(backward)]
    excesses = tuple(
        (0,)
        if len(said) == 1
        else tuple(int((_after(forward[at], text, letters) + rest[at + 1]).min()) - edits for text in said)
        for at, said in enumerate(places)
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
