from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.alignment.similarity import (
    DIFFERENT,
    GAP,
    MERGE,
    MERGED_PAIRS,
    NULL,
    SPACE_AND_INK,
    distance,
    folded,
    merge_distance,
)

characters = st.sampled_from("abcdlmnoORS01258 .,'\"-’—éÉ日") | st.characters(codec="utf-8", exclude_categories=["Cs"])


@given(characters, characters)
def test_distance_is_symmetric_and_zero_only_for_the_same_character(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)


@given(characters, characters)
def test_two_characters_in_one_slot_are_never_dearer_than_two_gaps(one: str, other: str) -> None:
    assert distance(one, other) < 2 * GAP


@given(characters)
def test_any_character_against_none_costs_one_gap(character: str) -> None:
    assert distance(character, NULL) == distance(NULL, character) == GAP


@pytest.mark.parametrize(
    ("one", "other"), ["o0", "O0", "l1", "I1", "lI", "S5", "B8", "aA", "zZ", "eé", ".,", "'’", "-—"]
)
def test_characters_that_are_taken_for_each_other_are_nearer_than_others(one: str, other: str) -> None:
    assert distance(one, other) < distance("x", "b")
    assert distance(one, other) < distance("x", "7") == DIFFERENT


def test_typographic_forms_are_nearer_than_anything_else() -> None:
    assert distance("’", "'") < min(distance("o", "0"), distance("a", "A"), distance("'", "`") + 1)


def test_a_space_and_ink_are_the_furthest_apart() -> None:
    assert distance(" ", "a") == distance(".", " ") == SPACE_AND_INK


def test_folding_leaves_plain_text_as_it_is() -> None:
    assert folded('it\'s - "so"') == 'it\'s - "so"'
    assert folded("it’s — “so”") == 'it\'s - "so"'


def test_a_pair_meets_the_character_it_is_read_as_for_less_than_any_other() -> None:
    assert merge_distance("r", "n", "m") == MERGE < merge_distance("r", "x", "m")
    assert merge_distance("x", "y", "m") == distance("x", "m") + GAP


def test_a_pair_read_as_one_never_costs_less_than_a_gap_and_never_holds_its_own_single() -> None:
    assert MERGE >= GAP  # what makes it safe to cut off common ends before aligning
    assert all(single not in pair for pair, singles in MERGED_PAIRS.items() for single in singles)
    assert all(len(pair) == 2 for pair in MERGED_PAIRS)


def test_distances_do_not_change_when_asked_in_another_order() -> None:
    letters = "o0Ol1I"
    first = {pair: distance(*pair) for pair in itertools.product(letters, repeat=2)}
    assert first == {pair: distance(*pair) for pair in itertools.product(reversed(letters), repeat=2)}
