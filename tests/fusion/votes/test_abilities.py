"""Who cannot write a character does not vote against it."""

from __future__ import annotations

from functools import partial

import pytest

from fusion.votes.abilities import Decision, decide, is_contested
from fusion.votes.voting import Ballot, Method, count_votes
from ocr.text.alphabet import UNWRITABLE, Alphabet

ASCII = Alphabet.of(map(chr, range(0x20, 0x7F)))
MARKS = Alphabet.of((*map(chr, range(0x20, 0x7F)), "≤½é"))
ALL = None

Said = tuple[str, float, Alphabet | None]


def voted(*said: Said, method: Method = Method.CONFIDENCE_WEIGHTED) -> Decision:
    ballots = [Ballot(text, 1.0 / len(said), probability) for text, probability, _ in said]
    return decide(ballots, [alphabet for _, _, alphabet in said], partial(count_votes, method=method))


@pytest.mark.parametrize("method", list(Method))
def test_one_that_can_write_a_character_is_not_outvoted_by_those_that_cannot(method: Method) -> None:
    winner, limit = voted(("≤", 0.9, ALL), ("=", 0.9, ASCII), ("=", 0.8, ASCII), ("<", 0.9, ASCII), method=method)
    assert winner.text == "≤"
    assert winner.confidence == pytest.approx(0.9)
    assert limit == 1.0


def test_those_that_can_write_it_vote_among_themselves() -> None:
    winner, limit = voted(("≤", 0.6, ALL), ("=", 0.9, MARKS), ("=", 0.9, MARKS), ("<", 0.9, ASCII))
    assert winner.text == "="
    assert winner.confidence <= limit == pytest.approx(0.4)


def test_a_character_that_is_hardly_seen_does_not_stand_and_leaves_a_doubt() -> None:
    winner, limit = voted(("é", 0.4, ALL), ("e", 0.95, ASCII), ("e", 0.95, ASCII))
    assert winner.text == "e"
    assert winner.confidence == pytest.approx(min(0.6, 0.95 * 2 / 3))
    assert limit == pytest.approx(0.6)


def test_a_stranger_that_was_seen_supports_what_its_engine_cannot_write() -> None:
    winner, _ = voted(("漢", 0.6, ALL), (UNWRITABLE, 0.9, MARKS), ("R", 0.9, ASCII), ("#", 0.9, ALL))
    assert winner.text == "漢"


def test_a_stranger_that_nobody_reads_is_not_written_and_leaves_a_doubt() -> None:
    winner, limit = voted((UNWRITABLE, 0.9, MARKS), ("R", 0.95, ASCII), ("R", 0.95, ASCII))
    assert winner.text == "R"
    assert winner.confidence <= limit == pytest.approx(0.1)


def test_a_stranger_alone_stays_visible_and_doubted() -> None:
    winner, limit = voted((UNWRITABLE, 0.9, MARKS))
    assert winner.text == UNWRITABLE
    assert winner.confidence <= limit == pytest.approx(0.1)


def test_forms_of_one_mark_are_no_characters_that_somebody_lacks() -> None:
    _, limit = voted(("’", 0.9, ALL), ("'", 0.9, ASCII), ("'", 0.8, ASCII))
    assert limit == 1.0


def test_the_form_of_a_mark_is_theirs_who_can_write_all_forms_that_were_read() -> None:
    winner, _ = voted(("’", 0.6, ALL), ("'", 0.9, ASCII), ("'", 0.8, ASCII), ("'", 0.7, MARKS))
    assert winner.text == "’"
    winner, _ = voted(("’", 0.6, ALL), ("'", 0.9, ALL), ("'", 0.8, ASCII))
    assert winner.text == "'"
    winner, _ = voted(("’", 0.6, ALL), ("’", 0.5, ALL), ("'", 0.9, ALL), ("'", 0.8, ASCII))
    assert winner.text == "’"


def test_a_plain_form_is_doubted_where_an_engine_read_another_one() -> None:
    winner, limit = voted(("’", 0.6, ALL), ("'", 0.9, ALL), ("'", 0.8, ALL))
    assert winner.text == "'"
    assert limit == pytest.approx(0.4)
    winner, limit = voted(("–", 0.9, ALL), ("—", 0.8, ALL), ("-", 0.9, ALL), ("-", 0.9, ASCII))
    assert winner.text == "–"
    assert limit == pytest.approx(0.2)


def test_a_form_is_not_doubted_because_others_read_the_plain_one() -> None:
    winner, limit = voted(("“", 0.6, ALL), ("“", 0.6, ALL), ('"', 0.9, ALL))
    assert winner.text == "“"
    assert limit == 1.0


def test_one_that_alone_can_write_a_form_does_not_outvote_those_that_read_another() -> None:
    double = Alphabet.of((*map(chr, range(0x20, 0x7F)), "«»“”"))
    winner, _ = voted(("«", 0.6, double), ("«", 0.6, double), ("‹", 0.9, ALL))
    assert winner.text == "«"
    winner, _ = voted(("“", 0.6, double), ("“", 0.6, double), ("″", 0.9, ALL), ('"', 0.9, double))
    assert winner.text == "“"


def test_where_all_can_write_all_the_vote_is_as_it_was() -> None:
    said: tuple[Said, ...] = (("é", 0.9, ALL), ("e", 0.9, ALL), ("e", 0.8, MARKS))
    winner, limit = voted(*said)
    assert winner == count_votes([Ballot(t, 1.0 / 3, p) for t, p, _ in said], Method.CONFIDENCE_WEIGHTED)
    assert limit == 1.0


def test_an_alphabet_is_the_same_object_after_a_journey() -> None:
    import pickle

    assert pickle.loads(pickle.dumps(MARKS)) is MARKS
    assert MARKS.can_write("e\N{COMBINING ACUTE ACCENT} ≤")
    assert not ASCII.can_write("é")


@pytest.mark.parametrize(
    ("said", "contested"),
    [
        ([("é", ALL), ("e", ASCII)], True),
        ([("é", ALL), ("e", MARKS)], False),
        ([("é", ALL), ("é", ASCII)], False),
        ([("", ASCII), (" ", MARKS)], False),
        ([(UNWRITABLE, MARKS), ("e", ASCII)], True),
    ],
)
def test_a_place_is_contested_where_one_cannot_write_what_another_one_reads(
    said: list[tuple[str, Alphabet | None]], *, contested: bool
) -> None:
    assert is_contested([text for text, _ in said], [alphabet for _, alphabet in said]) is contested


FRACTIONS = Alphabet.of((*map(chr, range(0x20, 0x7F)), "½⅔"))


def test_of_two_marks_the_one_stands_that_is_read_by_who_can_write_both() -> None:
    winner, limit = voted(("½", 0.9, MARKS), ("⅔", 0.6, FRACTIONS), ("%", 0.9, ASCII))
    assert winner.text == "⅔"
    assert limit == 1.0


def test_a_mark_that_its_engines_could_not_have_written_leaves_a_doubt() -> None:
    winner, limit = voted(("½", 0.9, MARKS), ("⅔", 0.4, FRACTIONS), ("%", 0.9, ASCII))
    assert winner.text == "½"
    assert limit == pytest.approx(0.6)
