from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.doubt import ScoredWords, auroc, errors_left, least_left, review


def words(*scored: tuple[float, bool], missed: int = 0) -> ScoredWords:
    return ScoredWords(
        np.array([sure for sure, _ in scored]), np.array([right for _, right in scored], dtype=np.bool_), missed
    )


def test_doubt_that_finds_every_wrong_word_first_leaves_none() -> None:
    found = words((0.1, False), (0.2, False), *[(0.9, True)] * 8)
    assert auroc(found) == 1.0
    assert [errors_left(found, share) for share in (0.0, 0.1, 0.2, 1.0)] == [1.0, 0.5, 0.0, 0.0]
    assert (review(found, 0.5).precision, review(found, 0.5).recall, review(found, 0.15).words) == (1.0, 1.0, 1)


def test_words_that_are_equally_sure_are_looked_at_by_chance() -> None:
    found = words(*[(0.5, False)] * 5, *[(0.5, True)] * 5)
    assert auroc(found) == 0.5
    assert errors_left(found, 0.2) == pytest.approx(0.8)


def test_a_missed_word_is_an_error_that_no_doubt_finds() -> None:
    found = words((0.1, False), (0.9, True), missed=1)
    assert found.errors == 2
    assert errors_left(found, 1.0) == 0.5
    assert review(found, 0.5).recall == 0.5


def test_a_look_at_a_merged_word_mends_all_that_it_holds() -> None:
    found = ScoredWords(np.array([0.3, 0.1, 0.9, 0.9]), np.array([False, False, True, True]), 0, np.array([3, 0, 1, 1]))
    assert found.errors == 4
    assert errors_left(found, 0.25) == 0.75
    assert least_left(found, 0.25) == 0.25
    assert review(found, 0.2).recall == 0.25
    assert ScoredWords.joined([found, words((0.2, False))]).errors == 5


def test_nothing_wrong_leaves_nothing() -> None:
    assert auroc(words((0.9, True))) is None
    assert errors_left(words((0.9, True)), 0.1) == 0.0
    assert errors_left(ScoredWords(), 0.1) == 0.0


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1, max_size=12))
def test_the_area_is_that_over_all_pairs_of_a_right_and_a_wrong_word(scored: list[tuple[float, bool]]) -> None:
    pairs = [
        (sure > other) + 0.5 * (sure == other)
        for sure, right in scored
        if right
        for other, wrong in scored
        if not wrong
    ]
    found = auroc(words(*scored))
    assert found is None if not pairs else found == pytest.approx(float(np.mean(pairs)))
