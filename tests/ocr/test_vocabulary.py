"""The types refuse nonsense at birth, naming it, and survive the way between processes."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr import (
    Box,
    Character,
    CharacterHypothesis,
    Crop,
    EngineReport,
    EngineSpec,
    Hypothesis,
    Image,
    Layout,
    Line,
    LoadOptions,
    Page,
    Polygon,
    Region,
    Resources,
    Scope,
    SegmentedPage,
    Span,
    Status,
    Vote,
    Word,
)
from ocr import errors as tree
from ocr.errors import QuorumError
from ocr.interfaces import Runtime

SQUARE = Box(0, 0, 10, 10).polygon()


def crop_of(height: int, width: int) -> Crop:
    return Crop.whole(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Box(5, 0, 5, 3), "empty"),
        (lambda: Polygon(((0, 0), (1, 0), (1, float("nan")), (0, 1))), "finite"),
        (lambda: Polygon.from_array(np.zeros((3, 2))), r"\(4, 2\)"),
        (lambda: SQUARE.slice(0.5, 0.5), "slice"),
        (lambda: Image(np.zeros((2, 2), np.uint8)), "RGB"),
        (lambda: Image(np.zeros((2, 2, 3), np.float32)), "float32"),
        (lambda: Image(np.zeros((0, 2, 3), np.uint8)), "RGB"),
        (lambda: Region(SQUARE, 0, 5), "no pixels"),
        (lambda: Region(SQUARE, 10, 10, character_boxes=(Box(0, 0, 11, 5),)), "outside"),
        (lambda: Crop(np.zeros((4, 5, 3), np.uint8), Region(SQUARE, 4, 5)), "does not fit"),
        (lambda: Layout(0, 10, ()), "0x10"),
        (lambda: SegmentedPage(Layout(9, 9, (Region(SQUARE, 4, 5),)), ()), "1 regions"),
        (lambda: CharacterHypothesis("", 0.5), "empty"),
        (lambda: CharacterHypothesis("a", 1.01), "not a probability"),
        (lambda: CharacterHypothesis("a", float("nan")), "not a probability"),
        (lambda: CharacterHypothesis("a", 0.5, Span(3, 3)), "span"),
        (lambda: Hypothesis((CharacterHypothesis("a", 0.5),), "joined"), "cannot hold"),
        (lambda: Hypothesis.abstain(""), "reason"),
        (lambda: EngineReport("a", Status.OK, -1.0), "duration"),
        (lambda: Vote("a", "x", -0.1, 0.5), "negative"),
        (lambda: Character("a", 1.5), "not a probability"),
        (lambda: Word((), 0.5), "at least one"),
        (lambda: LoadOptions(threads=0), "at least one"),
        (lambda: LoadOptions(device="tpu"), "tpu"),
        (lambda: LoadOptions(gpu_fraction=1.5), "one card"),
        (lambda: Resources(1, 2.0, 100), "not possible"),
        (lambda: Resources(1, 0, 100, -1), "not possible"),
        (lambda: spec(name="my engine"), "identifier"),
        (lambda: spec(scopes=frozenset()), "no scope"),
        (lambda: spec(batch_size=0), "batch_size"),
        (lambda: spec(prior_weights={"general": -0.1}), "negative"),
        (lambda: spec(resources=Resources(1, 0, 100, 50)), "openvino_mb"),
        (lambda: spec(runtimes=frozenset(Runtime)), "openvino_mb"),
    ],
)
def test_nonsense_is_refused_at_birth_and_named(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]


def spec(**changed: object) -> EngineSpec:
    whole = {
        "name": "engine",
        "scopes": frozenset({Scope.LINE}),
        "load": None,
        "batch_size": 1,
        "resources": Resources(1, 0, 1),
        "prior_weights": {},
    }
    return EngineSpec(**{**whole, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runtime", "on_card", "expected_mb"),
    [(Runtime.AUTO, False, 40), (Runtime.OPENVINO, False, 40), (Runtime.NATIVE, False, 100), (Runtime.AUTO, True, 100)],
)
def test_an_engine_asks_for_the_memory_of_what_computes_its_network(
    runtime: Runtime, on_card: bool, expected_mb: int
) -> None:
    converted = spec(resources=Resources(1, 0, 100, 40), runtimes=frozenset({Runtime.NATIVE, Runtime.OPENVINO}))
    assert converted.memory_mb(runtime, on_card=on_card) == expected_mb
    assert spec(resources=Resources(1, 0, 70)).memory_mb(runtime, on_card=on_card) == 70


def test_a_slice_of_a_turned_polygon_follows_the_text() -> None:
    upward = Polygon(((0, 100), (0, 0), (20, 0), (20, 100)))  # text that reads from the bottom to the top
    assert upward.slice(0.0, 0.25).bounding_box() == Box(0, 75, 20, 100)


@given(st.floats(0, 0.999), st.floats(0.0011, 1))
def test_a_slice_lies_within_its_polygon(start: float, length: float) -> None:
    end = min(1.0, start + length)
    if start < end:
        part = Box(3, 4, 103, 24).polygon().slice(start, end).bounding_box()
        assert part.overlap(Box(3, 4, 103, 24)) == part.area


PLACES = st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 40), st.integers(1, 40))


@given(PLACES, PLACES)
def test_overlap_is_the_number_of_shared_pixels(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    boxes = [Box(x, y, x + w, y + h) for x, y, w, h in (one, other)]
    masks = np.zeros((2, 150, 150), bool)
    for mask, box in zip(masks, boxes, strict=True):
        mask[box.top + 50 : box.bottom + 50, box.left + 50 : box.right + 50] = True
    assert boxes[0].overlap(boxes[1]) == boxes[1].overlap(boxes[0]) == np.count_nonzero(masks.all(axis=0))


def test_a_page_is_its_lines_with_an_empty_row_between_blocks() -> None:
    page = Page(10, 10, (said("a", 0), said("b", 0), said("c", 1)), (), "weighted_voting", "general")
    assert page.text == "a\nb\n\nc"
    assert page.confidence == 0.5
    assert Page(10, 10, (), (), "weighted_voting", "general").confidence == 0.0


def said(text: str, block: int, sure: float = 0.5, *, legible: bool = True) -> Line:
    """A line of one word."""
    characters = tuple(Character(letter, 0.9) for letter in text)
    return Line(characters, (Word(characters, sure),), 0.9, SQUARE, block, legible=legible)


def test_a_line_that_nobody_can_read_is_not_in_the_text_nor_in_the_confidence() -> None:
    lines = (said("ab", 0, 0.9), said("xyzq", 1, 0.1, legible=False), said("c", 1, 0.6))
    page = Page(10, 10, lines, (), "weighted_voting", "general")
    assert page.text == "ab\n\nc"
    assert page.text_of_all_lines == "ab\n\nxyzq\nc"
    assert page.confidence == pytest.approx(0.8)
    assert Page(10, 10, lines[1:2], (), "weighted_voting", "general").confidence == 0.0


def test_crops_come_in_the_order_that_was_asked_for() -> None:
    pixels = tuple(np.full((2, width, 3), width, np.uint8) for width in (4, 5, 6))
    page = SegmentedPage(Layout(9, 9, tuple(Region(SQUARE, width, 2) for width in (4, 5, 6))), pixels)
    assert [crop.region.width_px for crop in page.crops([2, 0])] == [6, 4]
    assert [crop.languages for crop in page.crops([1], languages=("de", "fr"))] == [("de", "fr")]


def kinds(base: type[QuorumError]) -> list[type[QuorumError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("kind", kinds(QuorumError), ids=lambda kind: kind.__name__)
def test_an_error_says_what_and_what_next_and_survives_pickling(kind: type[QuorumError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what", "next")))
    assert type(copy) is kind
    assert (copy.message, copy.hint, str(copy)) == ("what", "next", "what (next)")
    assert kind.__name__ in (tree.__doc__ or ""), "the tree in the docstring lacks it"
    assert kind.__doc__


def test_the_time_to_retry_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(tree.Overloaded("full", "later", 1.5))).retry_after_s == 1.5


@pytest.mark.parametrize("package", ["ocr", "engines", "fusion", "quorum.client"])
@pytest.mark.processes
def test_importing_a_package_loads_no_framework_and_no_ray(package: str) -> None:
    program = f"""
import sys, {package}
heavy = {{"ray", "torch", "tensorflow", "paddle", "paddleocr", "paddlex", "easyocr", "transformers", "onnxruntime"}}
print(sorted(heavy & set(sys.modules)))
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
