from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion import Profile, fuse_line, line_on_page
from fusion.page_line import complete_spans
from ocr import Box, CharacterHypothesis, Hypothesis, Polygon, Reading, Region, Span
from tests.fusion.strategies import hypotheses_by_engine, profiles

REGION = Region(Box(100, 50, 300, 70).polygon(), 200, 20, block=3)
EVEN = Profile("even", {"ada": 1.0, "bob": 1.0})


def placed(text: str, width: float = 10.0, start: float = 0.0) -> Hypothesis:
    return Hypothesis.of(
        CharacterHypothesis(letter, 0.9, Span(start + width * index, start + width * (index + 1)))
        for index, letter in enumerate(text)
    )


def left_right(polygon: Polygon | None) -> tuple[float, float]:
    assert polygon is not None
    (left, _), (right, _), *_ = polygon.corners
    return left, right


def test_a_line_has_its_text_words_votes_readings_and_place() -> None:
    readings = {"ada": placed("ab cd"), "bob": Hypothesis.of_text("ab cd", 0.9), "cyd": Hypothesis.abstain("?")}
    line = line_on_page(fuse_line(readings, EVEN), REGION, readings)
    assert (line.text, line.block, line.polygon) == ("ab cd", 3, REGION.polygon)
    assert [word.text for word in line.words] == ["ab", "cd"]
    assert {name: reading.text for name, reading in line.readings.items()} == {
        "ada": "ab cd",
        "bob": "ab cd",
        "cyd": "",
    }
    assert line.readings["ada"] == Reading("ab cd", readings["ada"].confidence, 5)
    assert line.readings["cyd"].abstained
    assert [vote.engine for vote in line.characters[0].votes] == ["ada", "bob"]
    assert [dict(word.votes) for word in line.words] == [{"ada": "ab", "bob": "ab"}, {"ada": "cd", "bob": "cd"}]
    assert left_right(line.characters[0].polygon) == pytest.approx((100, 110))
    assert [left_right(word.polygon) for word in line.words] == [pytest.approx((100, 120)), pytest.approx((130, 150))]


def test_votes_that_nobody_wants_are_left_out_and_words_still_say_what_each_engine_read() -> None:
    readings = {"ada": placed("ab cd"), "bob": Hypothesis.of_text("ab xd", 0.9)}
    whole, lean = (line_on_page(fuse_line(readings, EVEN), REGION, readings, keep_votes=keep) for keep in (True, False))
    assert all(character.votes for character in whole.characters)
    assert not any(character.votes for character in lean.characters)
    assert [(word.text, word.votes) for word in lean.words] == [(word.text, word.votes) for word in whole.words]
    assert lean.words[1].votes == {"ada": "cd", "bob": "xd"}


def test_places_lie_along_the_direction_of_reading() -> None:
    upwards = Polygon(((50, 300), (50, 100), (70, 100), (70, 300)))  # the text reads from bottom to top
    readings = {"ada": placed("ab", width=100)}
    line = line_on_page(fuse_line(readings, EVEN), Region(upwards, 200, 20), readings)
    assert line.characters[1].polygon == Polygon(((50, 200), (50, 100), (70, 100), (70, 200)))


def test_words_take_the_boxes_of_segmentation_when_no_engine_knows_places() -> None:
    readings = {"ada": Hypothesis.of_text("ab cd", 0.9)}
    region = Region(REGION.polygon, 200, 20, word_boxes=(Box(0, 0, 80, 20), Box(90, 0, 180, 20)))
    line = line_on_page(fuse_line(readings, EVEN), region, readings)
    assert [left_right(word.polygon) for word in line.words] == [pytest.approx((100, 180)), pytest.approx((190, 280))]
    assert [character.polygon for character in line.characters] == [None] * 5


def test_boxes_of_segmentation_that_do_not_fit_the_words_are_left_alone() -> None:
    readings = {"ada": Hypothesis.of_text("ab cd ef", 0.9)}
    region = Region(REGION.polygon, 200, 20, word_boxes=(Box(0, 0, 80, 20), Box(90, 0, 180, 20)))
    assert [word.polygon for word in line_on_page(fuse_line(readings, EVEN), region, readings).words] == [None] * 3


def test_an_empty_line_keeps_its_place() -> None:
    line = line_on_page(fuse_line({}, EVEN), REGION, {})
    assert (line.text, line.confidence, line.words, line.polygon) == ("", 0.0, (), REGION.polygon)


def test_a_character_nobody_could_place_lies_between_its_neighbours() -> None:
    assert complete_spans([Span(0, 10), None, None, Span(30, 40)], 100) == [
        Span(0, 10), Span(10, 20), Span(20, 30), Span(30, 40),
    ]  # fmt: skip


def test_characters_at_the_ends_take_the_usual_width() -> None:
    assert complete_spans([None, Span(20, 30), None], 100) == [Span(10, 20), Span(20, 30), Span(30, 40)]


def test_where_neighbours_leave_no_room_they_are_overlapped() -> None:
    assert complete_spans([Span(0, 10), None, Span(10, 20)], 100) == [Span(0, 10), Span(5, 15), Span(10, 20)]


def test_no_known_place_gives_no_place() -> None:
    assert complete_spans([None, None], 100) == [None, None]


spans = st.tuples(st.floats(-20.0, 120.0), st.floats(0.01, 30.0)).map(lambda drawn: Span(drawn[0], sum(drawn)))


@given(st.lists(st.none() | spans, max_size=12), st.integers(1, 110))
def test_spans_rise_lie_in_the_crop_and_are_never_empty(drawn: list[Span | None], width_px: int) -> None:
    whole = complete_spans(drawn, width_px)
    assert len(whole) == len(drawn)
    known = [span for span in whole if span is not None]
    assert len(known) == (0 if all(span is None for span in drawn) else len(drawn))
    assert all(0.0 <= span.start < span.end <= width_px for span in known)
    assert [span.start for span in known] == sorted(span.start for span in known)
    assert [span.end for span in known] == sorted(span.end for span in known)


@given(hypotheses_by_engine, profiles)
def test_any_fused_line_can_be_placed(spoken: dict[str, Hypothesis], profile: Profile) -> None:
    fused = fuse_line(spoken, profile)
    line = line_on_page(fused, REGION, spoken)
    assert line.text == fused.text
    assert [word.text for word in line.words] == fused.text.split()


def test_a_word_ends_before_the_next_one_begins_also_in_whole_pixels() -> None:
    readings = {
        "ada": Hypothesis.of(
            CharacterHypothesis(letter, 0.9, Span(start, end))
            for letter, start, end in [("7", 0, 22), (" ", 21, 22), ("M", 21, 40), ("a", 40, 60), ("y", 58, 80)]
        )
    }
    first, second = line_on_page(fuse_line(readings, EVEN), REGION, readings).words
    (_, end), (start, _) = left_right(first.polygon), left_right(second.polygon)
    assert (end, start) == (pytest.approx(119.5), pytest.approx(123.5))


@given(hypotheses_by_engine, profiles)
def test_words_of_any_line_keep_their_order(hypotheses: dict[str, Hypothesis], profile: Profile) -> None:
    words = line_on_page(fuse_line(hypotheses, profile), REGION, hypotheses).words
    sides = [left_right(word.polygon) for word in words if word.polygon is not None]
    assert all(left < right for left, right in sides)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(sides))


def test_a_line_from_right_to_left_has_its_words_and_letters_where_they_stand() -> None:
    text, places = "אב 12 ג", [(90, 100), (80, 90), None, (50, 60), (60, 70), None, (30, 40)]
    read = Hypothesis.of(
        CharacterHypothesis(letter, 0.9, None if place is None else Span(*place))
        for letter, place in zip(text, places, strict=True)
    )
    line = line_on_page(fuse_line({"ada": read}, EVEN), REGION, {"ada": read})
    assert line.text == text
    assert left_right(line.characters[0].polygon) == pytest.approx((190, 200))
    assert left_right(line.words[1].polygon) == pytest.approx((150, 170), abs=2.0)
    assert left_right(line.words[2].polygon) == pytest.approx((130, 140), abs=2.0)
