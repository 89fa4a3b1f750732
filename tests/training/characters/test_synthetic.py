"""Rendered characters and variations: reproducible, readable, never turned round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.common.glyph import Glyph, prepare
from training.characters.augmentation import augmented
from training.characters.synthetic import JUNK_LABEL, Fonts, Mix, make_set, sample, written
from training.drawing.fonts import ALPHABET, Face, StrokeFace, stroke_faces
from training.drawing.glyphs import rendered


@pytest.fixture(scope="module")
def face() -> Face:
    """DejaVu Sans, which matplotlib brings along."""
    import matplotlib as mpl

    return Face("DejaVu Sans", Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 0, handwritten=False)


@pytest.fixture(scope="module")
def fonts(face: Face) -> Fonts:
    hand = Face(face.family, face.path, 0, handwritten=True)
    zigzag = StrokeFace("zigzag", 1000.0, dict.fromkeys(ALPHABET, "M 0 0 L 300 700 L 600 0 M 100 300 L 500 300"))
    return Fonts.of([face, hand], [zigzag])


def glyph_of(ink: np.ndarray) -> Glyph:
    glyph = prepare(np.round(255 * (1.0 - ink)).astype(np.uint8))
    assert isinstance(glyph, Glyph)
    return glyph


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_a_sample_depends_on_seed_and_index_alone(fonts: Fonts) -> None:
    first, label = sample(fonts, Mix(), 1, 7)
    again, same_label = sample(fonts, Mix(), 1, 7)
    other, _ = sample(fonts, Mix(), 2, 7)
    np.testing.assert_array_equal(first, again)
    assert label == same_label
    assert not np.array_equal(first, other)


def test_a_set_made_in_two_halves_is_the_set_made_at_once(fonts: Fonts) -> None:
    images, labels = make_set(fonts, Mix(), seed=3, first=0, count=12)
    halves = [make_set(fonts, Mix(), seed=3, first=first, count=6) for first in (0, 6)]
    np.testing.assert_array_equal(images, np.concatenate([half[0] for half in halves]))
    np.testing.assert_array_equal(labels, np.concatenate([half[1] for half in halves]))


def test_samples_are_prepared_glyphs_with_classes_and_junk(fonts: Fonts) -> None:
    images, labels = make_set(fonts, Mix(), seed=4, first=0, count=120)
    assert images.shape == (120, 28, 28)
    assert (images.reshape(120, -1).max(axis=1) > 200).all()
    assert set(labels) <= set(range(JUNK_LABEL + 1))
    assert 2 <= (labels == JUNK_LABEL).sum() <= 30


def test_a_mix_without_junk_has_none(fonts: Fonts) -> None:
    _, labels = make_set(fonts, Mix(printed=1.0, stroke=0.0, junk=0.0), seed=4, first=0, count=60)
    assert JUNK_LABEL not in labels


def test_a_print_sample_still_looks_like_its_letter(face: Face, fonts: Fonts) -> None:
    images, labels = make_set(fonts, Mix(printed=1.0, stroke=0.0, junk=0.0), seed=9, first=0, count=80)
    likenesses = [
        likeness(image / 255.0, glyph_of(rendered(face, ALPHABET[label])).pixels)
        for image, label in zip(images, labels, strict=True)
    ]
    assert np.median(likenesses) > 0.75


def test_a_stroke_font_is_written_upright(fonts: Fonts) -> None:
    ink = written(fonts.stroke[0], "A", np.random.default_rng(1))
    glyph = glyph_of(ink).pixels
    assert np.ptp(np.nonzero(glyph[4] > 0.4)[0]) < np.ptp(np.nonzero(glyph[23] > 0.4)[0])  # narrow above, wide below


def test_stroke_fonts_are_read_from_svg(tmp_path: Path) -> None:
    glyphs = "".join(f'<glyph unicode="{character}" d="M 0 0 L 10 20"/>' for character in ALPHABET)
    font = f'<font><font-face units-per-em="1000"/>{glyphs}</font>'
    (tmp_path / "Pen.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><defs>{font}</defs></svg>')
    (tmp_path / "Partial.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><defs/></svg>')
    (found,) = stroke_faces(tmp_path)
    assert (found.family, found.units_per_em, len(found.paths)) == ("Pen", 1000.0, 62)


def test_variation_is_never_a_quarter_turn_or_a_mirror(face: Face) -> None:
    image = np.round(255 * glyph_of(rendered(face, "F")).pixels).astype(np.uint8)
    rng = np.random.default_rng(6)
    for _ in range(60):
        other = augmented(image, rng)
        turned = [np.rot90(image, turns) for turns in (1, 2, 3)] + [image[:, ::-1]]
        assert likeness(other, image) > max(likeness(other, wrong) for wrong in turned)


def test_variation_keeps_the_frame_of_the_preparation(face: Face) -> None:
    image = np.round(255 * glyph_of(rendered(face, "k")).pixels).astype(np.uint8)
    rng = np.random.default_rng(8)
    made = np.stack([augmented(image, rng) for _ in range(30)])
    assert made.shape == (30, 28, 28)
    assert len({picture.tobytes() for picture in made}) == 30
    extents = [max(np.ptp(np.nonzero(picture > 100)[axis]) for axis in (0, 1)) for picture in made]
    assert min(extents) >= 20
