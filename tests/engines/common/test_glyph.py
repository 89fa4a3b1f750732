"""The preparation of a character: whatever comes in, the same 28x28 ink comes out, or a reason why not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engines.common.glyph import SIDE_PX, Glyph, Unreadable, as_grey, find_ink, glyph_in_ink, prepare


def letter(text: str = "R", *, side: int = 64, scale: float = 1.6, thickness: int = 4) -> np.ndarray:
    """Dark ink on white paper, grey (side, side)."""
    picture = np.full((side, side), 255, np.uint8)
    size, _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    origin = ((side - size[0]) // 2, (side + size[1]) // 2)
    cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, 0, thickness, cv2.LINE_AA)
    return picture


def glyph_of(picture: np.ndarray) -> Glyph:
    glyph = prepare(picture)
    assert isinstance(glyph, Glyph), glyph
    return glyph


def likeness(first: Glyph, second: Glyph) -> float:
    return float(np.corrcoef(first.pixels.ravel(), second.pixels.ravel())[0, 1])


def test_a_glyph_is_28_by_28_with_ink_1_and_two_free_pixels_around() -> None:
    pixels = glyph_of(letter()).pixels
    assert pixels.shape == (SIDE_PX, SIDE_PX)
    assert pixels.dtype == np.float32
    assert pixels.min() == 0.0
    assert pixels.max() == 1.0
    inner = pixels[2:-2, 2:-2]
    assert pixels.sum() == pytest.approx(inner.sum())
    assert max(np.ptp(np.nonzero(inner > 0.3)[axis]) for axis in (0, 1)) >= 22


def test_light_ink_on_dark_gives_the_same_glyph() -> None:
    assert likeness(glyph_of(letter()), glyph_of(255 - letter())) > 0.999


@pytest.mark.parametrize(("paper", "ink"), [(200, 120), (90, 60), (255, 215), (60, 140)])
def test_grey_paper_and_faint_ink_give_the_same_glyph(paper: int, ink: int) -> None:
    share = 1.0 - letter() / 255.0
    picture = np.round(paper + (ink - paper) * share).astype(np.uint8)
    assert likeness(glyph_of(letter()), glyph_of(picture)) > 0.98


@pytest.mark.parametrize("side", [24, 40, 160, 640])
def test_the_size_of_the_picture_does_not_matter(side: int) -> None:
    picture = cv2.resize(letter(side=96, scale=2.4, thickness=6), (side, side), interpolation=cv2.INTER_AREA)
    assert likeness(glyph_of(letter(side=96, scale=2.4, thickness=6)), glyph_of(picture)) > 0.95


@pytest.mark.parametrize("side", [8, 10, 14])
@pytest.mark.parametrize("text", list("285kR"))
def test_a_character_of_few_pixels_is_read_with_edges_between_them(side: int, text: str) -> None:
    large = letter(text, side=96, scale=2.4, thickness=8)
    box = glyph_of(large).box
    tight = large[box.top - 2 : box.bottom + 2, box.left - 2 : box.right + 2]
    width = max(1, round(side * tight.shape[1] / tight.shape[0]))
    few = cv2.resize(tight, (width, side), interpolation=cv2.INTER_AREA)
    alone = glyph_of(few)
    assert likeness(glyph_of(large), alone) > 0.68
    assert alone.box.right <= width
    sheet = np.full((50, 50), 255, np.uint8)
    sheet[20 : 20 + side, 10 : 10 + width] = few
    assert likeness(alone, glyph_of(sheet)) > 0.85


@pytest.mark.parametrize("text", list("08BGRS"))
@pytest.mark.parametrize("lighter", [False, True], ids=["dark ink", "light ink"])
def test_bold_ink_that_fills_a_tight_cut_is_not_taken_for_paper(text: str, lighter: bool) -> None:
    large = letter(text, side=96, scale=2.4, thickness=11)
    box = glyph_of(large).box
    tight = large[box.top : box.bottom, box.left : box.right]
    assert likeness(glyph_of(large), glyph_of(255 - tight if lighter else tight)) > 0.9


@pytest.mark.parametrize("ink", [(1, 1), (2, 3), (3, 3)])
def test_a_speck_stays_a_speck_however_large_it_is_looked_at(ink: tuple[int, int]) -> None:
    for side in (6, 12, 40):
        picture = np.full((side, side), 255, np.uint8)
        picture[2 : 2 + ink[0], 2 : 2 + ink[1]] = 0
        found = prepare(picture)
        assert isinstance(found, Unreadable)
        assert "too small" in found.reason


def test_a_small_character_on_a_large_sheet_is_looked_at_closely() -> None:
    sheet = np.full((900, 1200), 235, np.uint8)
    sheet[400:464, 700:764] = np.minimum(letter(), 235)
    glyph = glyph_of(sheet)
    assert likeness(glyph_of(letter()), glyph) > 0.98
    assert abs(glyph.box.left - 700 - glyph_of(letter()).box.left) <= 2


def test_shading_and_grain_are_taken_out() -> None:
    rng = np.random.default_rng(3)
    shade = np.linspace(-60, 0, 64)[None, :] + np.linspace(-30, 0, 64)[:, None]
    picture = np.clip(letter() * 0.6 + 80 + shade + rng.normal(0, 4, (64, 64)), 0, 255).astype(np.uint8)
    assert likeness(glyph_of(letter()), glyph_of(picture)) > 0.93


@pytest.mark.parametrize("text", list("B8eg"))
def test_a_small_faint_character_in_grain_is_found_and_keeps_its_bows(text: str) -> None:
    picture = np.round(200 - 60 * (1.0 - letter(text, side=32, scale=0.6, thickness=1) / 255.0)).astype(np.uint8)
    noise = [np.random.default_rng(seed).normal(0.0, 12.0, picture.shape) for seed in range(8)]
    grainy = [glyph_of(np.clip(picture + each, 0, 255).astype(np.uint8)) for each in noise]
    assert np.mean([likeness(glyph_of(picture), each) for each in grainy]) > 0.75


def test_a_clean_picture_is_not_smoothed() -> None:
    # Strokes of one pixel beside gaps of one pixel stay apart.
    picture = np.full((40, 40), 255, np.uint8)
    picture[10:30, 12:24:2] = 0
    ink = find_ink(picture)
    assert not isinstance(ink, Unreadable)
    np.testing.assert_array_equal(ink, (picture == 0).astype(np.float32))


def test_red_ink_as_bright_as_its_paper_is_seen() -> None:
    ink = letter() < 128
    picture = np.full((64, 64, 3), (120, 175, 175), np.uint8)
    picture[ink] = (255, 117, 117)
    assert np.ptp(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) < 12
    assert likeness(glyph_of(letter()), glyph_of(picture)) > 0.9


def test_the_dot_of_an_i_stays_and_specks_go() -> None:
    picture = np.full((60, 60), 255, np.uint8)
    picture[24:50, 28:33] = 0
    picture[14:19, 28:33] = 0
    with_speck = picture.copy()
    with_speck[5, 52] = 0
    assert glyph_of(picture).box.top <= 14
    assert glyph_of(with_speck).box == glyph_of(picture).box


@pytest.mark.parametrize("top", [62, 58])
def test_a_ruled_line_below_is_left_out(top: int) -> None:
    picture = letter()
    ruled = picture.copy()
    ruled[top : top + 2, :] = 30
    assert likeness(glyph_of(picture), glyph_of(ruled)) > 0.99


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 1), 0, np.uint8),
        np.full((40, 40), 255, np.uint8),
        np.full((40, 40, 3), 17, np.uint8),
        np.zeros((10, 20_000), np.uint8),
        np.zeros((20_000, 10, 3), np.uint8),
        np.array([[0, 255]], np.uint8),
    ],
    ids=["1x1", "white", "one colour", "20000x10", "10x20000", "2x1"],
)
def test_what_cannot_be_a_character_gets_a_reason(picture: np.ndarray) -> None:
    found = prepare(picture)
    assert isinstance(found, Unreadable)
    assert found.reason


def test_a_solid_block_is_no_character() -> None:
    picture = np.full((60, 60), 255, np.uint8)
    picture[15:45, 15:45] = 0
    assert isinstance(prepare(picture), Unreadable)


def test_a_dash_is_no_character() -> None:
    picture = np.full((60, 60), 255, np.uint8)
    picture[28:33, 10:50] = 0
    assert isinstance(prepare(picture), Unreadable)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28), np.float32),
        np.zeros((28, 28, 4), np.uint8),
        np.zeros((28, 28, 1), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros(7, np.uint8),
    ],
    ids=["floats", "alpha", "one channel", "empty", "flat"],
)
def test_other_arrays_are_refused_with_the_cure(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        as_grey(array)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda shape: arrays(np.uint8, shape)),
)
def test_any_grey_picture_gives_a_glyph_or_a_reason(picture: np.ndarray) -> None:
    found = prepare(picture)
    if isinstance(found, Glyph):
        assert 0.0 <= found.pixels.min() <= found.pixels.max() <= 1.0
        assert found.box.right <= picture.shape[1]
        assert found.box.bottom <= picture.shape[0]
    else:
        assert found.reason


def test_a_box_cut_tight_keeps_pieces_at_its_edge() -> None:
    picture = np.full((60, 60), 255, np.uint8)
    picture[24:50, 28:33] = 0
    picture[14:17, 28:33] = 0
    ink = find_ink(picture)
    assert not isinstance(ink, Unreadable)
    tight = glyph_in_ink(ink[14:50, 20:40], along_edge=False)
    assert isinstance(tight, Glyph)
    assert tight.box.top == 0
