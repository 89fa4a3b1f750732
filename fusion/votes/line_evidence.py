"""The evidence on a line in a tuned profile: how much every text, and the spelling model's choice, counts.

The spelling model is asked about a slot with what stands around it, and there other slots may be disputed. They are
taken as the engines' evidence alone would decide them, then once more as evidence and spelling would: never by the
weights, so that more weight for an engine moves nothing but its own support.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fusion.alignment.similarity import folded
from fusion.evidence.confidence import CharacterConfidence
from fusion.evidence.engine_evidence import MAX_LOG_ODDS, MIN_LOG_ODDS, EngineEvidence, Kind, kind_of
from fusion.evidence.spelling_evidence import SPELLING, SpellingEvidence
from fusion.evidence.spelling_model import context_of, symbols
from fusion.profiles.profile import Profile
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.disputed_slots import DisputedSlots, disputed_slots, others_of
from ocr import Vote

_ROUNDS = 2
_MIN_PROBABILITY = 1e-9
_KIND_NUMBERS = {kind: number for number, kind in enumerate(Kind)}
_UNTUNED = EngineEvidence()

CandidateSupports = dict[str, float]
"""Supports in nats, by candidate."""


@dataclass(frozen=True, slots=True)
class SlotEvidence:
    """The support of each arc of disputed slots, and of candidates by the spelling model, all times their weight."""

    disputed: DisputedSlots
    supports: tuple[float, ...]
    spelling: CandidateSupports


@dataclass(frozen=True, slots=True)
class LineEvidence:
    """Of one line: its disputed slots by the first of them, and what is needed for the unanimous ones."""

    disputed: Mapping[int, SlotEvidence]
    evidence: tuple[EngineEvidence, ...]
    multipliers: tuple[float, ...]
    agreements: tuple[float, ...]
    confidence: CharacterConfidence

    @classmethod
    def of(cls, aligned: AlignedHypotheses, profile: Profile) -> LineEvidence:
        tuning = profile.tuning
        assert tuning is not None
        multipliers = profile.evidence_multipliers([own.engine for own in aligned.hypotheses])
        agreements = tuple(aligned.agreements())
        evidence = tuple([tuning.evidence.get(own.engine, _UNTUNED) for own in aligned.hypotheses])
        disputed = disputed_slots(aligned)
        supports = {index: arc_supports(slots, evidence, agreements) for index, slots in disputed.items()}
        spelling = dict.fromkeys(disputed, CandidateSupports())
        if tuning.spelling is not None and multipliers[SPELLING] > 0.0:
            texts = [aligned.network.texts[slots.start][0] for slots in aligned.network.slot_groups]
            spelling = _spelling_supports(texts, disputed, supports, tuning.spelling)
        own = tuple([multipliers[hypothesis.engine] for hypothesis in aligned.hypotheses])
        return cls(
            {
                slots.slots.start: SlotEvidence(
                    slots,
                    tuple([multiplier * support for multiplier, support in zip(own, supports[index], strict=True)]),
                    {candidate: multipliers[SPELLING] * support for candidate, support in spelling[index].items()},
                )
                for index, slots in disputed.items()
            },
            evidence,
            own,
            agreements,
            tuning.character_confidence.at_agreement(sum(agreements) / len(agreements)),
        )

    def unanimous_confidences(self, texts: Sequence[str], probabilities: Sequence[Sequence[float]]) -> list[float]:
        """In each of some characters that all engines read; `probabilities[k]` are those of engine k."""
        if not texts:
            return []
        kinds = list(map(_kind_number, texts))
        clipped = np.minimum(np.maximum(np.array(probabilities), _MIN_PROBABILITY), 1.0 - _MIN_PROBABILITY)  # (E, N)
        odds = np.minimum(np.maximum(np.log(clipped / (1.0 - clipped)), MIN_LOG_ODDS), MAX_LOG_ODDS)
        own = np.array([evidence.by_kind for evidence in self.evidence])[:, :, kinds]  # (E, 2, N): base, slope
        agreed = [
            evidence.agreement * agreement for evidence, agreement in zip(self.evidence, self.agreements, strict=True)
        ]
        odds = own[:, 0] + own[:, 1] * odds + np.array(agreed)[:, None]
        total = np.array(self.multipliers) @ np.logaddexp(0.0, odds)  # (N,)
        value = np.minimum(np.maximum(self.confidence.base + self.confidence.slope * total, -700.0), 700.0)
        confidences: list[float] = (1.0 / (1.0 + np.exp(-value))).tolist()
        return confidences

    def spelling_votes(self) -> dict[int, Vote]:
        """What the spelling model prefers in the slots that it was asked about, by the first of them."""
        return dict(vote for slots in self.disputed.values() for vote in _spelling_vote(slots))


@lru_cache(maxsize=4096)
def _kind_number(text: str) -> int:
    """The place in Kind of a text that all engines read."""
    return _KIND_NUMBERS[kind_of(folded(text), ())]


def arc_supports(
    disputed: DisputedSlots, evidence: Sequence[EngineEvidence], agreements: Sequence[float]
) -> tuple[float, ...]:
    """The support in nats of each arc; `agreements` are the engines' in log-odds."""
    others = others_of(disputed.candidates)
    return tuple(
        [
            own.support(arc.kind, arc.candidate, others[arc.candidate], arc.probability, arc.spacing, agreement)
            for own, arc, agreement in zip(evidence, disputed.arcs, agreements, strict=True)
        ]
    )


def candidate_supports(disputed: DisputedSlots, supports: Sequence[float]) -> CandidateSupports:
    """For each candidate the sum of the supports of its arcs."""
    sums: CandidateSupports = dict.fromkeys(disputed.candidates, 0.0)
    for arc, support in zip(disputed.arcs, supports, strict=True):
        sums[arc.candidate] += support
    return sums


def _spelling_supports(
    texts: list[str],
    disputed: Mapping[int, DisputedSlots],
    supports: Mapping[int, tuple[float, ...]],
    spelling: SpellingEvidence,
) -> dict[int, CandidateSupports]:
    """By slot group, as the engines' evidence decides the groups around; `texts[k]` is the text of group k where all
    engines agree.
    """
    by_engines = {index: candidate_supports(slots, supports[index]) for index, slots in disputed.items()}
    spelt = {index: {candidate: symbols(candidate) for candidate in own} for index, own in by_engines.items()}
    by_spelling: dict[int, CandidateSupports] = {}
    contexts: dict[int, tuple[str, str]] = {}
    for _ in range(_ROUNDS):
        for index, own in by_engines.items():
            more = by_spelling.get(index, {})
            texts[index] = max(own, key=lambda candidate: (own[candidate] + more.get(candidate, 0.0), candidate))
        for index, candidates in spelt.items():
            context = context_of(texts, index, spelling.model.order - 1)
            if contexts.get(index) != context:
                contexts[index] = context
                by_spelling[index] = spelling.supports(*context, candidates)
    return by_spelling


def _spelling_vote(slots: SlotEvidence) -> Iterator[tuple[int, Vote]]:
    if not any(slots.spelling.values()):
        return
    preferred = max(slots.spelling, key=lambda candidate: (slots.spelling[candidate], candidate))
    support = slots.spelling[preferred]
    probability = 1.0 / sum([math.exp(other - support) for other in slots.spelling.values()])
    weight = support / (support + sum(slots.supports))
    yield slots.disputed.slots.start, Vote(SPELLING, preferred, weight, probability)
