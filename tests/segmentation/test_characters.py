from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segmentation.characters import _valleys, separate


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hamlet", 1),
        ("is it his!", 3),
        ("a:b;c=d", 1),
        ("50% of 1,234.56", 3),
        ('say "yes" now', 3),
        ("The quick brown fox", 4),
        ("page 52, no. 8", 4),
    ],
)
@pytest.mark.parametrize("light_on_dark", [False, True])
def test_every_glyph_has_one_box_and_every_word_one(written, text, words, light_on_dark):
    line = written(40 + 26 * len(text), 64, {(20, 10): text}, size_px=36)
    parts = separate(255 - line if light_on_dark else line)
    assert len(parts.characters) == len(text.replace(" ", ""))
    assert len(parts.words) == words


def test_boxes_run_from_left_to_right_within_the_crop_and_hold_the_ink(written):
    line = written(500, 150, {(20, 30): "Wide margins"}, size_px=70)
    parts = separate(line)
    lefts = [box.left for box in parts.characters]
    assert lefts == sorted(lefts)
    covered = np.zeros(line.shape[:2], bool)
    for box in parts.characters:
        covered[box.top - 2 : box.bottom + 2, box.left - 2 : box.right + 2] = True
    assert covered[line.min(axis=2) < 128].all()
    assert max(box.right for box in parts.words) <= 500


def test_words_hold_their_characters(written):
    parts = separate(written(500, 60, {(20, 10): "three short words"}))
    for character in parts.characters:
        assert any(word.left <= character.left and character.right <= word.right for word in parts.words)


def test_touching_glyphs_are_cut_at_the_thin_place(written):
    line = written(900, 64, {(20, 10): "nn and mm are letters of a long line"}, size_px=40)
    line[44:46, 24:60] = 0  # a thin stroke that joins them, as a bad scan does
    assert len(separate(line).characters) == len("nnandmmarelettersofalongline")


def test_joined_writing_has_words_and_no_characters():
    line = np.full((60, 700, 3), 255, np.uint8)
    for start in (20, 260, 480):
        x = np.arange(start, start + 180)
        y = (34 + 10 * np.sin(x / 5)).astype(int)
        for thickness in range(3):
            line[y + thickness, x] = 0
    parts = separate(line)
    assert parts.characters == ()
    assert len(parts.words) == 3


def test_an_underline_and_the_feet_of_the_line_above_are_no_characters(written):
    line = written(400, 60, {(20, 10): "anchor"}, size_px=36)
    line[54:56, 10:300] = 0
    line[0:4, 60:64] = 0
    assert len(separate(line).characters) == 6


@settings(max_examples=20)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 90), st.just(3))))
def test_any_pixels_give_boxes_within_the_crop(pixels):
    parts = separate(pixels)
    for box in (*parts.words, *parts.characters):
        assert 0 <= box.left < box.right <= pixels.shape[1]
        assert 0 <= box.top < box.bottom <= pixels.shape[0]


@pytest.mark.parametrize("level", [0, 77, 255])
def test_an_even_crop_has_neither_words_nor_characters(level):
    parts = separate(np.full((40, 300, 3), level, np.uint8))
    assert parts.words == ()
    assert parts.characters == ()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.integers(2, 12), st.integers(2, 12))
def test_touching_glyphs_are_cut_where_ink_is_thin_and_no_two_cuts_are_close(columns, pieces, min_width):
    smooth = np.convolve(columns, (0.25, 0.5, 0.25), mode="same")
    wanted: list[int] = []
    for column in np.argsort(smooth, kind="stable").tolist():
        if len(wanted) == pieces - 1 or smooth[column] > 0.5 * np.percentile(columns, 75):
            break
        if all(abs(column - other) >= min_width for other in (0, *wanted, len(columns))):
            wanted.append(column)
    assert _valleys(np.array(columns), pieces, min_width) == sorted(wanted)
