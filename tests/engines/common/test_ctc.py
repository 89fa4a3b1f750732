"""Greedy decoding of made-up steps: what is read, how sure, and where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.common.ctc import Decoder, Steps
from ocr import Classes, Crop, Scope

CHARACTERS = ["blank", "a", "b", "0", "O", "ā", "漢", " "]
STEP_PX = 10.0


def steps(*rows: dict[str, float]) -> Steps:
    """One row per step; what is not named shares the rest with the blank."""
    table = np.zeros((len(rows), len(CHARACTERS)), np.float32)  # (T, C)
    for step, row in enumerate(rows):
        for text, probability in row.items():
            table[step, CHARACTERS.index(text)] = probability
        table[step, 0] += 1.0 - table[step].sum()
    return table


def crop(width: int, scope: Scope = Scope.LINE, classes: Classes = Classes.ALNUM) -> Crop:
    return Crop.whole(np.zeros((20, width, 3), np.uint8), scope, classes=classes)


def read(table: Steps, of: Crop | None = None) -> list[tuple[str, float]]:
    characters = Decoder(CHARACTERS).decode(of or crop(10 * len(table)), table, STEP_PX)
    return [(character.text, round(character.probability, 3)) for character in characters]


def test_a_character_is_as_probable_as_at_its_best_step():
    assert read(steps({"a": 0.6}, {"a": 0.9}, {"a": 0.7})) == [("a", 0.9)]


def test_a_blank_parts_equal_characters():
    assert read(steps({"a": 0.9}, {}, {"a": 0.8})) == [("a", 0.9), ("a", 0.8)]


def test_spaces_at_the_ends_are_left_out_and_inside_kept():
    assert [text for text, _ in read(steps({" ": 0.9}, {"a": 0.9}, {" ": 0.9}, {"b": 0.9}, {" ": 0.9}))] == [
        "a",
        " ",
        "b",
    ]


def test_only_blanks_are_no_characters():
    assert read(steps({}, {}, {})) == []


def test_accents_of_every_language_are_read_in_each_that_is_written_in_latin_script():
    assert read(steps({"ā": 0.6, "a": 0.3})) == [("ā", 0.6)]


def test_a_stranger_that_is_clearly_seen_is_read_as_what_it_is():
    assert read(steps({"a": 0.9}, {"漢": 0.9}, {"b": 0.8})) == [("a", 0.9), ("漢", 0.9), ("b", 0.8)]


def test_a_stranger_that_is_not_clear_gives_way_to_the_best_usual_one_which_is_no_surer_for_it():
    assert read(steps({"漢": 0.45, "b": 0.2, "a": 0.1})) == [("b", 0.2)]


def test_a_stranger_is_never_left_out():
    assert read(steps({"a": 0.9}, {"漢": 0.498, "a": 0.006}, {"b": 0.9})) == [("a", 0.9), ("漢", 0.498), ("b", 0.9)]


def test_two_code_points_of_one_sign_are_one_on_a_page_in_latin_script():
    characters = ["blank", "µ", "μ", ",", "，", "¥", "￥"]
    rows = [
        [0.1, 0.4, 0.5, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.3, 0.7, 0.0, 0.0],
        [0.1, 0.0, 0.0, 0.0, 0.0, 0.2, 0.7],
    ]
    table = np.array(rows, np.float32)
    read = Decoder(characters).decode(crop(20), table, STEP_PX)
    assert [(one.text, round(one.probability, 2)) for one in read] == [("µ", 0.9), (",", 1.0), ("¥", 0.9)]
    whole = crop(20)
    chinese = Decoder(characters).decode(Crop(whole.pixels, whole.region, languages=("zh",)), table, STEP_PX)
    assert [one.text for one in chinese] == ["μ", "，", "￥"]


def test_in_another_script_no_character_is_a_stranger():
    table = steps({"漢": 0.45, "b": 0.2, "a": 0.1})
    pixels = np.zeros((20, 10, 3), np.uint8)
    whole = Crop.whole(pixels)
    [character] = Decoder(CHARACTERS).decode(Crop(pixels, whole.region, languages=("zh",)), table, STEP_PX)
    assert character.text == "漢"


def test_what_is_read_tells_what_could_be_written():
    hypothesis = Decoder([*CHARACTERS, "\N{REPLACEMENT CHARACTER}"]).hypothesis(
        crop(10), np.pad(steps({"a": 0.9}), ((0, 0), (0, 1))), STEP_PX
    )
    assert hypothesis.alphabet is not None
    assert sorted(hypothesis.alphabet) == sorted(CHARACTERS[1:])


def test_other_guesses_are_named_most_probable_first():
    [character] = Decoder(CHARACTERS).decode(crop(10), steps({"0": 0.6, "O": 0.3, "a": 0.05}), STEP_PX)
    assert [other.text for other in character.alternatives] == ["O", "a"]


@pytest.mark.parametrize(("classes", "expected"), [(Classes.DIGITS, "0"), (Classes.UPPER, "O"), (Classes.LOWER, "a")])
def test_a_single_character_is_of_the_classes_that_are_asked_for(classes, expected):
    table = steps({"O": 0.5, "0": 0.3, "a": 0.1})
    assert [text for text, _ in read(table, crop(10, Scope.CHARACTER, classes))] == [expected]


def test_of_a_single_character_the_other_classes_take_no_probability():
    [(_, probability)] = read(steps({"O": 0.7, "0": 0.3}), crop(10, Scope.CHARACTER, Classes.DIGITS))
    assert probability == 1.0


def test_what_is_written_behind_the_crop_is_kept_and_drawn_into_it():
    [first, second] = Decoder(CHARACTERS).decode(crop(20), steps({"a": 0.9}, {}, {}, {"b": 0.9}), STEP_PX)
    assert (first.text, second.text) == ("a", "b")
    assert first.span is not None
    assert second.span is not None
    assert first.span.end <= second.span.start
    assert second.span.end == 20.0


def test_neighbours_meet_half_way():
    first, second = Decoder(CHARACTERS).decode(crop(40), steps({"a": 0.9}, {}, {}, {"b": 0.9}), STEP_PX)
    assert first.span is not None
    assert second.span is not None
    assert first.span == (0.0, 15.0)  # its middle is 5, and it reaches half the height of 20 px
    assert second.span == (25.0, 40.0)


@given(st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=30), st.integers(1, 400), st.integers(0, 9))
def test_spans_lie_inside_the_crop_and_in_order(best, width, beyond):
    table = steps(*({} if text == "blank" else {text: 0.9} for text in best))
    characters = Decoder(CHARACTERS).decode(crop(width), table, width / max(1, len(best) - beyond))
    spans = [character.span for character in characters]
    assert all(span is not None and 0.0 <= span.start < span.end <= width for span in spans)
    assert [span.start for span in spans if span] == sorted(span.start for span in spans if span)
