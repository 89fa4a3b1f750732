"""The evidence on a line in a tuned profile: how much every text, and the languages' choice, counts.

Spelling and words are asked about a slot with what stands around it, and there other slots may be disputed. They are
taken as the engines' evidence alone would decide them, then twice more as evidence and spelling would: never by the
weights, so that more weight for an engine moves nothing but its own support.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fusion.evidence.claim_evidence import GROUP_OF, GROUPS, ClaimEvidence, support_of
from fusion.evidence.confidence import CharacterConfidence
from fusion.evidence.language import PageLanguage, word_around
from fusion.evidence.spelling_evidence import SPELLING, SpellingEvidence
from fusion.evidence.spelling_model import OTHER, context_of, symbols
from fusion.profiles.profile import Profile
from fusion.votes.disputed_slots import DisputedSlots
from fusion.votes.page_evidence import PageConduct, PageEvidence, ReadLine
from fusion.votes.unanimous_slots import UnanimousSlots
from ocr import Vote

_ROUNDS = 3

CandidateSupports = dict[str, float]
"""Supports in nats, by candidate."""


class EngineOnLine(NamedTuple):
    """What is known of an engine on a line: its conduct on the page, how much it agrees with others on the line in
    log-odds, and whether it is the best that the profile knows.
    """

    conduct: PageConduct
    agreement: float
    leads: bool


@dataclass(frozen=True, slots=True)
class SlotEvidence:
    """The supports of candidates by each engine's own text and its alternatives, and by spelling and words; all times
    their weight. `supports[k]` is the part of engine k's own text.
    """

    disputed: DisputedSlots
    supports: tuple[float, ...]
    alternatives: CandidateSupports
    spelling: CandidateSupports

    @property
    def beyond_choices(self) -> CandidateSupports:
        """What candidates have beside the engines' own texts."""
        return {
            candidate: self.alternatives.get(candidate, 0.0) + self.spelling.get(candidate, 0.0)
            for candidate in self.disputed.candidates
        }


@dataclass(frozen=True, slots=True)
class LineEvidence:
    """Of one line: its disputed slots by the first of them, and what is needed for the unanimous ones."""

    disputed: Mapping[int, SlotEvidence]
    evidence: ClaimEvidence
    engines: tuple[EngineOnLine, ...]
    multipliers: tuple[float, ...]
    confidence: CharacterConfidence
    language: PageLanguage | None = None

    @classmethod
    def of(cls, line: ReadLine, page: PageEvidence, profile: Profile) -> LineEvidence:
        tuning = profile.tuning
        assert tuning is not None
        names = [own.engine for own in line.aligned.hypotheses]
        multipliers = profile.evidence_multipliers(names)
        own = tuple([multipliers[name] for name in names])
        engines = engines_on_line(line, page, tuning.leading)
        arcs = {index: arc_supports(slots, tuning.evidence, engines) for index, slots in line.disputed.items()}
        spelling = dict.fromkeys(line.disputed, CandidateSupports())
        if tuning.spelling is not None and page.language is not None and multipliers[SPELLING] > 0.0:
            network = line.aligned.network
            texts = [network.texts[slots.start][0] for slots in network.slot_groups]
            by_engines = {index: candidate_supports(slots, arcs[index]) for index, slots in line.disputed.items()}
            spelling, _ = spelling_supports(texts, by_engines, tuning.spelling, page.language)
        disputed = {
            slots.slots.start: _weighted(slots, arcs[index], own, spelling[index], multipliers[SPELLING])
            for index, slots in line.disputed.items()
        }
        agreement = sum([engine.agreement for engine in engines]) / len(engines)
        confidence = tuning.character_confidence.at_agreement(agreement)
        return cls(disputed, tuning.evidence, engines, own, confidence, page.language)

    def unanimous_confidences(self, unanimous: UnanimousSlots) -> list[float]:
        """In each character that all engines read."""
        if not unanimous.texts:
            return []
        kinds = unanimous.kinds
        base, slope, reliability = self.evidence.by_kind[:, kinds]  # (N,) each
        conduct = np.array([[own.conduct.reliability[group] for group in GROUPS] for own in self.engines])
        known = [
            self.evidence.agreement * own.agreement + self.evidence.certainty * own.conduct.certainty
            for own in self.engines
        ]
        odds = base + slope * unanimous.log_odds + reliability * conduct[:, kinds] + np.array(known)[:, None]
        supports = np.logaddexp(0.0, odds) + np.array([self.evidence.lead * own.leads for own in self.engines])[:, None]
        total = np.array(self.multipliers) @ supports  # (N,)
        value = np.minimum(np.maximum(self.confidence.base + self.confidence.slope * total, -700.0), 700.0)
        confidences: list[float] = (1.0 / (1.0 + np.exp(-value))).tolist()
        return confidences

    def spelling_votes(self) -> dict[int, Vote]:
        """What the languages prefer in the slots that they were asked about, by the first of them."""
        return dict(vote for slots in self.disputed.values() for vote in _spelling_vote(slots))


def engines_on_line(line: ReadLine, page: PageEvidence, leading: frozenset[str]) -> tuple[EngineOnLine, ...]:
    """In the order of the hypotheses. An engine leads that read the line, and most of the page, with a model for such
    lines. Where there is none, and the best engine that is known has not read the line, the one leads that is surest on
    the page of what all read alike.
    """
    names = [own.engine for own in line.aligned.hypotheses]
    specialised = [own.engine for own in line.aligned.hypotheses if own.specialised]
    leading = frozenset(name for name in specialised if page.conduct[name].specialised) or leading
    if leading.isdisjoint(names):
        surest = max(page.conduct[name].certainty for name in names)
        leading = frozenset(name for name in names if page.conduct[name].certainty == surest)
    return tuple(
        [
            EngineOnLine(page.conduct[name], agreement, name in leading)
            for name, agreement in zip(names, line.aligned.agreements(), strict=True)
        ]
    )


class ArcSupport(NamedTuple):
    """The support in nats of one engine's own text, and of its alternatives by candidate: none has more than its own
    text, so that more weight for the engine never harms what it reads.
    """

    choice: float
    alternatives: tuple[tuple[str, float], ...]


def arc_supports(
    disputed: DisputedSlots, evidence: ClaimEvidence, engines: Sequence[EngineOnLine]
) -> tuple[ArcSupport, ...]:
    """By engine."""
    found = []
    for own, arc in zip(engines, disputed.arcs, strict=True):
        known = (own.conduct.reliability[GROUP_OF[arc.kind]], own.agreement, own.conduct.certainty)
        choice = support_of(evidence.odds(arc.kind, arc.probability, *known)) + evidence.lead * own.leads
        others = [
            (candidate, min(choice, support_of(evidence.alternative_odds(arc.kind, probability, *known))))
            for candidate, probability in arc.alternatives
        ]
        found.append(ArcSupport(choice, tuple(others)))
    return tuple(found)


def candidate_supports(disputed: DisputedSlots, supports: Sequence[ArcSupport]) -> CandidateSupports:
    """For each candidate the sum of what engines give it."""
    sums: CandidateSupports = dict.fromkeys(disputed.candidates, 0.0)
    for arc, own in zip(disputed.arcs, supports, strict=True):
        sums[arc.candidate] += own.choice
        for candidate, support in own.alternatives:
            sums[candidate] += support
    return sums


def _weighted(
    disputed: DisputedSlots,
    supports: Sequence[ArcSupport],
    multipliers: Sequence[float],
    spelling: CandidateSupports,
    of_spelling: float,
) -> SlotEvidence:
    alternatives: CandidateSupports = {}
    for multiplier, own in zip(multipliers, supports, strict=True):
        for candidate, support in own.alternatives:
            alternatives[candidate] = alternatives.get(candidate, 0.0) + multiplier * support
    return SlotEvidence(
        disputed,
        tuple([multiplier * own.choice for multiplier, own in zip(multipliers, supports, strict=True)]),
        alternatives,
        {candidate: of_spelling * support for candidate, support in spelling.items()},
    )


def spelling_supports(
    texts: Sequence[str],
    by_engines: Mapping[int, CandidateSupports],
    spelling: SpellingEvidence,
    language: PageLanguage,
) -> tuple[dict[int, CandidateSupports], list[str]]:
    """By slot group, as the engines' evidence decides the groups around, and the texts of all groups that these
    supports lead to; `texts[k]` is the text of group k where all engines agree. Spelling says nothing where a candidate
    is a mark that no language model knows: it would prefer whatever else was read.
    """
    spelt = {
        index: {candidate: symbols(candidate) for candidate in own}
        for index, own in by_engines.items()
        if not any(_is_foreign(candidate) for candidate in own)
    }
    by_spelling = dict.fromkeys(by_engines, CandidateSupports())
    seen: dict[int, Surroundings] = {}
    decided = _decided(texts, by_engines, by_spelling)
    for _ in range(_ROUNDS):
        for index, candidates in spelt.items():
            around = surroundings(decided, index, language)
            if seen.get(index) != around:
                seen[index] = around
                by_spelling[index] = spelling.supports(language, around.context, around.word, candidates)
        before, decided = decided, _decided(texts, by_engines, by_spelling)
        if decided == before:
            break
    return by_spelling, decided


def _is_foreign(candidate: str) -> bool:
    return not candidate.isascii() and OTHER in symbols(candidate)


class Surroundings(NamedTuple):
    """The symbols before and after a slot, and what of its word stands before and after it."""

    context: tuple[str, str]
    word: tuple[str, str]


def surroundings(texts: Sequence[str], index: int, language: PageLanguage) -> Surroundings:
    """Of slot group `index` of a line that is made of these texts."""
    return Surroundings(context_of(texts, index, language.order - 1), word_around(texts, index))


def _decided(
    texts: Sequence[str], by_engines: Mapping[int, CandidateSupports], by_spelling: Mapping[int, CandidateSupports]
) -> list[str]:
    decided = list(texts)
    for index, own in by_engines.items():
        more = by_spelling.get(index, {})
        decided[index] = max(own, key=lambda candidate: (own[candidate] + more.get(candidate, 0.0), candidate))
    return decided


def _spelling_vote(slots: SlotEvidence) -> Iterator[tuple[int, Vote]]:
    if not any(slots.spelling.values()):
        return
    preferred = max(slots.spelling, key=lambda candidate: (slots.spelling[candidate], candidate))
    support = slots.spelling[preferred]
    probability = 1.0 / sum([math.exp(other - support) for other in slots.spelling.values()])
    weight = support / (support + sum(slots.supports))
    yield slots.disputed.slots.start, Vote(SPELLING, preferred, weight, probability)
