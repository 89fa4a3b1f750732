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
from functools import cached_property
from typing import NamedTuple

from fusion.evidence.claim_evidence import GROUP_OF, GROUPS, KindGroup
from fusion.evidence.language import Languages, PageLanguage
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.disputed_slots import DisputedSlots, disputed_slots
from fusion.votes.unanimous_slots import UnanimousSlots

_GAP = "\0"
_USUAL_ALONE, _USUAL_SLOTS = 1.0, 20.0  # alone in one of twenty slots, before a page is seen
_OF_ONE_GROUP = 8.0  # slots of all groups that count as much as those of a group itself
_USUAL_CERTAINTY, _CERTAINTY_SLOTS = 5.0, 5.0


class PageConduct(NamedTuple):
    """One engine's on a page, 0 where nothing is known: for each group of kinds the log-odds that another engine reads
    the same, and how far the mean log-odds of what all read alike lie from the usual ones. `specialised` is whether a
    model for lines of a kind read at least half of the page: single lines of print are taken for such a kind by
    mistake, most lines of a page are not.
    """

    reliability: Mapping[KindGroup, float]
    certainty: float
    specialised: bool = False


@dataclass(frozen=True)
class ReadLine:
    """A line as the vote sees it: the hypotheses side by side, and where they differ, by slot group."""

    aligned: AlignedHypotheses
    disputed: Mapping[int, DisputedSlots]

    @classmethod
    def of(cls, aligned: AlignedHypotheses) -> ReadLine:
        return cls(aligned, disputed_slots(aligned))

    @cached_property
    def unanimous(self) -> UnanimousSlots:
        """The slots in which they do not differ; of a line that somebody reads."""
        return UnanimousSlots.of(self.aligned)


@dataclass(slots=True)
class _Counts:
    """One engine's: its slots by group, those in which it stands alone, and the log-odds of unanimous ones; its lines,
    and those that a model for their kind read.
    """

    slots: Counter[KindGroup] = field(default_factory=Counter)
    alone: Counter[KindGroup] = field(default_factory=Counter)
    log_odds: float = 0.0
    unanimous: int = 0
    lines: int = 0
    specialised: int = 0


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
            _count_unanimous(line, counts)
            _count_disputed(line, counts)
    return {engine: _conduct(own) for engine, own in counts.items()}


def _count_unanimous(line: ReadLine, counts: dict[str, _Counts]) -> None:
    unanimous = line.unanimous
    groups = Counter([GROUPS[kind] for kind in unanimous.kinds])
    sums = unanimous.log_odds.sum(axis=1).tolist()
    for hypothesis, log_odds in zip(line.aligned.hypotheses, sums, strict=True):
        own = counts.setdefault(hypothesis.engine, _Counts())
        own.slots.update(groups)
        own.log_odds += log_odds
        own.unanimous += len(unanimous.texts)
        own.lines += 1
        own.specialised += hypothesis.specialised


def _count_disputed(line: ReadLine, counts: dict[str, _Counts]) -> None:
    for slots in line.disputed.values():
        said = [arc.candidate for arc in slots.arcs]
        for hypothesis, arc in zip(line.aligned.hypotheses, slots.arcs, strict=True):
            own, group = counts[hypothesis.engine], GROUP_OF[arc.kind]
            own.slots[group] += 1
            own.alone[group] += said.count(arc.candidate) == 1


def _conduct(own: _Counts) -> PageConduct:
    overall = (own.alone.total() + _USUAL_ALONE) / (own.slots.total() + _USUAL_SLOTS)
    alone = {
        group: (own.alone[group] + _OF_ONE_GROUP * overall) / (own.slots[group] + _OF_ONE_GROUP) for group in KindGroup
    }
    usual = _USUAL_CERTAINTY * _CERTAINTY_SLOTS
    certainty = (own.log_odds + usual) / (own.unanimous + _CERTAINTY_SLOTS) - _USUAL_CERTAINTY
    reliability = {group: math.log((1.0 - part) / part) for group, part in alone.items()}
    return PageConduct(reliability, certainty, own.specialised > 0 and 2 * own.specialised >= own.lines)


def _unanimous_words(lines: Sequence[ReadLine]) -> Iterator[str]:
    """The words in which the engines differ nowhere."""
    for line in lines:
        network = line.aligned.network
        unanimous = set(network.unanimous)
        texts = [texts[0] if slot in unanimous else _GAP for slot, texts in enumerate(network.texts)]
        yield from (word for word in "".join(texts).split(" ") if word and _GAP not in word)
