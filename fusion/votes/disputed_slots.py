"""Slots in which the engines differ: who reads what there, and which candidates there are.

Linked slots are one. Nothing here knows weights: what is disputed depends on the hypotheses only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from fusion.alignment.confusion_network import ABSENT
from fusion.alignment.similarity import NULL, folded
from fusion.evidence.claim_evidence import Kind, kind_of
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.weighted_hypotheses import WeightedHypothesis

_SPACE_OR_NULL = frozenset((" ", NULL))


class Arc(NamedTuple):
    """What one engine has in some slots: its text in one piece, the candidate that it stands for (the text with plain
    typographic forms), its probability in [0, 1] (the geometric mean of its characters), for each slot the index of its
    character, or ABSENT, and the probabilities that the engine gives to other candidates.
    """

    text: str
    candidate: str
    kind: Kind
    probability: float
    indices: tuple[int, ...]
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DisputedSlots:
    """Some slots of a network, the arc of each engine there, in the order of the hypotheses, and the different
    candidates in order.
    """

    slots: range
    arcs: tuple[Arc, ...]
    candidates: tuple[str, ...]


def disputed_slots(aligned: AlignedHypotheses) -> dict[int, DisputedSlots]:
    """All of a line, by their index in the network's slot groups."""
    unanimous = set(aligned.network.unanimous)
    return {
        index: arcs_of(aligned, slots)
        for index, slots in enumerate(aligned.network.slot_groups)
        if len(slots) > 1 or slots.start not in unanimous
    }


def arcs_of(aligned: AlignedHypotheses, slots: range) -> DisputedSlots:
    """What each engine has in some slots, whether they differ or not."""
    network = aligned.network
    indices = list(zip(*network.slots[slots.start : slots.stop], strict=True))  # by transcription, then by slot
    texts = ["".join(own) for own in zip(*network.texts[slots.start : slots.stop], strict=True)]  # by transcription
    candidates = tuple(sorted(set(map(folded, texts))))
    others = others_of(candidates)
    of_space = len(slots) == 1 and _SPACE_OR_NULL.issuperset(candidates)
    return DisputedSlots(
        slots,
        tuple(
            [
                _printed_arc(hypothesis, texts[own], indices[own], others)
                if texts[own] not in _SPACE_OR_NULL
                else _blank_arc(
                    hypothesis, texts[own], indices[own], others, network.next_character(slots.start, own), of_space
                )
                for hypothesis, own in zip(aligned.hypotheses, aligned.transcription_of, strict=True)
            ]
        ),
        candidates,
    )


@lru_cache(maxsize=16384)
def others_of(candidates: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """For each candidate the others, in their order. The same few meet again and again."""
    return {candidate: tuple([other for other in candidates if other != candidate]) for candidate in candidates}


def _printed_arc(
    hypothesis: WeightedHypothesis, text: str, indices: tuple[int, ...], others: Mapping[str, tuple[str, ...]]
) -> Arc:
    """Of an engine that reads something printed there."""
    candidate = folded(text)
    if len(indices) == 1:
        probability = hypothesis.probabilities[indices[0]]
    else:
        own = [hypothesis.probabilities[index] for index in indices if index != ABSENT]
        probability = own[0] if len(own) == 1 else math.prod(own) ** (1.0 / len(own))
    alternatives = _alternatives(hypothesis, indices, others[candidate])
    return Arc(text, candidate, kind_of(candidate, others[candidate]), probability, indices, alternatives)


def _alternatives(
    hypothesis: WeightedHypothesis, indices: tuple[int, ...], others: tuple[str, ...]
) -> tuple[tuple[str, float], ...]:
    """Of one character, the probabilities of what other engines read there."""
    own = indices if len(indices) == 1 else [index for index in indices if index != ABSENT]
    if len(own) != 1 or own[0] == ABSENT:
        return ()
    alternatives = hypothesis.alternatives[own[0]]
    if not alternatives:
        return ()
    found: dict[str, float] = {}
    for text, probability in alternatives:
        candidate = folded(text)
        if candidate in others:
            found[candidate] = max(found.get(candidate, 0.0), probability)
    return tuple(sorted(found.items())) if found else ()


def _blank_arc(
    hypothesis: WeightedHypothesis,
    text: str,
    indices: tuple[int, ...],
    others: Mapping[str, tuple[str, ...]],
    following: int,
    of_space: bool,
) -> Arc:
    """Of an engine that reads nothing there, or a space; `following` is its first character there or after."""
    left, right = following - 1, following + (text == " ")
    neighbours = "".join(hypothesis.texts[max(0, left) : left + 1] + hypothesis.texts[right : right + 1])
    if text == " ":
        probability = hypothesis.probabilities[following]
    else:
        probability = hypothesis.null_probability(following, of_space=of_space)
    return Arc(
        text,
        text,
        kind_of(text, others[text], neighbours),
        probability,
        indices,
        _alternatives(hypothesis, indices, others[text]),
    )
