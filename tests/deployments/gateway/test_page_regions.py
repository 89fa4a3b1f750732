"""Parts of a page that are read by themselves: which pixels they are, what they say, whether a pattern is met."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.gateway.page_regions import in_regions, numbered_on, region_answers
from ocr.contract import DocumentOptions, PageRegion
from ocr.errors import OutOfRange
from ocr.image import BLOCKS_OF_A_PART
from tests.fakes.answers import box, line

SIZE = (1000, 2000)


def region(name: str = "total", **fields: object) -> PageRegion:
    return PageRegion.model_validate({"name": name, "box": [0.5, 0.25, 0.25, 0.1], **fields})


def test_a_box_is_in_pixels_or_in_parts_of_the_page() -> None:
    assert region().pixels(*SIZE) == (500, 500, 750, 700)
    assert region(box=[500, 500, 250, 200]).pixels(*SIZE) == (500, 500, 750, 700)
    assert region(box=[0, 0, 1, 1]).pixels(*SIZE) == (0, 0, *SIZE)
    assert region(box=[900, 1900, 500, 500]).pixels(*SIZE) == (900, 1900, *SIZE)
    assert region(box=[5000, 0, 10, 10]).pixels(*SIZE) == (1000, 0, 1000, 10)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ("[{", "expected JSON"),
        ([], "at least 1"),
        ([{"name": "a", "box": [0, 0, 0, 1]}], "a box is"),
        ([{"name": "a", "box": [-1, 0, 1, 1]}], "a box is"),
        ([{"name": "a", "box": [0, 0, 1]}], "box"),
        ([{"name": "a", "box": [0, 0, 1, 1], "pattern": "("}], "not a regular expression"),
        ([{"name": "a", "box": [0, 0, 1, 1], "pattern": "a{100000000}"}], "more than 1000 items"),
        ([{"name": "a", "box": [0, 0, 1, 1]}] * 2, "two regions have the name 'a'"),
    ],
)
def test_what_is_no_region_is_refused_with_what_is_wrong(regions: object, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DocumentOptions.model_validate({"regions": regions})


def test_regions_may_be_written_as_json_in_a_query() -> None:
    options = DocumentOptions.model_validate({"regions": '[{"name": "a", "box": [0, 0, 0.5, 0.5]}]'})
    assert options.regions == (region("a", box=[0, 0, 0.5, 0.5]),)


def said(text: str, part: int, block: int = 0) -> object:
    return line([(text, None)], box(0, 0, 9, 9), part * BLOCKS_OF_A_PART + block)


def test_each_region_is_answered_by_its_name_also_where_nothing_stands() -> None:
    regions = [region("number", pattern=r"\d+"), region("name"), region("date", pattern=r"\d{4}")]
    lines = [said("12345", 0), said("J. Smith", 1), said("of Bristol", 1, 1)]
    answers = region_answers(regions, lines, SIZE)  # type: ignore[arg-type]
    assert {name: answer.text for name, answer in answers.items()} == {
        "number": "12345",
        "name": "J. Smith\nof Bristol",
        "date": "",
    }
    assert [answers[name].matches for name in ("number", "name", "date")] == [True, None, False]
    assert [answers[name].lines for name in ("number", "name", "date")] == [[0], [1, 2], []]
    assert answers["number"].confidence == pytest.approx(0.8)
    assert answers["date"].confidence == 0.0
    assert answers["name"].box == (500, 500, 250, 200)


def test_all_of_the_text_has_to_match() -> None:
    [answer] = region_answers([region(pattern=r"\d{4}")], [said("1234 x", 0)], SIZE).values()  # type: ignore[list-item]
    assert answer.matches is False


def test_a_pattern_that_takes_for_ever_is_told() -> None:
    with pytest.raises(OutOfRange, match="the pattern of region 'total' takes too long"):
        region_answers([region(pattern=r"(a|aa)+b?c")], [said("a" * 60 + "b", 0)], SIZE)  # type: ignore[list-item]


def test_blocks_are_counted_on_from_one_region_to_the_next() -> None:
    lines = [said("a", 0), said("b", 0, 1), said("c", 2)]
    assert [each.block for each in numbered_on(lines)] == [0, 1, 2]  # type: ignore[arg-type]


def test_of_the_text_of_a_pdf_the_words_in_a_region_are_taken() -> None:
    words = [
        {"text": text, "corners": box(left, 510, left + 80, 540), "letters": []}
        for text, left in (("in", 510), ("out", 800))
    ]
    [found] = in_regions(
        [{"words": words, "corners": box(510, 510, 880, 540), "block": 3}],
        [region("a", box=[0, 0, 9, 9]), region()],
        SIZE,
    )
    assert ([word["text"] for word in found["words"]], found["block"]) == (["in"], BLOCKS_OF_A_PART + 3)


def test_a_line_that_nobody_can_read_is_in_no_text_of_a_region_unless_asked_for() -> None:
    lines = [said("read", 0), said("#~%", 0).model_copy(update={"legible": False})]
    [answer] = region_answers([region()], lines, SIZE).values()  # type: ignore[list-item]
    assert (answer.text, answer.lines) == ("read", [0, 1])
    [answer] = region_answers([region()], lines, SIZE, illegible=True).values()  # type: ignore[list-item]
    assert answer.text == "read\n#~%"
