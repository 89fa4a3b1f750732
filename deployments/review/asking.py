"""Which words a review asks, in which order, and with which chance each is asked.

Doubtful words are asked for their doubt. Beside them a share of all words, drawn at random, is asked whatever their
doubt, so that what nobody doubts is measured too. Drawn words stand at random places of the queue. So wherever people
stop, of the words that were not reached for their doubt those that were asked are a random sample, of a known chance.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ocr.review_contract import AskingOrder


@dataclass(frozen=True, slots=True)
class Asking:
    """`order` of asking, words that are less sure than `below` are asked, `words` at most (None: all), and beside them
    `sure_share` of all words, drawn with `seed`.
    """

    order: AskingOrder
    below: float
    words: int | None
    sure_share: float
    seed: int


@dataclass(frozen=True)
class Queue:
    """The numbers of the words that are asked, in the order of asking. `doubted` are those that are asked for their
    doubt, in that order; `drawn` has the place of each drawn word in [0, 1), as a part of the queue of doubted words.
    """

    numbers: tuple[int, ...]
    doubted: tuple[int, ...]
    drawn: Mapping[int, float]
    asking: Asking

    def chance_asked(self, number: int) -> float:
        """That a word is asked at all, if everybody goes on to the end."""
        return 1.0 if number in self._for_doubt else self.asking.sure_share

    @cached_property
    def _for_doubt(self) -> frozenset[int]:
        return frozenset(self.doubted)


def queue_of(confidences: Sequence[float], asking: Asking) -> Queue:
    """The queue for words with these confidences, in reading order."""
    draw = random.Random(asking.seed)  # noqa: S311 - a sample, no secret
    # Two numbers a word whatever becomes of them, so that one word more changes nothing of those before it.
    drawn = {
        number: place
        for number, (chance, place) in enumerate((draw.random(), draw.random()) for _ in confidences)
        if chance < asking.sure_share
    }
    below = [number for number, confidence in enumerate(confidences) if confidence < asking.below]
    doubted = sorted(below, key=lambda number: (confidences[number], number))[: asking.words]
    if asking.order == "reading":
        doubted.sort()
        return Queue(tuple(sorted({*doubted, *drawn})), tuple(doubted), drawn, asking)
    places = {number: float(place) for place, number in enumerate(doubted)}
    for number, place in drawn.items():
        places[number] = min(places.get(number, len(doubted)), place * len(doubted))
    numbers = sorted(places, key=lambda number: (places[number], number))
    return Queue(tuple(numbers), tuple(doubted), drawn, asking)


def chances(queue: Queue, decided: Collection[int]) -> dict[int, float]:
    """For each decided word that stands for others, the chance with which it was asked by now. One over it is how many
    words it stands for. Words that were decided out of turn stand for nothing and are left out.
    """
    known = set(decided)
    if queue.asking.order == "reading":
        return _chances_in_reading_order(queue, known)
    reached = next((place for place, number in enumerate(queue.doubted) if number not in known), len(queue.doubted))
    for_doubt = set(queue.doubted[:reached])
    part = reached / len(queue.doubted) if queue.doubted else 1.0
    drawn_until_now = {number for number, place in queue.drawn.items() if place < part or part == 1.0}
    found = dict.fromkeys(for_doubt, 1.0)
    sampled = drawn_until_now - for_doubt
    chance = queue.asking.sure_share * part
    answered = sampled & known
    if answered and chance > 0.0:
        # Of those drawn some may be with somebody else now: the others stand for them.
        found |= dict.fromkeys(answered, min(1.0, chance * len(answered) / len(sampled)))
    return found


def _chances_in_reading_order(queue: Queue, known: set[int]) -> dict[int, float]:
    """Of the pages as far as they were reviewed without a gap."""
    reached = next((place for place, number in enumerate(queue.numbers) if number not in known), len(queue.numbers))
    doubted = set(queue.doubted)
    return {number: 1.0 if number in doubted else queue.asking.sure_share for number in queue.numbers[:reached]}
