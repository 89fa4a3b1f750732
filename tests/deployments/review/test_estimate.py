"""How many errors are expected, now and after more words."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.review.asking import Asking, queue_of
from deployments.review.estimate import estimate, expected_errors, sure_words, wilson
from deployments.review.review import KeptDecision
from tests.deployments.review.test_review import decision

CONFIDENCES = (0.5, 0.99, 0.3, 0.99, 0.99, 0.6)


def _queue(share: float = 0.0, confidences: tuple[float, ...] = CONFIDENCES) -> Any:
    return queue_of(confidences, Asking("doubt", 0.7, None, share, 0))


def test_the_expected_errors_are_what_the_confidences_of_words_lack_that_nobody_looked_at() -> None:
    assert expected_errors(CONFIDENCES, {2}) == pytest.approx(0.5 + 0.4 + 3 * 0.01)


def test_a_look_at_the_most_doubtful_word_brings_what_its_confidence_lacks() -> None:
    found = estimate(CONFIDENCES, _queue(), (), seconds_a_word=4.0, words=1)
    assert found.error_rate == pytest.approx(1.63 / 6)
    assert found.error_rate_after == pytest.approx(0.93 / 6)
    assert (found.words, found.seconds) == (1, 4.0)


def test_no_more_words_are_promised_than_are_asked() -> None:
    assert estimate(CONFIDENCES, _queue(), {2, 0}, 4.0, words=100).words == 1


def test_without_a_number_so_many_words_are_proposed_as_bring_a_good_part() -> None:
    doubtful = (0.5,) * 100
    found = estimate(doubtful, _queue(confidences=doubtful), (), 4.0)
    assert found.words == 40
    assert found.error_rate_after == pytest.approx(0.3)


def test_a_review_without_words_left_promises_nothing() -> None:
    found = estimate(CONFIDENCES, _queue(), {0, 2, 5}, 4.0)
    assert (found.words, found.seconds, found.error_rate_after) == (0, 0.0, found.error_rate)


def test_what_was_found_of_sure_words_is_told_with_its_interval() -> None:
    sure = (0.99,) * 200
    queue = _queue(0.5, sure)
    asked = queue.numbers
    said: dict[int, KeptDecision] = {number: decision(number, was="a", text="a") for number in asked}
    said[asked[0]] = decision(asked[0], was="a", text="b")
    found = sure_words(queue, said)
    assert (found.asked, found.wrong, found.error_rate) == (len(asked), 1, 1 / len(asked))
    assert found.low is not None
    assert found.high is not None
    assert 0.0 < found.low < 1 / len(asked) < found.high < 0.1


def test_the_interval_of_nothing_wrong_begins_at_zero_and_ends_above_it() -> None:
    low, high = wilson(0, 50)
    assert low == 0.0
    assert 0.05 < high < 0.1  # 0.071 in tables of the Wilson interval
