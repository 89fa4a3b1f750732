from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ocr.errors import OutOfRange
from segmentation.preprocessing import (
    LOW_CONTRAST,
    PROFILES,
    STEPS,
    Bilateral,
    Contrast,
    Denoise,
    Gamma,
    NonLocalMeans,
    Normalise,
    Pipeline,
    Resize,
    Sharpen,
    Threshold,
    contrast,
    pipeline_for,
    step_named,
)

images = arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


def text_like(ink: int, paper: int, share: float = 0.1) -> np.ndarray:
    """A page of one brightness with a bar of another on `share` of its rows."""
    page = np.full((100, 80, 3), paper, np.uint8)
    page[: round(100 * share)] = ink
    return page


@pytest.mark.parametrize("name", sorted(STEPS))
@settings(max_examples=12)
@given(pixels=images)
def test_every_step_makes_a_new_rgb_image_of_the_same_shape_and_leaves_its_input_alone(name, pixels):
    before = pixels.copy()
    after = STEPS[name]()(pixels)
    assert after.dtype == np.uint8
    assert after.shape == pixels.shape
    assert not np.shares_memory(after, pixels)
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_step_is_registered_under_its_own_name_and_is_frozen(name):
    step = step_named(name)
    assert step.name == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.__setattr__(dataclasses.fields(step)[0].name, 1)


@given(st.integers(0, 255))
def test_steps_on_brightness_keep_grey_grey(level):
    page = text_like(0, level)
    for step in (Contrast(), Bilateral(), NonLocalMeans()):
        after = step(page)
        assert (after[..., 0] == after[..., 1]).all()
        assert (after[..., 1] == after[..., 2]).all()


def test_denoise_takes_a_speck_out_and_leaves_the_bar():
    page = text_like(0, 255)
    page[50, 50] = 0
    assert np.array_equal(Denoise()(page), text_like(0, 255))


def test_normalise_stretches_faint_ink_to_black_on_white():
    assert set(np.unique(Normalise()(text_like(150, 190)))) == {0, 255}


def test_normalise_leaves_an_even_page_as_it_is():
    page = text_like(90, 90)
    assert np.array_equal(Normalise()(page), page)


@pytest.mark.parametrize(
    ("step", "shape"),
    [
        (Resize(max_side_px=50), (50, 40, 3)),
        (Resize(max_side_px=400, min_side_px=200), (200, 160, 3)),
        (Resize(max_side_px=400), (100, 80, 3)),
    ],
    ids=["reduces", "enlarges", "leaves"],
)
def test_resize_brings_the_longer_side_within_its_bounds(step, shape):
    assert step(text_like(0, 255)).shape == shape


def test_threshold_gives_black_and_white_only_and_survives_a_shadow():
    shade = np.linspace(255, 120, 80).astype(np.uint8)
    page = np.repeat(np.repeat(shade[None, :, None], 100, axis=0), 3, axis=2)
    page[40:46] = page[40:46] // 3
    after = Threshold()(page)
    assert set(np.unique(after)) == {0, 255}
    assert (after[41:45] == 0).all()
    assert (after[60:] == 255).all()


@pytest.mark.parametrize("step", [Bilateral(sigma_levels=60), NonLocalMeans(strength_levels=20)], ids=lambda s: s.name)
def test_smoothing_lowers_the_noise_and_keeps_the_edge(step):
    rng = np.random.default_rng(0)
    clean = text_like(40, 220, share=0.5).astype(np.float64)
    noisy = np.clip(clean + rng.normal(0, 12, clean.shape[:2])[..., None], 0, 255).astype(np.uint8)
    after = step(noisy)
    assert after[60:].std() < 0.7 * noisy[60:].std()
    assert after[45].mean() < 80
    assert after[55].mean() > 180


def test_sharpen_steepens_an_edge_and_gamma_darkens_the_middle():
    ramp = np.repeat(np.linspace(60, 200, 80).astype(np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    edge = text_like(100, 150, share=0.5)
    assert np.ptp(Sharpen()(edge)) > np.ptp(edge)
    assert Gamma(gamma=2.0)(ramp).mean() < ramp.mean() < Gamma(gamma=0.5)(ramp).mean()
    assert np.array_equal(Gamma(gamma=1.0)(ramp), ramp)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Denoise(size_px=4),
        lambda: Contrast(clip=0),
        lambda: Normalise(percent=50),
        lambda: Resize(max_side_px=10, min_side_px=20),
        lambda: Threshold(window_px=10),
        lambda: Bilateral(sigma_px=0),
        lambda: NonLocalMeans(search_px=100),
        lambda: Sharpen(amount=0),
        lambda: Gamma(gamma=0),
    ],
)
def test_impossible_parameters_are_refused_with_what_is_wanted(make):
    with pytest.raises(OutOfRange, match=r"is not possible \(give "):
        make()


def test_a_pipeline_applies_its_steps_in_order():
    page = text_like(100, 160)
    pipeline = Pipeline.named(["gamma", "normalise"])
    assert pipeline.names == ("gamma", "normalise")
    assert np.array_equal(pipeline(page), Normalise()(Gamma()(page)))


def test_an_empty_pipeline_changes_nothing():
    page = text_like(0, 255)
    assert np.array_equal(Pipeline()(page), page)


def test_steps_can_be_added_placed_replaced_and_removed_without_touching_the_pipeline():
    start = Pipeline.named(["denoise", "sharpen"])
    assert start.add("gamma").names == ("denoise", "sharpen", "gamma")
    assert start.add(Contrast(), position=0).names == ("contrast", "denoise", "sharpen")
    assert start.add("gamma", position=1).names == ("denoise", "gamma", "sharpen")
    assert start.replace("denoise", "bilateral").names == ("bilateral", "sharpen")
    assert start.add("denoise").remove("denoise").names == ("sharpen",)
    assert start.names == ("denoise", "sharpen")


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6), st.sampled_from(sorted(STEPS)), st.data())
def test_removing_what_was_added_at_any_place_gives_the_pipeline_back(names, extra, data):
    pipeline = Pipeline.named([name for name in names if name != extra])
    position = data.draw(st.integers(0, len(pipeline.steps)))
    longer = pipeline.add(extra, position)
    assert longer.names[position] == extra
    assert longer.remove(extra) == pipeline


def test_an_unknown_step_is_refused_naming_the_known_ones():
    with pytest.raises(OutOfRange, match=r"'polish'.*bilateral.*threshold"):
        Pipeline.named(["denoise", "polish"])


def test_a_step_that_is_not_there_can_be_neither_removed_nor_replaced():
    with pytest.raises(OutOfRange, match=r"no step 'gamma'.*denoise"):
        Pipeline.named(["denoise"]).remove("gamma")
    with pytest.raises(OutOfRange, match=r"no step 'gamma'.*none"):
        Pipeline().replace("gamma", "denoise")


def test_a_position_outside_the_pipeline_is_refused():
    with pytest.raises(OutOfRange, match="position 3"):
        Pipeline.named(["denoise"]).add("gamma", position=3)


@pytest.mark.parametrize("profile", ["general", "printed", "handwritten"])
def test_a_clean_page_is_left_as_it_is(profile):
    assert pipeline_for(text_like(30, 240), profile) == Pipeline()


def test_the_noisy_profile_brings_bilateral_and_non_local_means():
    assert set(pipeline_for(text_like(30, 240), "noisy").names) == {"bilateral", "non_local_means"}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_profile_adds_clahe_with_clip_4_where_contrast_is_low(profile):
    faint = text_like(200, 240)
    assert contrast(faint) < LOW_CONTRAST
    assert pipeline_for(faint, profile).steps == (*PROFILES[profile].steps, Contrast(clip=4.0))


def test_steps_asked_for_by_name_are_taken_as_they_are():
    assert pipeline_for(text_like(200, 240), "noisy", ["sharpen", "denoise"]).names == ("sharpen", "denoise")
    assert pipeline_for(text_like(200, 240), "noisy", []) == Pipeline()


def test_an_unknown_profile_is_refused():
    with pytest.raises(OutOfRange, match="known profiles: general"):
        pipeline_for(text_like(0, 255), "scribbled")


@given(st.integers(0, 255), st.integers(0, 255), st.floats(0.02, 0.5))
def test_contrast_is_the_distance_of_ink_and_paper_however_much_is_written(ink, paper, share):
    assert contrast(text_like(ink, paper, share)) == pytest.approx(abs(ink - paper) / 255)
