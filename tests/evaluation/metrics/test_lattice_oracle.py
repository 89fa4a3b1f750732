"""Which of the things said at a place are true."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from evaluation.metrics.lattice_oracle import lattice_oracle

places = st.lists(st.lists(st.sampled_from(["a", "b", "", "ab", " "]), min_size=1, max_size=3, unique=True), max_size=5)


def test_a_candidate_that_costs_an_edit_more_has_an_excess_of_one() -> None:
    marked = lattice_oracle([["c"], ["0", "o"], ["", "l"], ["d"]], "cold")
    assert marked.edits == 0
    assert marked.excesses == ((0,), (1, 0), (1, 0), (0,))


def test_where_all_are_wrong_nothing_is_to_decide() -> None:
    assert lattice_oracle([["x", "y"]], "z").excesses == ((0, 0),)


@given(places, st.text("ab ", max_size=6))
def test_it_finds_what_trying_every_path_finds(said: list[list[str]], truth: str) -> None:
    edits = {path: Levenshtein.distance("".join(path), truth) for path in product(*said)}
    marked = lattice_oracle(said, truth)
    assert marked.edits == min(edits.values())
    for place, candidates in enumerate(said):
        for candidate, excess in zip(candidates, marked.excesses[place], strict=True):
            best = min(count for path, count in edits.items() if path[place] == candidate)
            assert excess == best - marked.edits
