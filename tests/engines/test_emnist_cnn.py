"""The character engine over a network that the tests write, and (marked) over the bundled one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.common.glyph_context import Candidate, LineGlyph, punctuation_in, rescored, word_gap_probabilities
from engines.common.model_card import ModelCard
from engines.emnist_cnn import ALPHABET, SPEC, EmnistCnn, RejectOption, load
from ocr import Box, Classes, Crop, Image, LoadOptions, Region, Scope
from ocr.errors import EngineUnavailable
from segmentation.detection.projection import ProjectionDetector
from segmentation.segmenter import TextSegmenter
from tests.segmentation.comb_fields.drawn_fields import APART, BOXES, TICKS, Style, page_with

BUNDLED = Path(__file__).parents[2] / "cluster" / "bundled" / "emnist_cnn"


class Scripted:
    """A network that answers each glyph, in order, with the next of the given logits, and remembers its batches."""

    def __init__(self, *answers: dict[str, float]) -> None:
        self.answers = list(answers)
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, ink: np.ndarray) -> np.ndarray:
        self.batches.append(ink.shape)
        logits = np.zeros((len(ink), len(ALPHABET)), np.float32)
        for row in logits:
            for character, value in self.answers.pop(0).items():
                row[ALPHABET.index(character)] = value
        return logits


def engine(*answers: dict[str, float], **doubt: float) -> EmnistCnn:
    return EmnistCnn(ModelCard("emnist_cnn", "test"), RejectOption(**doubt), Scripted(*answers))


def sheet(width: int, height: int, *boxes: Box) -> np.ndarray:
    """White paper with a ring of ink in each box: RGB."""
    picture = np.full((height, width, 3), 255, np.uint8)
    for box in boxes:
        cv2.rectangle(picture, (box.left, box.top), (box.right - 1, box.bottom - 1), (0, 0, 0), 2)
    return picture


def character(classes: Classes = Classes.ALNUM) -> Crop:
    return Crop.whole(sheet(40, 40, Box(10, 8, 30, 32)), Scope.CHARACTER, classes=classes)


def line(*boxes: Box, words: tuple[Box, ...] = ()) -> Crop:
    width, height = max(box.right for box in boxes) + 5, 50
    region = Region(Box(0, 0, width, height).polygon(), width, height, character_boxes=boxes, word_boxes=words)
    return Crop(sheet(width, height, *boxes), region)


def row(*lefts: int, width: int = 16, top: int = 12, bottom: int = 40) -> list[Box]:
    return [Box(left, top, left + width, bottom) for left in lefts]


def test_a_character_gets_the_best_class_with_its_next_two_and_its_place() -> None:
    (answer,) = engine({"B": 6.0, "8": 4.0, "R": 3.0, "E": 1.0}).read([character()])
    best = answer.characters[0]
    assert answer.text == "B"
    assert [other.text for other in best.alternatives] == ["8", "R"]
    assert best.probability > best.alternatives[0].probability > best.alternatives[1].probability
    assert (best.span.start, best.span.end) == pytest.approx((9, 31), abs=1.5)


@pytest.mark.parametrize(("classes", "text"), [("digits", "8"), ("upper", "B"), ("lower", "e"), ("alnum", "B")])
def test_classes_restrict_the_answer_and_its_alternatives(classes: str, text: str) -> None:
    wanted = Classes(classes)
    (answer,) = engine({"B": 6.0, "8": 4.0, "e": 3.0}).read([character(wanted)])
    best = answer.characters[0]
    assert best.text == text
    assert {best.text, *(other.text for other in best.alternatives)} <= set(wanted.alphabet)


def test_the_probabilities_of_the_allowed_classes_sum_to_one() -> None:
    (answer,) = engine({"3": 2.0}).read([character(Classes.DIGITS)])
    expected = np.exp(2.0) / (np.exp(2.0) + 9.0)
    assert answer.characters[0].probability == pytest.approx(expected)


def test_a_higher_temperature_makes_it_less_sure() -> None:
    cold, warm = (
        engine({"A": 5.0}, temperature=temperature).read([character()])[0].confidence for temperature in (1.0, 2.0)
    )
    assert warm < cold


def test_a_shape_that_is_no_character_is_an_abstention() -> None:
    (answer,) = engine({"A": 0.5}, most_entropy=3.0).read([character()])
    assert answer.abstained
    assert "none of the 62" in answer.abstention


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((28, 28, 3), 255, np.uint8),
        np.full((28, 28, 3), 90, np.uint8),
        np.zeros((10, 20_000, 3), np.uint8),
        np.zeros((20_000, 10, 3), np.uint8),
    ],
    ids=["1x1", "white", "grey", "20000x10", "10x20000"],
)
@pytest.mark.parametrize("scope", list(Scope))
def test_a_picture_without_a_character_is_an_abstention(picture: np.ndarray, scope: Scope) -> None:
    (answer,) = engine().read([Crop.whole(picture, scope)])
    assert answer.abstained
    assert not answer.characters


def test_a_line_without_boxes_is_joined_writing_and_gets_an_abstention() -> None:
    (answer,) = engine().read([Crop.whole(sheet(200, 50, Box(10, 10, 180, 40)))])
    assert "joined" in answer.abstention


def test_a_line_that_it_does_not_believe_is_an_abstention() -> None:
    doubtful = [{"A": 1.0}] * 4
    (answer,) = engine(*doubtful, least_line=0.5).read([line(*row(5, 25, 45, 65))])
    assert answer.abstained


def test_a_gap_between_words_becomes_a_space_with_its_place() -> None:
    sure = [{letter: 12.0} for letter in "GOAL"]
    (answer,) = engine(*sure).read([line(*row(5, 25, 70, 90))])
    assert answer.text == "GO AL"
    space = answer.characters[2]
    assert tuple(space.span) == (41, 70)


def test_the_words_that_segmentation_found_decide_over_the_gaps() -> None:
    boxes = row(5, 25, 45, 65)
    words = (Box(5, 12, 61, 40), Box(65, 12, 81, 40))
    (answer,) = engine(*[{letter: 12.0} for letter in "GOAL"]).read([line(*boxes, words=words)])
    assert answer.text == "GOA L"


def test_all_glyphs_of_all_crops_are_one_batch_and_answers_keep_their_order() -> None:
    reader = engine({"A": 12.0}, {"X": 12.0}, {"Y": 12.0}, {"Z": 12.0}, {"B": 12.0})
    blank = Crop.whole(np.full((30, 30, 3), 255, np.uint8), Scope.CHARACTER)
    answers = reader.read([character(), blank, line(*row(5, 25, 45)), character()])
    assert [answer.text for answer in answers] == ["A", "", "XYZ", "B"]
    assert reader.network.batches == [(5, 28, 28, 1)]


def test_no_crops_no_answers() -> None:
    assert engine().read([]) == []


def glyphs(*what: tuple[str, int, int, str, float]) -> list[LineGlyph]:
    """From (text, top, bottom, rival, probability of the text), 20 px apart."""
    return [
        LineGlyph(Box(20 * at, top, 20 * at + 15, bottom), (Candidate(text, sure), Candidate(rival, 1.0 - sure)))
        for at, (text, top, bottom, rival, sure) in enumerate(what)
    ]


def test_a_small_o_among_tall_letters_is_a_small_letter() -> None:
    line = glyphs(("H", 10, 40, "n", 0.99), ("O", 19, 40, "o", 0.6), ("a", 19, 40, "d", 0.99), ("n", 19, 40, "h", 0.99))
    assert rescored(line, frozenset())[1].candidates[0].text == "o"


def test_a_tall_s_among_small_letters_is_a_capital() -> None:
    line = glyphs(("s", 10, 40, "S", 0.6), ("a", 19, 40, "d", 0.99), ("n", 19, 40, "h", 0.99), ("d", 10, 40, "a", 0.99))
    assert rescored(line, frozenset())[0].candidates[0].text == "S"


def test_p_with_a_tail_below_the_line_is_a_small_letter() -> None:
    line = glyphs(("P", 19, 49, "p", 0.6), ("a", 19, 40, "d", 0.99), ("d", 10, 40, "a", 0.99), ("n", 19, 40, "h", 0.99))
    assert rescored(line, frozenset())[0].candidates[0].text == "p"


def test_a_clear_shape_outvotes_an_odd_height() -> None:
    line = glyphs(
        ("H", 10, 40, "n", 0.99), ("A", 19, 40, "a", 0.9999), ("a", 19, 40, "d", 0.99), ("n", 19, 40, "h", 0.99)
    )
    assert rescored(line, frozenset())[1].candidates[0].text == "A"


def test_a_ring_among_digits_is_a_zero() -> None:
    line = glyphs(("1", 10, 40, "l", 0.9), ("O", 10, 40, "0", 0.55), ("4", 10, 40, "A", 0.99), ("7", 10, 40, "T", 0.99))
    assert rescored(line, frozenset())[1].candidates[0].text == "0"


def test_an_upright_bar_inside_a_small_word_is_an_l_and_so_is_the_next() -> None:
    bars = [("I", 10, 40, "l", 0.7), ("1", 10, 40, "l", 0.7)]
    line = glyphs(("a", 19, 40, "d", 0.99), *bars, ("a", 19, 40, "d", 0.99))
    assert "".join(glyph.candidates[0].text for glyph in rescored(line, frozenset())) == "alla"


def test_a_capital_may_begin_a_word_after_a_small_letter() -> None:
    line = glyphs(("a", 19, 40, "d", 0.99), ("I", 10, 40, "l", 0.7), ("n", 19, 40, "h", 0.99))
    assert rescored(line, frozenset({1}))[1].candidates[0].text == "I"


def test_too_few_sure_letters_leave_the_line_as_it_was() -> None:
    line = glyphs(("O", 10, 40, "o", 0.6), ("S", 10, 40, "s", 0.6))
    assert rescored(line, frozenset()) == line


@pytest.mark.parametrize(
    ("box", "mark"),
    [
        (Box(48, 36, 52, 40), "."),
        (Box(48, 36, 52, 46), ","),
        (Box(46, 26, 58, 29), "-"),
        (Box(48, 10, 52, 18), "'"),
    ],
)
def test_small_glyphs_are_marks_by_their_place(box: Box, mark: str) -> None:
    letters = glyphs(*[("H", 10, 40, "n", 0.9)] * 5)
    line = [*letters[:2], LineGlyph(box, ()), *letters[3:]]
    marks = punctuation_in(line)
    assert marks[2][0].text == mark
    assert marks[0] == ()


def test_letters_of_even_distance_are_one_word() -> None:
    boxes = tuple(row(0, 30, 60, 90))
    region = Region(Box(0, 0, 120, 50).polygon(), 120, 50, character_boxes=boxes)
    assert [round(sureness) for sureness in word_gap_probabilities(region)] == [0, 0, 0]


def test_a_missing_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="quorum train cnn"):
        load(LoadOptions(model=tmp_path))
    with pytest.raises(EngineUnavailable, match="quorum train cnn"):
        load(LoadOptions())


def test_missing_tensorflow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.keras").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(EngineUnavailable, match="pip install"):
        load(LoadOptions(model=tmp_path))


def test_a_model_that_is_not_the_recorded_one_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"other")
    card = {"name": "emnist_cnn", "version": "1", "files": {"model.keras": "0" * 64}}
    (tmp_path / "metadata.json").write_text(json.dumps(card))
    with pytest.raises(EngineUnavailable, match="sha256"):
        load(LoadOptions(model=tmp_path))


def test_the_spec_reads_characters_and_lines_and_weighs_most_for_handwriting() -> None:
    assert SPEC.scopes == {Scope.CHARACTER, Scope.LINE}
    assert max(SPEC.prior_weights, key=SPEC.prior_weights.__getitem__) == "handwritten"


@pytest.fixture(scope="module")
def reader() -> EmnistCnn:
    return load(LoadOptions(model=BUNDLED))


@pytest.mark.engines
class TestBundled:
    """The model that the repository carries."""

    def drawn(self, text: str, *, dark: int = 0, light: int = 255) -> np.ndarray:
        picture = np.full((64, 64, 3), light, np.uint8)
        cv2.putText(picture, text, (12, 50), cv2.FONT_HERSHEY_DUPLEX, 1.7, (dark, dark, dark), 3, cv2.LINE_AA)
        return picture

    @pytest.mark.parametrize("text", list("23478ABDEFGHKMNRQabdeghnqrt"))
    def test_it_reads_a_drawn_character_in_either_polarity(self, reader: EmnistCnn, text: str) -> None:
        pictures = self.drawn(text), self.drawn(text, dark=240, light=25)
        answers = reader.read([Crop.whole(picture, Scope.CHARACTER) for picture in pictures])
        assert [answer.text for answer in answers] == [text, text]
        assert all(len(answer.characters[0].alternatives) == 2 for answer in answers)

    @pytest.mark.parametrize("side", [10, 14])
    def test_it_reads_characters_of_few_pixels(self, reader: EmnistCnn, side: int) -> None:
        texts = "2347ABDEFHKRTdehnr"
        few = [cv2.resize(self.drawn(text), (side, side), interpolation=cv2.INTER_AREA) for text in texts]
        answers = reader.read([Crop.whole(picture, Scope.CHARACTER) for picture in few])
        right = [answer.text.lower() == text.lower() for answer, text in zip(answers, texts, strict=True)]
        assert sum(right) >= 0.9 * len(texts), [answer.text for answer in answers]

    def test_a_batch_answers_as_single_calls_do(self, reader: EmnistCnn) -> None:
        crops = [Crop.whole(self.drawn(text), Scope.CHARACTER) for text in "A4kR7bZ2e"]
        together = reader.read(crops)
        alone = [reader.read([crop])[0] for crop in crops]
        assert [answer.text for answer in together] == [answer.text for answer in alone]
        np.testing.assert_allclose([a.confidence for a in together], [a.confidence for a in alone], atol=1e-4)

    @pytest.mark.parametrize("side", [12, 20, 40])
    def test_noise_is_no_confident_letter(self, reader: EmnistCnn, side: int) -> None:
        rng = np.random.default_rng(4)
        noise = [Crop.whole(rng.integers(0, 256, (side, side, 3), dtype=np.uint8), Scope.CHARACTER) for _ in range(20)]
        assert all(answer.abstained or answer.confidence < 0.5 for answer in reader.read(noise))

    def test_its_name_says_its_version(self, reader: EmnistCnn) -> None:
        assert reader.model.startswith("emnist_cnn@")


@pytest.mark.engines
@pytest.mark.parametrize("style", [BOXES, APART, TICKS], ids=["boxes", "apart", "ticks"])
def test_comb_fields_are_read_one_character_a_box(reader: EmnistCnn, style: Style) -> None:
    """Without the rules, and with a space for an empty box, whatever cells are left over."""
    segmented = TextSegmenter(ProjectionDetector()).segment(Image(page_with("BRAVE 742", style, cells=12)))
    (answer,) = reader.read(segmented.crops())
    assert answer.text == "BRAVE 742"
