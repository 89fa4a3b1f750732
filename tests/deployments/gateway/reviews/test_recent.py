"""What was used last is kept, as far as there is room for it."""

from __future__ import annotations

from deployments.gateway.reviews.recent import Recent


def test_those_that_were_used_longest_ago_make_room_by_their_size() -> None:
    recent: Recent[str, int] = Recent(10)
    for number, key in enumerate("abc"):
        recent.put(key, number, 3)
    assert recent.get("a") == 0
    recent.put("d", 3, 4)
    assert [recent.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_one_that_is_larger_than_all_may_be_is_not_kept_and_moves_nothing_out() -> None:
    recent: Recent[str, int] = Recent(10)
    recent.put("a", 1, 5)
    recent.put("b", 2, 11)
    assert (recent.get("a"), recent.get("b")) == (1, None)


def test_a_value_that_is_put_again_counts_once() -> None:
    recent: Recent[str, int] = Recent(10)
    for _ in range(3):
        recent.put("a", 1, 5)
    recent.put("b", 2, 5)
    assert (recent.get("a"), recent.get("b")) == (1, 2)
