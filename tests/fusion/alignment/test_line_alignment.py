from __future__ import annotations

import itertools
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.alignment.confusion_network import ABSENT, ConfusionNetwork, Transcription
from fusion.alignment.line_alignment import align
from fusion.alignment.similarity import NULL, distance
from ocr import Span
from tests.fusion.alignment.test_network_alignment import optimum

lines = st.text("abrnm0o l1", max_size=14)
sets_of_lines = st.lists(lines, min_size=1, max_size=6, unique=True)


def network_of(*texts: str) -> ConfusionNetwork:
    return align([Transcription(tuple(text)) for text in texts])


def drawn(network: ConfusionNetwork) -> list[str]:
    """The transcriptions of a network, a dot where one has no character."""
    return [
        "".join("·" if slot[row] == ABSENT else texts.texts[slot[row]] for slot in network.slots)
        for row, texts in enumerate(network.transcriptions)
    ]


@given(sets_of_lines)
def test_every_transcription_stands_in_the_network_whole_and_in_order(texts: list[str]) -> None:
    network = network_of(*texts)
    assert ["".join(row.texts) for row in network.transcriptions] == sorted(texts)
    for index, row in enumerate(network.transcriptions):
        entries = [slot[index] for slot in network.slots if slot[index] != ABSENT]
        assert entries == list(range(len(row.texts)))
    assert all(any(entry != ABSENT for entry in slot) for slot in network.slots)


@given(sets_of_lines, st.randoms(use_true_random=False))
def test_the_order_of_transcriptions_does_not_matter(texts: list[str], rng: random.Random) -> None:
    shuffled = rng.sample(texts, len(texts))
    assert network_of(*texts) == network_of(*shuffled)


@given(lines, lines)
@settings(max_examples=150)
def test_two_short_lines_are_aligned_at_the_lowest_cost_there_is(one: str, other: str) -> None:
    if one == other:
        return
    cheapest = min(aligned_cost(one, other), aligned_cost(other, one))
    # Runs of four shared characters are kept: lines this short hold hardly more than one.
    assert network_of(one, other).cost == cheapest


def aligned_cost(one: str, other: str) -> int:
    return optimum([(character,) for character in one], (1,), other)


def optimum_of_three(one: str, two: str, three: str) -> int:
    """The smallest sum of pairwise costs of three lines, over all ways to align them."""

    @cache
    def best(*reached: int) -> int:
        if not any(reached):
            return 0
        ways = []
        for moves in itertools.product((0, 1), repeat=3):
            if not any(moves) or any(move > at for move, at in zip(moves, reached, strict=True)):
                continue
            texts = [
                text[at - 1] if move else NULL for text, at, move in zip((one, two, three), reached, moves, strict=True)
            ]
            cost = sum(distance(left, right) for left, right in itertools.combinations(texts, 2))
            ways.append(cost + best(*[at - move for at, move in zip(reached, moves, strict=True)]))
        return min(ways)

    return best(len(one), len(two), len(three))


def misread(text: str, rng: random.Random) -> str:
    """`text` with about one error in five characters."""
    kinds = [lambda c: c, lambda _: "", lambda c: c + rng.choice("xyz "), lambda _: rng.choice("xyz ")]
    return "".join(rng.choices(kinds, (12, 1, 1, 1))[0](character) for character in text)


def shortfalls(count: int, rng: random.Random) -> list[float]:
    """By how much the networks of three misread lines are dearer than the optimum."""
    found = []
    while len(found) < count:
        truth = "".join(rng.choices("abcd ", k=9))
        texts = {misread(truth, rng) for _ in range(3)}
        if len(texts) == 3:
            optimum = optimum_of_three(*texts)
            found.append(network_of(*texts).cost / optimum - 1.0)
    return found


def test_three_misread_lines_are_aligned_at_or_close_to_the_lowest_cost() -> None:
    found = shortfalls(25, random.Random(7))
    assert min(found) >= 0.0
    assert sum(shortfall == 0.0 for shortfall in found) >= 0.95 * len(found)
    assert sum(found) / len(found) < 0.01


@pytest.mark.slow
def test_a_thousand_misread_lines_are_aligned_at_or_close_to_the_lowest_cost() -> None:
    found = shortfalls(1000, random.Random(8))
    assert min(found) >= 0.0
    assert sum(shortfall == 0.0 for shortfall in found) >= 0.95 * len(found)
    assert sum(found) / len(found) < 0.01


def test_look_alikes_meet_in_one_slot() -> None:
    assert drawn(network_of("c0de 1", "code l")) == ["c0de 1", "code l"]


def test_a_letter_that_one_transcription_lacks_leaves_a_gap_and_nothing_else_moves() -> None:
    assert drawn(network_of("hello world", "helo world", "hello worl")) == ["hello worl·", "hello world", "hel·o world"]


def test_a_pair_that_is_read_as_one_character_is_linked_to_it() -> None:
    network = network_of("modern", "modem")
    assert drawn(network) == ["modem·", "modern"]
    assert [list(group) for group in network.slot_groups] == [[0], [1], [2], [3], [4, 5]]


def test_a_pair_is_linked_for_a_third_transcription_too() -> None:
    network = network_of("corner", "comer", "cornet")
    assert [2, 3] in [list(group) for group in network.slot_groups]


def test_positions_decide_where_a_gap_goes() -> None:
    four = Transcription(tuple("llll"), spans=(tuple(Span(10.0 * x, 10.0 * x + 8) for x in range(4)),))
    for missing in range(4):
        seen = tuple(Span(10.0 * x + 1, 10.0 * x + 9) for x in range(4) if x != missing)
        network = align([four, Transcription(tuple("lll"), spans=(seen,))])
        assert [slot[0] for slot in network.slots].index(ABSENT) == missing


def test_one_stray_line_does_not_tear_the_others_apart() -> None:
    network = network_of("the quick brown fox", "the quick brovn fox", "~^ 7#+ ;:=", "the quick hrown fox")
    agreeing = [row for row in drawn(network) if "quick" in row.replace("·", "")]
    assert len({tuple(index for index, mark in enumerate(row) if mark == "·") for row in agreeing}) == 1


def test_the_same_text_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="same text"):
        align([Transcription(tuple("ab")), Transcription(tuple("ab"))])


def test_no_transcription_makes_an_empty_network() -> None:
    assert align([]) == ConfusionNetwork()


@pytest.mark.parametrize(("count", "spans"), [(0, ()), (1, ((None,),))])
def test_a_transcription_that_cannot_be_is_refused(count: int, spans: tuple[tuple[None, ...], ...]) -> None:
    with pytest.raises(ValueError, match="'ab'"):
        Transcription(("a", "b"), count, spans)
