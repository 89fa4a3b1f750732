"""Synthetic lines: reproducible, of every kind of text, printable, readable, at the network's height."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ocr.errors import InvalidRequest
from ocr.text.alphabet import UNWRITABLE
from training.drawing.fonts import Face
from training.drawing.typesetting import STRIP_PX, FontSampler, TypesetLine, typeset_line
from training.lines.characters import CHARACTERS, LATIN_LETTERS, is_writable, upper
from training.lines.degradation import INPUT_PX, augmented, photographed
from training.lines.symbol_texts import FOREIGN
from training.lines.synthetic import LineGenerator, LineStore, StoreSpec, make_store, sample, write_shard
from training.lines.texts import MAX_CHARACTERS, Texts, as_classes, folded, installed_texts, line_text


@pytest.fixture(scope="module")
def texts() -> Texts:
    prose = ("The quick brown fox jumps over the lazy dog.", "Pack my box with five dozen jugs of liquor, please.")
    return Texts(("word", "another", "zebra's"), ("Ada Lovelace", "Paris"), prose, ("TOTAL RM 9.50", "said the King"))


@pytest.fixture(scope="module")
def fonts() -> FontSampler:
    """DejaVu Sans, which matplotlib brings along."""
    import matplotlib as mpl

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    has = frozenset(CHARACTERS)
    return FontSampler.of(
        [
            Face("DejaVu Sans", folder / "DejaVuSans.ttf", 0, handwritten=False, characters=has | frozenset(FOREIGN)),
            Face("DejaVu Serif", folder / "DejaVuSerif.ttf", 0, handwritten=True, characters=has),
        ]
    )


@pytest.fixture(scope="module")
def generator(texts: Texts, fonts: FontSampler) -> LineGenerator:
    return LineGenerator(texts, fonts)


def test_a_line_depends_on_seed_and_index_alone(generator: LineGenerator) -> None:
    sample(generator, 5, 3)
    first, text = sample(generator, 1, 7)
    again, same_text = sample(generator, 1, 7)
    other, _ = sample(generator, 2, 7)
    np.testing.assert_array_equal(first, again)
    assert text == same_text
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_texts_use_every_character_that_a_network_is_to_write_and_some_that_it_is_not(texts: Texts) -> None:
    rng = np.random.default_rng(1)
    lines = [line_text(texts, rng) for _ in range(12_000)]
    assert all(line and line == line.strip() and len(line) <= MAX_CHARACTERS for line in lines)
    assert set("".join(map(as_classes, lines))) == set(CHARACTERS)
    assert set("".join(lines)) - set(CHARACTERS) <= set(FOREIGN)


def test_half_of_the_foreign_words_have_a_letter_that_ascii_has_not(texts: Texts) -> None:
    rng = np.random.default_rng(1)
    lines = [line_text(texts, rng) for _ in range(3000)]
    accented = sum(any(letter in LATIN_LETTERS for letter in line) for line in lines)
    assert 0.1 < accented / len(lines) < 0.5


def test_a_character_without_a_class_is_set_and_called_unwritable(texts: Texts, fonts: FontSampler) -> None:
    generator = LineGenerator(texts, fonts)
    lines = [generator.typeset(3, index) for index in range(400)]
    assert any(UNWRITABLE in line.text for line in lines)
    assert all(is_writable(line.text) for line in lines)


def test_a_text_is_set_in_a_face_that_has_its_characters() -> None:
    known = Face("DejaVu Sans", Path("none.ttf"), 0, handwritten=False, characters=frozenset("abc≤"))
    other = Face("DejaVu Serif", Path("none.ttf"), 0, handwritten=False, characters=frozenset("abc"))
    sampler = FontSampler.of([known, other])
    assert {sampler.sample("a ≤ b", np.random.default_rng(seed)) for seed in range(20)} == {known}
    with pytest.raises(ValueError, match="no font was found"):
        sampler.sample("½", np.random.default_rng(1))


def test_capitals_are_those_of_the_alphabet() -> None:
    assert upper("straße, 5 µg, Şişli, ångström ≤ ½") == "STRAßE, 5 µG, ŞIŞLI, ÅNGSTRÖM ≤ ½"


def test_texts_are_of_many_kinds(texts: Texts) -> None:
    rng = np.random.default_rng(2)
    lines = [line_text(texts, rng) for _ in range(2000)]
    assert sum(line.isupper() for line in lines) > 200
    for piece in ("quick brown", "Lovelace", "RM", "@", "/", "zebra's", "said the", "TOTAL"):
        assert any(piece in line for line in lines), piece
    assert min(map(len, lines)) <= 3
    assert max(map(len, lines)) >= 60


def test_typographic_marks_are_folded() -> None:
    assert folded("  \u201cwon\u2019t\u201d \u2014 accor\u00ac ") == '"won\'t" - accor-'


def test_texts_without_words_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="no words: install wordnet-base"):
        Texts((), ("a",), ("b",))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.lines.texts._WORD_FILE", Path("/nowhere/words"))
    with pytest.raises(FileNotFoundError, match="apt-get install wordnet-base wamerican"):
        installed_texts()


def test_what_building_lines_lacks_is_said_by_who_asked_for_them(tmp_path: Path) -> None:
    def build() -> LineGenerator:
        raise FileNotFoundError("words are missing: install them")

    with pytest.raises(FileNotFoundError, match="install them"):
        make_store(StoreSpec(seed=1, lines=4, true_lines=2), build, tmp_path, 1, print)


def test_letters_stand_in_the_middle_and_neighbours_at_the_edges(fonts: FontSampler) -> None:
    alone = typeset_line("Hanging gardens", "", "", fonts, np.random.default_rng(4))
    between = typeset_line("Hanging gardens", "MMMMMMMMM", "MMMMMMMMM", fonts, np.random.default_rng(4))
    assert alone.ink.shape[0] == STRIP_PX
    assert alone.ink[: alone.top - 1].max() < 100
    assert alone.ink[alone.top : alone.bottom].max() > 150
    assert between.ink[:8].max() > 150
    assert between.ink[-8:].max() > 150


def test_pictures_are_strips_of_the_input_height_with_ink_and_paper(generator: LineGenerator) -> None:
    pictures = [sample(generator, 3, index) for index in range(150)]
    assert all(picture.shape[0] == INPUT_PX and picture.dtype == np.uint8 for picture, _ in pictures)
    assert all(picture.shape[1] >= 4 * len(text) for picture, text in pictures)
    assert np.mean([np.ptp(picture) > 40 for picture, _ in pictures]) > 0.95
    darker_paper = [np.median(picture) < picture.mean() for picture, _ in pictures]
    assert 1 <= sum(darker_paper) < 75  # a few are inverted


def test_the_same_setting_is_photographed_differently_each_time(generator: LineGenerator) -> None:
    line = generator.typeset(1, 1)
    first, second = (photographed(line, np.random.default_rng(seed)) for seed in (1, 2))
    assert first.shape != second.shape or not np.array_equal(first, second)


def test_a_true_line_seen_again_keeps_its_proportions() -> None:
    picture = np.full((64, 640), 255, np.uint8)
    picture[20:44, 40:600] = 0
    widths = [augmented(picture, "x" * 20, np.random.default_rng(seed)).shape[1] for seed in range(40)]
    assert 0.85 < np.mean(widths) / 320 < 1.15


def test_some_true_lines_get_much_paper_above_or_below() -> None:
    picture = np.full((64, 640), 255, np.uint8)
    picture[10:54, 40:600] = 0
    inked = [(augmented(picture, "x" * 20, np.random.default_rng(seed)) < 100).any(axis=1).sum() for seed in range(80)]
    assert min(inked) < 0.6 * np.median(inked)


def test_what_a_font_sets_straight_a_hand_writes_with_a_slant() -> None:
    ink = np.zeros((STRIP_PX, 160), np.uint8)
    ink[17:55, 70:76] = 255
    leans = {
        hand: np.median(
            [_lean(photographed(TypesetLine(ink, 17, 55, "l", hand), np.random.default_rng(n))) for n in range(60)]
        )
        for hand in (True, False)
    }
    assert leans[True] > 2 * leans[False]


def _lean(picture: np.ndarray) -> float:
    """By how many pixels a lone stroke leans, to either side."""
    ink = np.abs(picture - np.median(picture))
    columns = np.arange(picture.shape[1])
    upper, lower = (ink[rows].sum(axis=0) ** 4 for rows in (slice(6, 13), slice(19, 26)))
    return float(abs(np.average(columns, weights=upper) - np.average(columns, weights=lower)))


def test_a_store_gives_back_the_lines_that_were_set(generator: LineGenerator, tmp_path: Path) -> None:
    lines = [generator.typeset(1, index) for index in range(5)]
    write_shard(lines[:3], tmp_path, 0)
    write_shard(lines[3:], tmp_path, 1)
    store = LineStore(tmp_path)
    assert len(store) == 5
    for index, line in enumerate(lines):
        np.testing.assert_array_equal(store[index].ink, line.ink)
        assert (store[index].text, store[index].top, store[index].bottom) == (line.text, line.top, line.bottom)
        assert store.length(index) == len(line.text)


def test_a_store_is_made_by_other_processes_and_not_mixed_with_another(
    generator: LineGenerator, tmp_path: Path
) -> None:
    build = partial(LineGenerator, generator.texts, generator.fonts)
    made: list[int] = []
    store = make_store(StoreSpec(seed=1, lines=4, true_lines=2), build, tmp_path, 1, made.append)
    assert made == [4]
    np.testing.assert_array_equal(store[3].ink, generator.typeset(1, 3).ink)
    with pytest.raises(InvalidRequest, match="holds"):
        make_store(StoreSpec(seed=2, lines=4, true_lines=2), build, tmp_path, 1, made.append)
