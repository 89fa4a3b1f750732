from __future__ import annotations

import math
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.alignment.network_alignment import (
    UNALIGNED,
    Positions,
    SlotTexts,
    align_below,
    align_characters,
    aligned_cost,
)
from fusion.alignment.similarity import GAP, MERGED_PAIRS, NULL, distance, merge_distance

words = st.text("abrnm l1", max_size=9)


def optimum(slots: list[SlotTexts], counts: tuple[int, ...], characters: str) -> int:
    """The cost of the cheapest of all alignments, by plain recursion over every move."""

    def weighted(slot: SlotTexts, cost: list[int]) -> int:
        return sum(count * one for count, one in zip(counts, cost, strict=True))

    @cache
    def best(slot: int, index: int) -> int:
        ways = [0] if slot == index == 0 else []
        if slot:
            own = slots[slot - 1]
            ways.append(best(slot - 1, index) + weighted(own, [distance(text, NULL) for text in own]))
        if index:
            ways.append(best(slot, index - 1) + GAP * sum(counts))
        if slot and index:
            own = slots[slot - 1]
            ways.append(
                best(slot - 1, index - 1) + weighted(own, [distance(text, characters[index - 1]) for text in own])
            )
        if (
            slot
            and index > 1
            and any(t and t in MERGED_PAIRS.get(characters[index - 2 : index], "") for t in slots[slot - 1])
        ):
            own = slots[slot - 1]
            costs = [merge_distance(characters[index - 2], characters[index - 1], text) for text in own]
            ways.append(best(slot - 1, index - 2) + weighted(own, costs))
        if slot > 1 and index:
            pairs = list(zip(slots[slot - 2], slots[slot - 1], strict=True))
            if any(a and b and characters[index - 1] in MERGED_PAIRS.get(a + b, "") for a, b in pairs):
                costs = [merge_distance(a, b, characters[index - 1]) for a, b in pairs]
                ways.append(best(slot - 2, index - 1) + weighted(slots[slot - 1], costs))
        return min(ways)

    return best(len(slots), len(characters))


@given(words, words)
@settings(max_examples=200)
def test_a_text_is_aligned_with_another_at_the_lowest_cost(one: str, other: str) -> None:
    slots = [(character,) for character in one]
    assert align_characters(slots, (1,), other).cost == optimum(slots, (1,), other)


@given(st.lists(st.tuples(*[st.sampled_from(["", *"abrnm "])] * 3).filter(any), max_size=7), words)
@settings(max_examples=200)
def test_a_text_is_aligned_with_a_network_at_the_lowest_cost(slots: list[SlotTexts], characters: str) -> None:
    counts = (1, 3, 2)
    assert align_characters(slots, counts, characters).cost == optimum(slots, counts, characters)


@given(
    st.lists(st.tuples(*[st.sampled_from(["", *"abrnm "])] * 3).filter(any), max_size=7), words, st.integers(0, 2000)
)
@settings(max_examples=200)
def test_below_a_limit_a_text_is_aligned_as_without_one_and_not_at_all_where_nothing_is_below(
    slots: list[SlotTexts], characters: str, limit: int
) -> None:
    counts = (1, 3, 2)
    whatever_it_costs = align_characters(slots, counts, characters)
    expected = whatever_it_costs if whatever_it_costs.cost < limit else None
    assert align_below(limit, slots, counts, characters) == expected


@given(words, words)
def test_steps_visit_every_slot_and_every_character_once_and_in_order(one: str, other: str) -> None:
    steps = align_characters([(character,) for character in one], (1,), other).steps
    assert [slot for slot, _ in steps if slot != UNALIGNED] == list(range(len(one)))
    assert [index for _, index in steps if index != UNALIGNED] == list(range(len(other)))
    assert (UNALIGNED, UNALIGNED) not in steps


@given(st.text("abxy ", max_size=9), st.text("abxy ", max_size=9))  # no pair of these is read as one character
def test_the_cost_is_that_of_the_steps(one: str, other: str) -> None:
    steps, cost = align_characters([(character,) for character in one], (2,), other)
    slots = [("" if slot == UNALIGNED else one[slot],) for slot, _ in steps]
    own = ["" if index == UNALIGNED else other[index] for _, index in steps]
    assert cost == aligned_cost(slots, (2,), own, None)


def test_unlike_lines_of_unlike_length_are_aligned_optimally_too() -> None:
    one, other = "abcabcabcabc" * 3, "xyz" * 2
    slots = [(character,) for character in one]
    assert align_characters(slots, (1,), other).cost == optimum(slots, (1,), other)


def test_a_repeated_word_is_aligned_where_it_stands() -> None:
    slots = [(character,) for character in "the the cat"]
    centres = [10.0 * index for index in range(11)]
    characters = "the cat"
    late = Positions(centres, centres[4:], tolerance_px=7.5)
    early = Positions(centres, [*centres[:4], *centres[8:]], tolerance_px=7.5)
    assert [slot for slot, index in align_characters(slots, (1,), characters, late).steps if index == UNALIGNED] == [
        0,
        1,
        2,
        3,
    ]
    assert [slot for slot, index in align_characters(slots, (1,), characters, early).steps if index == UNALIGNED] == [
        4,
        5,
        6,
        7,
    ]


def test_unknown_positions_cost_nothing() -> None:
    slots = [(character,) for character in "abc"]
    unknown = Positions([math.nan] * 3, [0.0, math.nan, 99.0], tolerance_px=1.0)
    assert align_characters(slots, (1,), "abc", unknown).cost == 0
