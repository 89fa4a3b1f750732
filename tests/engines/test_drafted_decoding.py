"""Decoding with a draft writes what greedy decoding writes, whatever the draft says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.line_models.drafted_decoding import Checked, Draft, Limits, collapsed, decode

START, END, VOCABULARY = 0, 1, 8
KEPT = (2, 1, 40, 3)
LETTERS = st.lists(st.integers(2, VOCABULARY - 1), max_size=30)


class Speller:
    """A decoder that writes `text`, as long as everything before was written right: what it kept of a token is the
    token, and it looks at all of that. It counts its runs.
    """

    def __init__(self, text: Sequence[int]) -> None:
        self.text = [*text, END]
        self.runs = 0

    def __call__(self, tokens: np.ndarray, begin: np.ndarray, keys: np.ndarray, values: np.ndarray) -> Checked:
        self.runs += 1
        np.testing.assert_array_equal(keys, -values)
        [first] = begin.tolist()
        before = keys[0, 0, :first, 0].tolist()
        probabilities = np.full((len(tokens), VOCABULARY), 0.01, np.float32)
        for at in range(len(tokens)):
            seen = [*before, *tokens[: at + 1].tolist()]
            right = seen == [START, *self.text[: len(seen) - 1]]
            following = self.text[len(seen) - 1] if right and len(seen) <= len(self.text) else END
            probabilities[at, following] = 0.5 + len(seen) / 100
        own = np.zeros((KEPT[0], KEPT[1], len(tokens), KEPT[3]), np.float32) + tokens[None, None, :, None]
        return Checked(probabilities, own, -own)


def written(text: Sequence[int], draft: Sequence[int], most: int = 35) -> tuple[list[int], list[float], int]:
    speller = Speller(text)
    tokens = decode(speller, Draft(draft), Limits(START, frozenset({END}), most), KEPT)
    return [token.id for token in tokens], [round(token.probability, 4) for token in tokens], speller.runs


@given(LETTERS, LETTERS)
def test_any_draft_gives_what_no_draft_gives(text, draft):
    assert written(text, draft)[:2] == written(text, [])[:2]
    assert written(text, draft)[0] == text


@given(LETTERS, LETTERS, st.integers(1, 20))
def test_no_more_is_written_than_a_line_may_have(text, draft, most):
    assert written(text, draft, most)[0] == text[:most]


def test_a_right_draft_takes_one_run():
    text = [2, 3, 4, 5, 6, 7] * 5
    assert written(text, text)[2] == 1
    assert written(text, [])[2] == len(text) + 1


def test_a_draft_with_one_wrong_token_takes_two_runs_and_one_that_lacks_a_token_three():
    text = [2, 3, 4, 5, 6, 7] * 5
    wrong, more, fewer = [*text], [*text], [*text]
    wrong[9] = 7
    more.insert(9, 7)
    del fewer[9]
    assert [written(text, draft)[2] for draft in (wrong, more, fewer)] == [2, 2, 3]


def test_a_line_longer_than_what_is_given_at_once_is_written_whole():
    text = [2, 3, 4, 5, 6, 7] * 20
    kept = (2, 1, 128, 3)
    speller = Speller(text)
    tokens = decode(speller, Draft(text), Limits(START, frozenset({END}), 128), kept)
    assert [token.id for token in tokens] == text
    assert speller.runs == 2


def test_a_path_says_each_run_of_a_class_once():
    assert collapsed([0, 0, 5, 5, 0, 5, 7, 7, 0, 2]) == [5, 5, 7, 2]
    assert collapsed([]) == []
