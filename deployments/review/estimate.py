"""How many errors are expected to be left: of each word that nobody looked at, what its confidence lacks to 1.

Confidences are calibrated, so their sum is the number of right words. Which words are wrong nobody knows; how many are
can be said, and so what it brings to look at more of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from deployments.review.asking import Queue
from deployments.review.review import KeptDecision
from ocr.review_contract import ReviewEstimate, SureWords

_STEPS = (20, 40, 100, 200, 500, 1000)
_WORTH_WHILE = 0.3
"""Proposed are so many words that this part of the errors is expected to go, or all that are asked."""
_NORMAL_95 = 1.96


def expected_errors(confidences: Sequence[float], looked_at: Collection[int]) -> float:
    """Wrong words among those that nobody looked at."""
    seen = set(looked_at)
    return math.fsum(1.0 - confidence for number, confidence in enumerate(confidences) if number not in seen)


def estimate(
    confidences: Sequence[float],
    queue: Queue,
    decided: Collection[int],
    seconds_a_word: float,
    words: int | None = None,
) -> ReviewEstimate:
    """What is expected now and after `words` more of the queue; without a number, after as many as are worth while."""
    total = max(1, len(confidences))
    seen = set(decided)
    left = [number for number in queue.numbers if number not in seen]
    now = expected_errors(confidences, seen)
    after = [now]
    for number in left:
        after.append(after[-1] - (1.0 - confidences[number]))
    more = min(len(left), _worth_while(after) if words is None else words)
    return ReviewEstimate(
        error_rate=now / total,
        words=more,
        seconds=round(more * seconds_a_word, 1),
        error_rate_after=max(0.0, after[more]) / total,
    )


def _worth_while(after: Sequence[float]) -> int:
    """The least of some round numbers of words that mends a good part of the errors."""
    for step in _STEPS:
        if step < len(after) and after[step] <= (1.0 - _WORTH_WHILE) * after[0]:
            return step
    return len(after) - 1


def sure_words(queue: Queue, decided: Mapping[int, KeptDecision]) -> SureWords:
    """What was found of words that were drawn and are not doubted."""
    doubted = set(queue.doubted)
    found = [decided[number] for number in queue.drawn if number not in doubted and number in decided]
    wrong = sum(decision.is_change for decision in found)
    if not found:
        return SureWords(asked=0, wrong=0, error_rate=None, low=None, high=None)
    low, high = wilson(wrong, len(found))
    return SureWords(asked=len(found), wrong=wrong, error_rate=wrong / len(found), low=low, high=high)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The interval of a rate of which `hits` of `count` were seen, at 95 %."""
    rate, square = hits / count, _NORMAL_95**2
    middle = (rate + square / (2 * count)) / (1 + square / count)
    reach = _NORMAL_95 * math.sqrt(rate * (1 - rate) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, middle - reach), min(1.0, middle + reach)
