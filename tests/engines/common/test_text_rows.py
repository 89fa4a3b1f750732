"""The rows of a crop that its letters take: what is cut off, and what is left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.common.text_rows import HAND_MARGIN, MIN_HEIGHT_PX, crop_to_text_rows


def crop(height: int, *bands: tuple[int, int]) -> np.ndarray:
    """Paper with strokes in the rows of each band."""
    picture = np.full((height, 300), 230, np.uint8)
    for top, bottom in bands:
        picture[top:bottom, 10:-10:3] = 20
    return picture


def test_paper_above_and_below_small_letters_is_cut_off():
    picture = crop(100, (60, 80))
    kept = crop_to_text_rows(picture)
    assert kept.shape[0] < 50
    assert (kept == 20).sum() == (picture == 20).sum()


def test_handwriting_keeps_more_for_its_long_strokes():
    picture = crop(100, (40, 60))
    assert crop_to_text_rows(picture).shape[0] + 20 < crop_to_text_rows(picture, HAND_MARGIN).shape[0] < 100


def test_pieces_of_the_neighbours_are_cut_off_with_the_paper():
    kept = crop_to_text_rows(crop(120, (0, 6), (45, 75), (116, 120)))
    assert (kept == 20).any(axis=1).sum() == 30


def test_light_letters_on_dark_paper_are_found_as_well():
    assert crop_to_text_rows(255 - crop(100, (60, 80))).shape[0] < 50


def test_a_crop_that_its_letters_fill_stays_as_it_is():
    picture = crop(40, (6, 34))
    assert crop_to_text_rows(picture) is picture


def test_a_dash_is_not_a_line_of_letters():
    picture = crop(60, (28, 33))
    assert crop_to_text_rows(picture) is picture


def test_small_crops_stay_as_they_are():
    picture = crop(24, (8, 15))
    assert crop_to_text_rows(picture) is picture


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    contrast=st.sampled_from([0, 1, 255]),
)
def test_whole_rows_are_kept_and_never_too_few(height: int, width: int, seed: int, contrast: int):
    picture = np.random.default_rng(seed).integers(0, contrast + 1, (height, width)).astype(np.uint8)
    kept = crop_to_text_rows(picture)
    assert kept.shape[1] == width
    assert min(height, MIN_HEIGHT_PX) <= kept.shape[0] <= height
