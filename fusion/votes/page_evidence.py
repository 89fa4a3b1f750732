"""What the lines of a page say of the engines that read them, and of its language, without knowing what is right.

How well an engine reads a page shows in how seldom it stands alone there, by kind of text, and in how sure it is of
what all read alike. It is no measure of truth, because engines err alike; how much it counts is fitted to
labelled pages. Nothing here outlives the page.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fusion.alignment.similarity import folded
from fusion.evidence.claim_evidence import GROUP_OF, MAX_LOG_ODDS, MIN_LOG_ODDS, KindGroup, kind_of
from fusion.evidence.language import Languages, PageLanguage
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.disputed_slots import DisputedSlots, disputed_slots

_GAP = "\0"
_USUAL_ALONE, _USUAL_SLOTS = 1.0, 20.0  # alone in one of twenty slots, before a page is seen
_OF_ONE_GROUP = 8.0  # slots of all groups that count as much as those of a group itself
_USUAL_CERTAINTY, _CERTAINTY_SLOTS = 5.0, 5.0
_MIN_PROBABILITY = 1e-9


class PageConduct(NamedTuple):
    """One engine's on a page, 0 where nothing is known: for each group of kinds the log-odds that another engine reads
    the same, and how far the mean log-odds of what all read alike lie from the usual ones.
    """

    reliability: Mapping[KindGroup, float]
    certainty: float


class ReadLine(NamedTuple):
    """A line as the vote sees it: the hypotheses side by side, and where they differ, by slot group."""

    aligned: AlignedHypotheses
    disputed: Mapping[int, DisputedSlots]

    @classmethod
    def of(cls, aligned: AlignedHypotheses) -> ReadLine:
        return cls(aligned, disputed_slots(aligned))


@dataclass(slots=True)
class _Counts:
    """One engine's: its slots by group, those in which it stands alone, and the log-odds of unanimous ones."""

    slots: Counter[KindGroup] = field(default_factory=Counter)
    alone: Counter[KindGroup] = field(default_factory=Counter)
    log_odds: float = 0.0
    unanimous: int = 0


@dataclass(frozen=True, slots=True)
class PageEvidence:
    """The conduct of the engines on a page, and the page's language where there are models of languages."""

    conduct: Mapping[str, PageConduct]
    language: PageLanguage | None = None

    @classmethod
    def of(cls, lines: Sequence[ReadLine], languages: Languages | None) -> PageEvidence:
        language = None if languages is None else languages.of_page(_unanimous_words(lines))
        return cls(page_conduct(lines), language)


def page_conduct(lines: Sequence[ReadLine]) -> dict[str, PageConduct]:
    """By engine."""
    counts: dict[str, _Counts] = {}
    for line in lines:
        if line.aligned.network.slots:
            _count_unanimous(line.aligned, counts)
            _count_disputed(line, counts)
    return {engine: _conduct(own) for engine, own in counts.items()}


def _count_unanimous(aligned: AlignedHypotheses, counts: dict[str, _Counts]) -> None:
    network = aligned.network
    texts = [network.texts[slot][0] for slot in network.unanimous]
    groups = Counter(map(_group, texts))
    for hypothesis, transcription in zip(aligned.hypotheses, aligned.transcription_of, strict=True):
        own = counts.setdefault(hypothesis.engine, _Counts())
        own.slots.update(groups)
        if texts:
            indices = [network.slots[slot][transcription] for slot in network.unanimous]
            own.log_odds += _sum_log_odds([hypothesis.probabilities[index] for index in indices])
            own.unanimous += len(texts)


def _sum_log_odds(probabilities: Sequence[float]) -> float:
    clipped = np.clip(probabilities, _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY)
    return float(np.clip(np.log(clipped / (1.0 - clipped)), MIN_LOG_ODDS, MAX_LOG_ODDS).sum())


def _count_disputed(line: ReadLine, counts: dict[str, _Counts]) -> None:
    for slots in line.disputed.values():
        supporters = Counter(arc.candidate for arc in slots.arcs)
        for hypothesis, arc in zip(line.aligned.hypotheses, slots.arcs, strict=True):
            own, group = counts[hypothesis.engine], GROUP_OF[arc.kind]
            own.slots[group] += 1
            own.alone[group] += supporters[arc.candidate] == 1


@lru_cache(maxsize=4096)
def _group(text: str) -> KindGroup:
    """Of a text that all engines read."""
    return GROUP_OF[kind_of(folded(text), ())]


def _conduct(own: _Counts) -> PageConduct:
    overall = (own.alone.total() + _USUAL_ALONE) / (own.slots.total() + _USUAL_SLOTS)
    alone = {
        group: (own.alone[group] + _OF_ONE_GROUP * overall) / (own.slots[group] + _OF_ONE_GROUP) for group in KindGroup
    }
    usual = _USUAL_CERTAINTY * _CERTAINTY_SLOTS
    certainty = (own.log_odds + usual) / (own.unanimous + _CERTAINTY_SLOTS) - _USUAL_CERTAINTY
    return PageConduct({group: math.log((1.0 - part) / part) for group, part in alone.items()}, certainty)


def _unanimous_words(lines: Sequence[ReadLine]) -> Iterator[str]:
    """The words in which the engines differ nowhere."""
    for line in lines:
        network = line.aligned.network
        unanimous = set(network.unanimous)
        texts = [texts[0] if slot in unanimous else _GAP for slot, texts in enumerate(network.texts)]
        yield from (word for word in "".join(texts).split(" ") if word and _GAP not in word)
