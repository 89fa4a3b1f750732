"""Which words are asked, in which order, and for how many others each stands."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import fmean

import pytest

from deployments.review.asking import Asking, chances, queue_of
from ocr.review_contract import AskingOrder

CONFIDENCES = (0.9, 0.2, 0.99, 0.5, 0.3, 0.95)


def asking(
    order: AskingOrder = "doubt", below: float = 0.7, words: int | None = None, share: float = 0.0, seed: int = 0
) -> Asking:
    return Asking(order, below, words, share, seed)


def test_the_most_doubtful_words_come_first() -> None:
    assert queue_of(CONFIDENCES, asking()).numbers == (1, 4, 3)


def test_or_the_doubtful_words_come_as_the_text_reads() -> None:
    assert queue_of(CONFIDENCES, asking("reading")).numbers == (1, 3, 4)


@pytest.mark.parametrize("order", ["doubt", "reading"])
def test_of_doubtful_words_so_many_are_asked_at_most_and_those_are_the_most_doubtful(order: AskingOrder) -> None:
    assert set(queue_of(CONFIDENCES, asking(order, words=2)).numbers) == {1, 4}


def test_equally_sure_words_come_as_the_text_reads() -> None:
    assert queue_of((0.5, 0.4, 0.5, 0.4), asking()).numbers == (1, 3, 0, 2)


def test_a_random_share_of_all_words_is_asked_as_well_and_the_draw_can_be_repeated() -> None:
    sure = (0.99,) * 10_000
    queue = queue_of(sure, asking(share=0.02, seed=5))
    assert 150 < len(queue.numbers) < 250
    assert queue.numbers == queue_of(sure, asking(share=0.02, seed=5)).numbers
    assert set(queue.numbers) != set(queue_of(sure, asking(share=0.02, seed=6)).numbers)


def test_drawn_words_stand_all_over_the_queue() -> None:
    doubtful, sure = (0.4,) * 1000, (0.99,) * 1000
    numbers = queue_of(doubtful + sure, asking(share=0.1)).numbers
    places = [place for place, number in enumerate(numbers) if number >= 1000]
    quarters = [sum(place * 4 // len(numbers) == quarter for place in places) for quarter in range(4)]
    assert min(quarters) > 10


def test_every_word_has_the_chance_with_which_it_is_asked() -> None:
    queue = queue_of(CONFIDENCES, asking(share=0.25))
    assert [queue.chance_asked(number) for number in range(6)] == [0.25, 1.0, 0.25, 1.0, 1.0, 0.25]


def test_when_all_is_decided_a_drawn_word_stands_for_as_many_as_were_not_drawn() -> None:
    queue = queue_of(CONFIDENCES, asking(share=0.5, seed=1))
    known = chances(queue, queue.numbers)
    assert {number: known[number] for number in (1, 3, 4)} == {1: 1.0, 3: 1.0, 4: 1.0}
    assert {known[number] for number in queue.numbers if number not in (1, 3, 4)} <= {0.5}


def test_a_word_that_was_decided_out_of_turn_stands_for_nothing() -> None:
    queue = queue_of(CONFIDENCES, asking())
    assert chances(queue, {1, 3}) == {1: 1.0}  # 4 was to come before 3


def test_in_reading_order_the_words_stand_for_the_pages_that_were_reviewed() -> None:
    queue = queue_of(CONFIDENCES, asking("reading"))
    assert chances(queue, {1, 3}) == {1: 1.0, 3: 1.0}
    assert chances(queue, {1, 4}) == {1: 1.0}


def _estimated_errors(wrong: Sequence[bool], confidences: Sequence[float], seed: int, part: float) -> float:
    """What is estimated of all errors from the words that were decided when a part of the queue was."""
    queue = queue_of(confidences, asking(below=0.8, share=0.2, seed=seed))
    decided = queue.numbers[: round(part * len(queue.numbers))]
    return sum(wrong[number] / chance for number, chance in chances(queue, decided).items())


@pytest.mark.parametrize("part", [0.3, 0.7, 1.0])
def test_wherever_people_stop_the_weighted_words_tell_how_many_errors_there_are(part: float) -> None:
    draw = random.Random(1)
    confidences = [draw.random() for _ in range(600)]
    wrong = [draw.random() > 0.5 * confidence + 0.3 for confidence in confidences]  # overconfident: doubt misleads
    estimates = [_estimated_errors(wrong, confidences, seed, part) for seed in range(200)]
    assert fmean(estimates) == pytest.approx(sum(wrong), rel=0.06)
