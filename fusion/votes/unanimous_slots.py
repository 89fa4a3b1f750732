"""The slots of a line in which all engines read the same: most of them, so they are counted all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from fusion.alignment.similarity import folded
from fusion.evidence.claim_evidence import MAX_LOG_ODDS, MIN_LOG_ODDS, Kind, kind_of
from fusion.votes.aligned_hypotheses import AlignedHypotheses

_MIN_PROBABILITY = 1e-9
_KIND_NUMBERS = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True)
class UnanimousSlots:
    """The numbers of N such slots and their texts; for each of E engines, in the order of the hypotheses, the indices
    of its characters there.
    """

    aligned: AlignedHypotheses
    slots: Sequence[int]
    texts: Sequence[str]
    indices: Sequence[Sequence[int]]

    @classmethod
    def of(cls, aligned: AlignedHypotheses) -> UnanimousSlots:
        network = aligned.network
        slots = network.unanimous
        found = list(zip(*[network.slots[slot] for slot in slots], strict=True))
        by_transcription = found or [()] * len(network.transcriptions)
        return cls(
            aligned,
            slots,
            [network.texts[slot][0] for slot in slots],
            [by_transcription[own] for own in aligned.transcription_of],
        )

    @cached_property
    def probabilities(self) -> list[list[float]]:
        """By engine, then by slot."""
        return [
            [own.probabilities[index] for index in indices]
            for own, indices in zip(self.aligned.hypotheses, self.indices, strict=True)
        ]

    @cached_property
    def log_odds(self) -> NDArray[np.float64]:
        """(E, N): of the probabilities, within MIN_LOG_ODDS and MAX_LOG_ODDS."""
        raw = np.array(self.probabilities, dtype=np.float64)
        clipped = np.minimum(np.maximum(raw, _MIN_PROBABILITY), 1.0 - _MIN_PROBABILITY)
        odds = np.log(clipped / (1.0 - clipped))
        return np.asarray(np.minimum(np.maximum(odds, MIN_LOG_ODDS), MAX_LOG_ODDS), dtype=np.float64)

    @cached_property
    def kinds(self) -> list[int]:
        """The place in Kind of each text."""
        return list(map(_kind_number, self.texts))


@lru_cache(maxsize=4096)
def _kind_number(text: str) -> int:
    return _KIND_NUMBERS[kind_of(folded(text), ())]
