from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import Method
from fusion.votes.voting import Ballot, count_votes

ballots = st.lists(
    st.builds(
        Ballot,
        st.sampled_from(["", "a", "b", "'", "’", " "]),
        st.just(1.0),
        st.floats(0.0, 1.0),
        support=st.none() | st.floats(0.0, 9.0),
    ),
    min_size=1,
    max_size=8,
).map(lambda cast: [ballot._replace(weight=1.0 / len(cast)) for ballot in cast])
methods = st.sampled_from(list(Method))


def even(letters: str, probability: float = 0.8) -> list[Ballot]:
    return [Ballot(letter, 1.0 / len(letters), probability) for letter in letters]


@pytest.mark.parametrize("method", Method)
def test_five_voters_a_a_b_b_b_make_b_win(method: Method) -> None:
    for letters in itertools.permutations("AABBB"):
        assert count_votes(even("".join(letters)), method).text == "B"


@pytest.mark.parametrize("method", Method)
def test_every_ballot_of_five_voters_for_three_letters_is_counted_right(method: Method) -> None:
    wrong = [
        letters
        for cast in itertools.product("ABC", repeat=5)
        if count_votes(even(letters := "".join(cast)), method).text != counted(letters)
    ]
    assert wrong == []


def counted(letters: str) -> str:
    """The letter cast most often; of several, the first in the alphabet."""
    return min(Counter(letters), key=lambda letter: (-letters.count(letter), letter))


def test_the_confidence_of_equal_voters_is_the_part_that_agrees_times_how_sure_they_are() -> None:
    assert count_votes(even("ABBBA"), Method.MAJORITY_VOTING).confidence == pytest.approx(0.8 * 3 / 5)


def test_weight_decides_against_number_in_weighted_voting_only() -> None:
    cast = [Ballot("a", 0.6, 0.9), Ballot("b", 0.2, 0.9), Ballot("b", 0.2, 0.9)]
    assert count_votes(cast, Method.WEIGHTED_VOTING).text == "a"
    assert count_votes(cast, Method.CONFIDENCE_WEIGHTED).text == "a"
    assert count_votes(cast, Method.MAJORITY_VOTING).text == "b"


def test_probability_decides_against_weight_in_confidence_weighted_voting_only() -> None:
    cast = [Ballot("a", 0.6, 0.3), Ballot("b", 0.4, 0.9)]
    assert count_votes(cast, Method.CONFIDENCE_WEIGHTED).text == "b"
    assert count_votes(cast, Method.WEIGHTED_VOTING).text == "a"


def test_a_tie_goes_to_the_surer_then_to_the_heavier_then_to_the_lower_code_point() -> None:
    surer = [Ballot("a", 0.5, 0.6), Ballot("b", 0.5, 0.7)]
    heavier = [Ballot("a", 0.4, 0.6), Ballot("b", 0.6, 0.6)]
    assert count_votes(surer, Method.WEIGHTED_VOTING).text == "b"
    assert count_votes(heavier, Method.MAJORITY_VOTING).text == "b"
    assert count_votes(even("ba"), Method.MAJORITY_VOTING).text == "a"


def test_sums_that_differ_by_rounding_are_a_tie() -> None:
    cast = [Ballot("b", 0.1, 0.5), Ballot("b", 0.2, 0.5), Ballot("a", 0.3, 1.0), Ballot("c", 0.4, 0.1)]
    assert 0.1 + 0.2 != 0.3
    reordered = [*cast[2:], *cast[1::-1]]
    assert (
        count_votes(cast[:3], Method.WEIGHTED_VOTING).text
        == count_votes([cast[2], cast[1], cast[0]], Method.WEIGHTED_VOTING).text
    )
    assert count_votes(cast, Method.WEIGHTED_VOTING) == count_votes(reordered, Method.WEIGHTED_VOTING)


def test_typographic_forms_stand_together_and_the_heavier_form_is_written() -> None:
    cast = [Ballot("’", 0.3, 0.9), Ballot("'", 0.25, 0.9), Ballot(",", 0.45, 0.9)]
    winner = count_votes(cast, Method.WEIGHTED_VOTING)
    assert winner.text == "’"
    assert winner.confidence == pytest.approx(0.55 * 0.9)


def test_nothing_can_win() -> None:
    assert count_votes([Ballot("", 0.7, 0.5), Ballot("x", 0.3, 0.9)], Method.WEIGHTED_VOTING).text == ""


def test_a_second_guess_counts_as_much_as_its_engine_is_sure_of_it() -> None:
    cast = [Ballot("0", 0.6, 0.4, second_guess=True), Ballot("8", 0.4, 0.9)]
    for method in Method:
        assert count_votes(cast, method).text == "8"


def test_an_election_without_ballots_is_refused() -> None:
    with pytest.raises(ValueError, match="without ballots"):
        count_votes([], Method.MAJORITY_VOTING)


@given(ballots, methods)
def test_the_winner_was_voted_for_and_confidence_is_a_probability(cast: list[Ballot], method: Method) -> None:
    winner = count_votes(cast, method)
    assert winner.text in {ballot.text for ballot in cast}
    assert 0.0 <= winner.confidence <= 1.0


@given(ballots, methods, st.randoms(use_true_random=False))
def test_the_order_of_ballots_does_not_matter(cast: list[Ballot], method: Method, rng: object) -> None:
    shuffled = sorted(cast, key=lambda _: rng.random())  # type: ignore[attr-defined]
    assert count_votes(shuffled, method).text == count_votes(cast, method).text
    assert count_votes(shuffled, method).confidence == pytest.approx(count_votes(cast, method).confidence)


@given(ballots, methods, st.data())
def test_one_more_supporter_takes_nothing_from_the_winner(
    cast: list[Ballot], method: Method, data: st.DataObject
) -> None:
    winner = count_votes(cast, method)
    index = data.draw(st.integers(0, len(cast) - 1))
    joined = [ballot._replace(text=winner.text) if at == index else ballot for at, ballot in enumerate(cast)]
    assert count_votes(joined, method).text == winner.text
    assert count_votes(joined, method).confidence >= winner.confidence - 1e-12
