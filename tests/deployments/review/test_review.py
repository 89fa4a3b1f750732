"""Decisions and leases of a review, as pure values."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.review.review import (
    LEASE_S,
    KeptDecision,
    Review,
    lease_words,
    undone,
    why_refused,
    with_decisions,
)


def review(**changes: Any) -> Review:
    made = {"order": "doubt", "below": 0.7, "words": None, "sure_share": 0.0, "seed": 0, "created_at": 0.0}
    return Review.model_validate({"key": "k", "index": "i", **made, **changes})


def decision(number: int = 0, session: str = "ann", at: float = 10.0, **changes: Any) -> KeptDecision:
    place = {"file": 0, "page": 0, "line": 0, "word": number}
    said = {"kind": "typed", "was": "Qvay", "text": "Quay", "by": "key", "reviewer": session.title()}
    made = {"number": number, "session": session, "at": at, "confidence": 0.4, "chance": 1.0}
    return KeptDecision.model_validate({**place, **said, **made, **changes})


def test_two_sessions_never_look_at_the_same_word() -> None:
    first, of_ann = lease_words(review(), range(10), "ann", 3, now=0.0)
    second, of_bob = lease_words(first, range(10), "bob", 3, now=1.0)
    assert (of_ann, of_bob) == ((0, 1, 2), (3, 4, 5))
    assert why_refused(second, [decision(1, "bob", at=2.0)]) == ["somebody else looks at this word"]
    assert why_refused(second, [decision(1, "ann", at=2.0)]) == [""]


def test_a_session_that_comes_back_gets_the_words_that_it_had() -> None:
    first, had = lease_words(review(), range(10), "ann", 3, now=0.0)
    assert lease_words(first, range(10), "ann", 3, now=5.0)[1] == had


def test_the_words_of_a_session_that_is_silent_are_free_after_a_while() -> None:
    first, _ = lease_words(review(), range(3), "ann", 3, now=0.0)
    assert lease_words(first, range(3), "bob", 3, now=LEASE_S - 1.0)[1] == ()
    assert lease_words(first, range(3), "bob", 3, now=LEASE_S + 1.0)[1] == (0, 1, 2)


def test_a_decided_word_is_asked_no_more_and_is_not_decided_again_by_others() -> None:
    decided = with_decisions(review(), [decision(0)])
    assert lease_words(decided, range(2), "bob", 2, now=11.0)[1] == (1,)
    assert why_refused(decided, [decision(0, "bob", at=12.0)]) == ["Ann has decided this word"]


def test_a_decision_that_is_taken_back_opens_the_word_for_who_took_it_back_and_is_not_forgotten() -> None:
    decided = with_decisions(review(), [decision(0)])
    back = undone(decided, 0, "ann", now=20.0)
    assert back is not None
    assert back.decided == {}
    assert [kept.undone_at for kept in back.decisions] == [20.0]
    assert lease_words(back, range(2), "bob", 2, now=21.0)[1] == (1,)
    assert lease_words(back, range(2), "ann", 2, now=21.0)[1] == (0, 1)


def test_nobody_takes_back_what_others_said_or_nobody_said() -> None:
    decided = with_decisions(review(), [decision(0)])
    assert undone(decided, 0, "bob", now=20.0) is None
    assert undone(decided, 1, "ann", now=20.0) is None


def test_a_word_that_is_decided_anew_has_the_newest_decision_and_the_old_one_is_kept() -> None:
    twice = with_decisions(with_decisions(review(), [decision(0)]), [decision(0, at=15.0, text="Quai")])
    assert twice.decided[0].text == "Quai"
    assert [(kept.text, kept.undone_at) for kept in twice.decisions] == [("Quay", 15.0), ("Quai", None)]


def test_decisions_that_come_together_are_kept_as_if_they_came_one_by_one() -> None:
    before = lease_words(with_decisions(review(), [decision(1)]), range(4), "ann", 3, now=1.0)[0]
    said = [decision(0), decision(1, at=11.0, text="Quai"), decision(0, at=12.0, text="Quays"), decision(3, at=13.0)]
    one_by_one = before
    for each in said:
        one_by_one = with_decisions(one_by_one, [each])
    assert with_decisions(before, said) == one_by_one
    assert {number: kept.text for number, kept in one_by_one.decided.items()} == {0: "Quays", 1: "Quai", 3: "Quay"}


def test_the_time_for_a_word_is_that_between_decisions_of_a_session_without_its_breaks() -> None:
    moments = [10.0, 12.0, 14.0, 514.0, 516.0, 518.0, 520.0]
    decided = with_decisions(review(), [decision(number, at=at) for number, at in enumerate(moments)])
    assert decided.seconds_a_word == 2.0


def test_a_review_survives_being_written_down() -> None:
    leased, _ = lease_words(with_decisions(review(), [decision(0)]), range(3), "bob", 1, now=11.0)
    assert Review.model_validate_json(leased.model_dump_json()) == leased


@pytest.mark.parametrize(
    ("kind", "text", "is_change"), [("typed", "Quay", True), ("taken", "Qvay", False), ("illegible", "Qvay", False)]
)
def test_only_another_text_is_a_change(kind: str, text: str, is_change: bool) -> None:
    assert decision(kind=kind, text=text).is_change is is_change


def test_a_review_holds_so_many_decisions_and_says_why_it_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.review.review.MOST_DECISIONS", 3)
    full = with_decisions(review(), [decision(number) for number in range(2)])
    first, second = why_refused(full, [decision(2), decision(3)])
    assert first == ""
    assert "submit the document again" in second


def test_one_word_is_decided_so_many_times_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.review.review.MOST_OF_A_WORD", 3)
    said = with_decisions(review(), [decision(0), decision(0)])
    first, second, third = why_refused(said, [decision(0), decision(0), decision(1)])
    assert (first, third) == ("", "")
    assert "go on with others" in second


def test_a_review_holds_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.review.review.MOST_CHARACTERS", 10)
    said = with_decisions(review(), [decision(0, text="x" * 6)])
    more = [decision(1, text="x" * 5), decision(2, text="xx"), decision(3, text="xxx")]
    first, second, third = why_refused(said, more)
    assert (second, "submit the document again" in first, "submit the document again" in third) == ("", True, True)


def test_words_are_leased_to_so_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.review.review.MOST_LEASES", 3)
    first, _ = lease_words(review(), range(10), "ann", 2, 0.0)
    full, numbers = lease_words(first, range(10), "bob", 5, 0.0)
    assert numbers == (2,)
    assert lease_words(full, range(10), "eve", 1, 0.0)[1] == ()
    assert lease_words(full, range(10), "ann", 2, 0.0)[1] == (0, 1)
