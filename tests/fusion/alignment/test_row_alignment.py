from __future__ import annotations

import math
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.alignment.row_alignment import NOWHERE, Column, Places, cost_as_laid, lay, lay_below
from fusion.alignment.similarity import DOUBLES, GAP, SILENT, distance, joined_distance

words = st.text("abrnm l1", max_size=9)


def optimum(columns: list[Column], counts: tuple[int, ...], row: str) -> int:
    """The cost of the cheapest of all ways, by plain recursion over every move."""

    def said(column: Column, cost: list[int]) -> int:
        return sum(count * one for count, one in zip(counts, cost, strict=True))

    @cache
    def best(column: int, index: int) -> int:
        ways = [0] if column == index == 0 else []
        if column:
            own = columns[column - 1]
            ways.append(best(column - 1, index) + said(own, [distance(text, SILENT) for text in own]))
        if index:
            ways.append(best(column, index - 1) + GAP * sum(counts))
        if column and index:
            own = columns[column - 1]
            ways.append(best(column - 1, index - 1) + said(own, [distance(text, row[index - 1]) for text in own]))
        if (
            column
            and index > 1
            and any(t and t in DOUBLES.get(row[index - 2 : index], "") for t in columns[column - 1])
        ):
            own = columns[column - 1]
            costs = [joined_distance(row[index - 2], row[index - 1], text) for text in own]
            ways.append(best(column - 1, index - 2) + said(own, costs))
        if column > 1 and index:
            pairs = list(zip(columns[column - 2], columns[column - 1], strict=True))
            if any(a and b and row[index - 1] in DOUBLES.get(a + b, "") for a, b in pairs):
                costs = [joined_distance(a, b, row[index - 1]) for a, b in pairs]
                ways.append(best(column - 2, index - 1) + said(columns[column - 1], costs))
        return min(ways)

    return best(len(columns), len(row))


@given(words, words)
@settings(max_examples=200)
def test_a_row_is_laid_into_another_in_the_cheapest_of_all_ways(one: str, other: str) -> None:
    columns = [(character,) for character in one]
    assert lay(columns, (1,), other).cost == optimum(columns, (1,), other)


@given(st.lists(st.tuples(*[st.sampled_from(["", *"abrnm "])] * 3).filter(any), max_size=7), words)
@settings(max_examples=200)
def test_a_row_is_laid_into_columns_in_the_cheapest_of_all_ways(columns: list[Column], row: str) -> None:
    counts = (1, 3, 2)
    assert lay(columns, counts, row).cost == optimum(columns, counts, row)


@given(
    st.lists(st.tuples(*[st.sampled_from(["", *"abrnm "])] * 3).filter(any), max_size=7), words, st.integers(0, 2000)
)
@settings(max_examples=200)
def test_below_a_limit_a_row_is_laid_as_without_one_and_not_at_all_where_nothing_is_below(
    columns: list[Column], row: str, limit: int
) -> None:
    counts = (1, 3, 2)
    whatever_it_costs = lay(columns, counts, row)
    expected = whatever_it_costs if whatever_it_costs.cost < limit else None
    assert lay_below(limit, columns, counts, row) == expected


@given(words, words)
def test_steps_visit_every_column_and_every_character_once_and_in_order(one: str, other: str) -> None:
    steps = lay([(character,) for character in one], (1,), other).steps
    assert [column for column, _ in steps if column != NOWHERE] == list(range(len(one)))
    assert [index for _, index in steps if index != NOWHERE] == list(range(len(other)))
    assert (NOWHERE, NOWHERE) not in steps


@given(st.text("abxy ", max_size=9), st.text("abxy ", max_size=9))  # no pair of these is read as one character
def test_the_cost_is_that_of_the_steps(one: str, other: str) -> None:
    steps, cost = lay([(character,) for character in one], (2,), other)
    columns = [("" if column == NOWHERE else one[column],) for column, _ in steps]
    own = ["" if index == NOWHERE else other[index] for _, index in steps]
    assert cost == cost_as_laid(columns, (2,), own, None)


def test_unlike_lines_of_unlike_length_are_laid_optimally_too() -> None:
    one, other = "abcabcabcabc" * 3, "xyz" * 2
    columns = [(character,) for character in one]
    assert lay(columns, (1,), other).cost == optimum(columns, (1,), other)


def test_a_repeated_word_is_laid_where_it_stands() -> None:
    columns = [(character,) for character in "the the cat"]
    centres = [10.0 * index for index in range(11)]
    row = "the cat"
    late = Places(centres, centres[4:], tolerance_px=7.5)
    early = Places(centres, [*centres[:4], *centres[8:]], tolerance_px=7.5)
    assert [column for column, index in lay(columns, (1,), row, late).steps if index == NOWHERE] == [0, 1, 2, 3]
    assert [column for column, index in lay(columns, (1,), row, early).steps if index == NOWHERE] == [4, 5, 6, 7]


def test_unknown_places_cost_nothing() -> None:
    columns = [(character,) for character in "abc"]
    unknown = Places([math.nan] * 3, [0.0, math.nan, 99.0], tolerance_px=1.0)
    assert lay(columns, (1,), "abc", unknown).cost == 0
