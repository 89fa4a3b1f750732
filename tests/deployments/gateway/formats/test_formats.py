"""Every format on made answers: schemas of those who publish them, words in their places, any text at all."""

from __future__ import annotations

import io
import json
import math
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import PIL.Image
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import deployments.gateway.formats as package
from deployments.gateway.formats import OutputFormat, OutputPage, PagePicture, format_named, formats
from deployments.gateway.jobs.corrected_pages import corrected_page
from deployments.review.review import KeptDecision
from fusion import Thresholds
from ocr.contract import DocumentAnswer, PageAnswer, TextAnswer
from ocr.errors import OutOfRange
from ocr.review_contract import DecisionKind
from quorum.client.parts import joined_files
from tests.deployments.gateway.formats.drawn_page import drawn_page
from tests.fakes.answers import TWO_BLOCKS, Corners, box, document_of, line, page_of
from tests.fakes.reviewed_jobs import agreed, disputed, page_saying

PINNED_SCHEMAS = Path(sys.prefix, "test-schemas", "ocrd-page-to-alto-1.3.0.tar.gz")
_IN_ARCHIVE = "ocrd-page-to-alto-1.3.0/tests/data/"
# No package has the schema of ALTO 4.4, which only adds to 4.2; it is used where it lies beside the project.
NEWER_SCHEMAS = Path(__file__).parents[5] / "shared" / "schemas"
ALTO = {"a": "http://www.loc.gov/standards/alto/ns-v4#"}
PAGE = {"p": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}
XHTML = {"h": "http://www.w3.org/1999/xhtml"}


def picture_of(answer: TextAnswer, mode: str = "RGB", dpi: tuple[float, float] = (100.0, 100.0)) -> PagePicture:
    kind = "png" if mode == "1" else "jpeg"
    file = io.BytesIO()
    PIL.Image.new(mode, (answer.width, answer.height), "white").save(file, kind)
    return PagePicture(file.getvalue(), kind, mode, answer.width, answer.height, dpi)


def output_pages_of(answer: TextAnswer | DocumentAnswer, mode: str = "RGB") -> list[OutputPage]:
    pages = [answer] if isinstance(answer, TextAnswer) else [page for page in answer.pages if page.success]
    return [OutputPage(number, page, picture_of(page, mode)) for number, page in enumerate(pages, 1)]


def written(name: str, answer: TextAnswer | DocumentAnswer) -> bytes:
    return format_named(name).write(answer, output_pages_of(answer)).content


def tree(content: bytes) -> etree._Element:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))


class _XlinkAside(etree.Resolver):
    """ALTO's schema takes the attributes of links from a schema on the web; nothing here is a link."""

    def resolve(self, url: str, _id: str, context: object) -> object:
        if not url.endswith("xlink.xsd"):
            return None
        schema = (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/1999/xlink">'
            '<xs:attributeGroup name="simpleLink"/></xs:schema>'
        )
        return self.resolve_string(schema, context)


def assert_valid(name: str, content: bytes) -> None:
    """Against each schema of ALTO or PAGE that is here."""
    for each in _schemas()[name]:
        each.assertValid(tree(content))


@cache
def _schemas() -> dict[str, list[etree.XMLSchema]]:
    if not PINNED_SCHEMAS.exists():
        pytest.fail(f"{PINNED_SCHEMAS} is missing: `make test` fetches it, or the command of its rule in the Makefile")
    with tarfile.open(PINNED_SCHEMAS) as archive:
        pinned = {name: archive.extractfile(_IN_ARCHIVE + name) for name in ("alto-4-2.xsd", "page.xsd")}
        found = {name.partition("-")[0].partition(".")[0]: [_parsed(file)] for name, file in pinned.items()}
    newer = NEWER_SCHEMAS / "alto-4-4.xsd"
    if newer.exists():
        found["alto"].append(_parsed(str(newer)))
    return found


def _parsed(source: Any) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_XlinkAside())
    return etree.XMLSchema(etree.parse(source, parser))


EMPTY = page_of()
BOTH = document_of(TWO_BLOCKS, EMPTY)
_SCRAWL = line([("xq", box(50, 80, 120, 110))], box(50, 80, 300, 110)).model_copy(update={"legible": False})
SCRAWLED = page_of(line([("read", box(50, 40, 150, 70))], box(50, 40, 300, 70)), _SCRAWL).model_copy(
    update={"illegible_lines": 1, "text": "read"}
)
"""A line that can be read, and one that nobody can."""


@pytest.mark.parametrize(
    "answer", [TWO_BLOCKS, EMPTY, BOTH, SCRAWLED], ids=["page", "empty page", "document", "illegible line"]
)
def test_alto_is_valid_against_the_published_schema(answer: TextAnswer | DocumentAnswer) -> None:
    assert_valid("alto", written("alto", answer))


@pytest.mark.parametrize("answer", [TWO_BLOCKS, EMPTY, SCRAWLED], ids=["page", "empty page", "illegible line"])
def test_page_xml_is_valid_against_the_published_schema(answer: TextAnswer) -> None:
    assert_valid("page", written("page", answer))


def test_alto_holds_every_word_in_its_place_on_every_page() -> None:
    root = tree(written("alto", BOTH))
    assert len(root.findall(".//a:Page", ALTO)) == 2
    words = root.findall(".//a:String", ALTO)
    assert [word.get("CONTENT") for word in words] == ["Größe", "<b>&amp;", "漢字", "🙂é", "aside"]
    assert [words[0].get(name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] == ["50", "40", "100", "30"]
    assert words[0].get("WC") == "0.7500"
    assert len(root.findall(".//a:TextBlock", ALTO)) == 2


def test_of_a_line_that_nobody_can_read_formats_hold_the_place_and_no_text() -> None:
    assert written("text", SCRAWLED) == written("markdown", SCRAWLED) == b"read\n"
    alto = tree(written("alto", SCRAWLED))
    assert [word.get("CONTENT") for word in alto.findall(".//a:String", ALTO)] == ["read", ""]
    _, scrawl = alto.findall(".//a:TextLine", ALTO)
    assert scrawl.get("TAGREFS") == alto.find(".//a:OtherTag", ALTO).get("ID")
    assert [scrawl.get(name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] == ["50", "80", "250", "30"]
    page = tree(written("page", SCRAWLED))
    assert [one.get("custom") for one in page.findall(".//p:TextLine", PAGE)] == [None, "structure {type:illegible;}"]
    assert [one.text for one in page.findall(".//p:TextLine/p:TextEquiv/p:Unicode", PAGE)] == ["read", None]
    hocr = tree(written("hocr", SCRAWLED))
    titles = [one.get("title") for one in hocr.findall(".//h:span[@class='ocr_line']", XHTML)]
    assert titles == [
        "bbox 50 40 300 70; baseline 0.000 -6",
        "bbox 50 80 300 110; baseline 0.000 -6; x_illegible 1",
    ]
    assert [one.text for one in hocr.findall(".//h:span[@class='ocrx_word']", XHTML)] == ["read"]


def test_alto_of_parts_put_together_is_valid_where_only_a_later_part_has_a_line_that_nobody_can_read() -> None:
    pages = output_pages_of(document_of(TWO_BLOCKS, SCRAWLED))
    answers = document_of(TWO_BLOCKS), document_of(SCRAWLED)
    parts = [format_named("alto").write(answer, [page]).content for answer, page in zip(answers, pages, strict=True)]
    assert_valid("alto", joined_files("alto", parts))


def test_lines_that_nobody_can_read_are_written_out_where_they_are_asked_for() -> None:
    pages = [OutputPage(1, SCRAWLED, None, illegible=True)]
    for name in ("alto", "page", "hocr"):
        assert b"xq" in format_named(name).write(SCRAWLED, pages).content
    assert b"illegible" in format_named("alto").write(SCRAWLED, pages).content


def test_page_xml_of_a_document_is_an_archive_with_a_file_for_each_page() -> None:
    result = format_named("page").write(BOTH, output_pages_of(BOTH))
    assert result.media_type == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(result.content))
    assert archive.namelist() == ["page-0001.xml", "page-0002.xml"]
    first = tree(archive.read("page-0001.xml"))
    texts = [node.text for node in first.findall(".//p:Word/p:TextEquiv/p:Unicode", PAGE)]
    assert texts == ["Größe", "<b>&amp;", "漢字", "🙂é", "aside"]
    assert [node.get("regionRef") for node in first.findall(".//p:RegionRefIndexed", PAGE)] == ["r1", "r2"]


def test_hocr_holds_words_with_boxes_and_confidences_and_the_angle_of_what_runs_upwards() -> None:
    root = tree(written("hocr", BOTH))
    assert [node.get("title") for node in root.findall(".//h:div[@class='ocr_page']", XHTML)] == [
        'image "page-0001.png"; bbox 0 0 600 400; ppageno 0',
        'image "page-0002.png"; bbox 0 0 600 400; ppageno 1',
    ]
    words = root.findall(".//h:span[@class='ocrx_word']", XHTML)
    assert (words[0].text, words[0].get("title")) == ("Größe", "bbox 50 40 150 70; x_wconf 75")
    angles = [node.get("title", "") for node in root.findall(".//h:span[@class='ocr_line']", XHTML)]
    assert ["textangle 90.0" in title for title in angles] == [False, False, True]
    names = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(set(names)) == len(names)


def test_plain_text_parts_pages_with_a_form_feed_and_json_is_the_answer_itself() -> None:
    assert written("text", document_of(page_of(line([("one", None)], box(0, 0, 9, 9))), EMPTY)) == b"one\n\f\n"
    assert DocumentAnswer.model_validate(json.loads(written("json", BOTH))) == BOTH


def words_in(pdf: bytes, index: int = 0) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Text and box (left, top, right, bottom) of each word, in pixels at 100 dpi, as a reader of PDFs finds them."""
    with pypdfium2.PdfDocument(pdf) as document:
        page = document[index]
        height = page.get_height()
        text = page.get_textpage()
        # PDFium counts in halves of UTF-16: a character beyond the first 65,536 takes two places.
        halves = [half for letter in text.get_text_range() for half in (letter, *[""] * (ord(letter) > 0xFFFF))]
        found: list[tuple[str, list[tuple[float, float, float, float]]]] = [("", [])]
        for at, letter in enumerate(halves):
            if letter.isspace():
                found.append(("", []))
                continue
            left, bottom, right, top = text.get_charbox(at, loose=True)
            word, boxes = found[-1]
            found[-1] = (word + letter, [*boxes, (left, height - top, right, height - bottom)])
        return [(word, tuple(_around(boxes, 100 / 72))) for word, boxes in found if word]  # type: ignore[misc]


def _around(boxes: Sequence[tuple[float, float, float, float]], scale: float) -> list[float]:
    extreme = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    return [value * scale for value in extreme]


def test_the_text_of_a_searchable_pdf_comes_back_in_its_place() -> None:
    found = words_in(written("pdf", TWO_BLOCKS))
    assert [word for word, _ in found] == ["Größe", "<b>&amp;", "漢字", "🙂é", "aside"]
    places = dict(found)
    np.testing.assert_allclose(places["Größe"], (50, 40, 150, 70), atol=1.5)
    np.testing.assert_allclose(places["漢字"], (50, 80, 120, 110), atol=1.5)
    np.testing.assert_allclose(places["aside"], (500, 200, 530, 300), atol=1.5)  # it runs up the page


def test_a_page_of_an_uneven_resolution_has_the_size_of_its_paper_and_its_words_in_their_places() -> None:
    page = OutputPage(1, TWO_BLOCKS, picture_of(TWO_BLOCKS, dpi=(200.0, 100.0)))
    pdf = format_named("pdf").write(TWO_BLOCKS, [page]).content
    with pypdfium2.PdfDocument(pdf) as document:
        assert document[0].get_size() == pytest.approx((600 * 0.36, 400 * 0.72))
    np.testing.assert_allclose(dict(words_in(pdf))["Größe"], (25, 40, 75, 70), atol=1.5)


def test_a_page_that_is_smaller_or_larger_than_a_pdf_may_have_it_is_as_small_or_large_as_it_may_be() -> None:
    page = OutputPage(1, TWO_BLOCKS, picture_of(TWO_BLOCKS, dpi=(20_000.0, 1.0)))
    pdf = format_named("pdf").write(TWO_BLOCKS, [page]).content
    with pypdfium2.PdfDocument(pdf) as document:
        assert document[0].get_size() == pytest.approx((3.0, 14_400.0))
    assert [word for word, _ in words_in(pdf)][:1] == ["Größe"]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_searchable_pdf_looks_like_the_page_and_shows_no_letters(mode: str) -> None:
    pdf = format_named("pdf").write(TWO_BLOCKS, output_pages_of(TWO_BLOCKS, mode)).content
    with pypdfium2.PdfDocument(pdf) as document:
        assert document[0].get_size() == pytest.approx((600 * 0.72, 400 * 0.72))
        shown = document[0].render(scale=100 / 72).to_numpy()
    assert shown.shape[:2] == (400, 600)
    assert shown.min() > 250  # the picture is white, and so is all that is seen


def test_every_page_of_a_document_is_a_page_of_the_pdf() -> None:
    pdf = written("pdf", document_of(EMPTY, TWO_BLOCKS))
    assert words_in(pdf, 0) == []
    assert len(words_in(pdf, 1)) == 5


corners = st.tuples(*[st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))] * 4)
texts = st.text(min_size=1, max_size=8)
lines = st.builds(line, st.lists(st.tuples(texts, st.none() | corners), max_size=3), corners, st.integers(0, 3))


@pytest.mark.parametrize("output_format", formats().values(), ids=lambda output_format: output_format.name)
@given(answer=st.builds(page_of, lines, lines))
def test_any_text_in_any_place_can_be_written_down(output_format: OutputFormat, answer: TextAnswer) -> None:
    content = output_format.write(answer, output_pages_of(answer)).content
    if output_format.name in ("alto", "page", "hocr"):
        spoken = [word for each in answer.lines for word in each.words]
        tags = {"alto": "{*}String", "page": "{*}Word", "hocr": "{*}span[@class='ocrx_word']"}
        assert len(tree(content).findall(f".//{tags[output_format.name]}")) == len(spoken)
    if output_format.name == "pdf":
        with pypdfium2.PdfDocument(content) as document:
            assert len(document) == 1


@given(answer=st.builds(page_of, lines, lines))
def test_any_text_in_any_place_is_valid_alto_and_page_xml(answer: TextAnswer) -> None:
    assert_valid("alto", written("alto", answer))
    assert_valid("page", written("page", answer))


def test_a_seventh_format_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shouted.py").write_text(
        "from deployments.gateway.formats import OutputFile, OutputFormat\n"
        "FORMAT = OutputFormat('shouted', 'text/x', lambda a, _: OutputFile(a.text.upper().encode(), 'text/x'))\n"
    )
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    formats.cache_clear()
    try:
        assert written("shouted", page_of(line([("hey", None)], box(0, 0, 9, 9)))) == b"HEY"
    finally:
        formats.cache_clear()


def test_an_unknown_format_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(OutOfRange, match=r"alto, alto\.zip, json, hocr, hocr\.zip, markdown, page, text, pdf"):
        format_named("docx")


TILTED = page_of(line([("uphill", None)], ((100, 120), (300, 100), (303, 130), (103, 150))))
"""One line that runs up to the right by a tenth, 30 px tall."""


def test_a_line_has_its_baseline_in_every_format_that_knows_one() -> None:
    hocr = tree(written("hocr", TILTED)).find(".//h:span[@class='ocr_line']", XHTML)
    assert hocr is not None
    assert hocr.get("title") == "bbox 100 100 303 150; baseline -0.100 -6"
    [alto] = tree(written("alto", TILTED)).findall(".//a:TextLine", ALTO)
    assert alto.get("BASELINE") == "102,144 302,124"
    [page] = tree(written("page", TILTED)).findall(".//p:TextLine/p:Baseline", PAGE)
    assert page.get("points") == "102,144 302,124"


def test_lines_of_hocr_stand_in_paragraphs() -> None:
    root = tree(written("hocr", BOTH))
    paragraphs = root.findall(".//h:div[@class='ocr_carea']/h:p[@class='ocr_par']", XHTML)
    assert [len(each.findall("h:span", XHTML)) for each in paragraphs] == [2, 1]


def test_files_name_the_picture_that_they_are_about() -> None:
    alto = tree(written("alto", TILTED)).find(".//a:sourceImageInformation/a:fileName", ALTO)
    assert alto is not None
    assert alto.text == "page-0001.png"
    page = tree(written("page", TILTED))
    assert page.get("pcGtsId") == "pc-page-0001"
    assert [each.get("imageFilename") for each in page.findall("p:Page", PAGE)] == ["page-0001.png"]


def in_language(code: str) -> TextAnswer:
    [of_page] = TILTED.lines
    return page_of(of_page.model_copy(update={"language": code}))


@pytest.mark.parametrize(
    ("code", "hocr", "page"),
    [
        ("cs", {"lang": "cs"}, {"primaryLanguage": "Czech", "readingDirection": "left-to-right"}),
        ("ar", {"lang": "ar", "dir": "rtl"}, {"primaryLanguage": "Arabic", "readingDirection": "right-to-left"}),
    ],
)
def test_a_line_tells_its_language(code: str, hocr: dict[str, str], page: dict[str, str]) -> None:
    answer = in_language(code)
    [found] = tree(written("hocr", answer)).findall(".//h:span[@class='ocr_line']", XHTML)
    assert {name: found.get(name) for name in ("lang", "dir") if found.get(name)} == hocr
    [found] = tree(written("alto", answer)).findall(".//a:TextLine", ALTO)
    assert found.get("LANG") == code
    [found] = tree(written("page", answer)).findall(".//p:TextLine", PAGE)
    assert {name: found.get(name) for name in page} == page


def test_a_line_whose_language_is_not_known_tells_none() -> None:
    [found] = tree(written("hocr", TILTED)).findall(".//h:span[@class='ocr_line']", XHTML)
    assert found.get("lang") is None
    [found] = tree(written("alto", TILTED)).findall(".//a:TextLine", ALTO)
    assert found.get("LANG") is None
    [found] = tree(written("page", TILTED)).findall(".//p:TextLine", PAGE)
    assert found.get("primaryLanguage") is None


def test_files_name_the_file_that_was_sent_its_resolution_and_its_languages() -> None:
    page = OutputPage(1, in_language("de"), file_name='My "letter" <1>.tif', dpi=(203.6, 98.0))
    hocr = tree(format_named("hocr").write(TILTED, [page]).content)
    [place] = [each.get("title", "") for each in hocr.findall(".//h:div[@class='ocr_page']", XHTML)]
    assert place == 'image "My %22letter%22 <1>.tif"; bbox 0 0 600 400; ppageno 0; scan_res 204 98'
    assert hocr.find(".//h:meta[@name='ocr-langs']", XHTML).get("content") == "de"
    alto = tree(format_named("alto").write(TILTED, [page]).content)
    assert alto.findtext(".//a:sourceImageInformation/a:fileName", None, ALTO) == 'My "letter" <1>.tif'
    page_xml = tree(format_named("page").write(TILTED, [page]).content)
    assert page_xml.find("p:Page", PAGE).get("imageFilename") == 'My "letter" <1>.tif'


@pytest.mark.parametrize(
    ("name", "ending", "pages"), [("alto.zip", "xml", ".//a:Page"), ("hocr.zip", "hocr", ".//h:p")]
)
def test_an_archive_has_a_file_for_each_page(name: str, ending: str, pages: str) -> None:
    written_file = format_named(name).write(BOTH, output_pages_of(BOTH))
    assert written_file.media_type == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(written_file.content))
    assert archive.namelist() == [f"page-0001.{ending}", f"page-0002.{ending}"]
    found = [tree(archive.read(each)).findall(pages, {**ALTO, **XHTML}) for each in archive.namelist()]
    assert [len(each) for each in found] == ([1, 1] if ending == "xml" else [2, 0])


CELLS = page_of(
    line([("Bolts", None)], box(20, 40, 120, 70)).model_copy(update={"row": 0}),
    line([("12", box(300, 41, 330, 69)), ("boxes", None)], box(300, 40, 400, 70)).model_copy(update={"row": 0}),
    line([("Nuts", None)], box(20, 80, 110, 110)).model_copy(update={"row": 1}),
    line([("up", None)], ((500, 110), (500, 80), (530, 80), (530, 110))).model_copy(update={"row": 1}),
)
"""Two rows of a table; in the second a word runs up the page."""


def test_what_stands_in_one_row_is_one_line_in_every_format_of_text() -> None:
    assert written("markdown", CELLS).decode().splitlines()[0] == "Bolts 12 boxes"
    hocr = tree(written("hocr", CELLS)).findall(".//h:span[@class='ocr_line']", XHTML)
    assert ["".join(each.itertext()).split() for each in hocr] == [["Bolts", "12", "boxes"], ["Nuts"], ["up"]]
    assert hocr[0].get("title") == "bbox 20 40 400 70; baseline 0.000 -6"
    alto = tree(written("alto", CELLS)).findall(".//a:TextLine", ALTO)
    assert [each.get("CONTENT") for each in alto[0].findall("a:String", ALTO)] == ["Bolts", "12", "boxes"]
    assert [each.get("HPOS") for each in alto[0].findall("a:String", ALTO)] == ["20", "300", "333"]
    page = tree(written("page", CELLS)).findall(".//p:TextLine", PAGE)
    assert [each.findtext("p:TextEquiv/p:Unicode", None, PAGE) for each in page] == ["Bolts 12 boxes", "Nuts", "up"]


def test_of_a_row_that_can_be_read_in_part_that_part_is_written() -> None:
    cells = [line.model_copy(update={"legible": index != 0}) for index, line in enumerate(CELLS.lines[:2])]
    assert written("markdown", page_of(*cells)) == b"12 boxes\n"
    hidden = [cell.model_copy(update={"legible": False}) for cell in cells]
    [row] = tree(written("hocr", page_of(*hidden))).findall(".//h:span[@class='ocr_line']", XHTML)
    assert "x_illegible 1" in row.get("title", "")
    assert not list(row)
    asked = OutputPage(1, page_of(*cells), illegible=True)
    [row] = tree(format_named("hocr").write(asked.answer, [asked]).content).findall(
        ".//h:span[@class='ocr_line']", XHTML
    )
    assert "".join(row.itertext()).split() == ["Bolts", "12", "boxes"]
    assert "x_illegible" not in row.get("title", "")


FIVE_WORDS = ("alpha", "bravo", "delta", "omega", "sigma")


def sideways(turns: int, degrees: float) -> TextAnswer:
    """Three lines of five words that touch, on a page of 400 x 300 px that is turned clockwise by so many quarters and
    lies askew by so many degrees.
    """
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def turned(x: float, y: float) -> tuple[float, float]:
        x, y = 200 + (x - 200) * cosine - (y - 150) * sine, 150 + (x - 200) * sine + (y - 150) * cosine
        return {0: (x, y), 1: (300 - y, x), 2: (400 - x, 300 - y), 3: (y, 400 - x)}[turns]

    def placed(left: float, top: float, right: float, bottom: float) -> Corners:
        return tuple(turned(x, y) for x, y in box(left, top, right, bottom))

    lines = [
        line(
            [(word, placed(20 + 70 * at, top, 90 + 70 * at, top + 30)) for at, word in enumerate(FIVE_WORDS)],
            placed(20, top, 370, top + 30),
        )
        for top in (50, 120, 190)
    ]
    return page_of(*lines, width=300 if turns % 2 else 400, height=400 if turns % 2 else 300)


def matrices_of_words(page: pikepdf.Page) -> list[list[float]]:
    """The operands of each Tm of a page."""
    return [
        [float(value) for value in instruction.operands]
        for instruction in pikepdf.parse_content_stream(page)
        if str(instruction.operator) == "Tm"
    ]


@pytest.mark.parametrize("degrees", [0.0, 1.0, -1.9])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_on_its_side_is_shown_upright_with_words_exactly_along_its_rows(turns: int, degrees: float) -> None:
    pdf = written("pdf", sideways(turns, degrees))
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        [page] = opened.pages
        assert page.obj.Rotate == 360 - 90 * turns
        matrices = matrices_of_words(page)
    assert len(matrices) == 15
    zeros = (1, 2) if turns == 2 else (0, 3)
    assert all(abs(matrix[at]) < 1e-3 for matrix in matrices for at in zeros)
    with pypdfium2.PdfDocument(pdf) as document:
        assert document[0].get_size() == pytest.approx((400 * 0.72, 300 * 0.72))
        assert document[0].get_textpage().get_text_range().split() == list(FIVE_WORDS) * 3


@pytest.mark.parametrize("answer", [sideways(0, 0.0), sideways(0, 10.0)], ids=["upright", "askew"])
def test_words_of_a_pdf_are_a_fifth_of_their_height_apart(answer: TextAnswer) -> None:
    pdf = written("pdf", answer)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert "/Rotate" not in opened.pages[0].obj
        placed = matrices_of_words(opened.pages[0])
    widths = [2.5 * math.hypot(a, b) for a, b, *_ in placed]  # five letters, each half an em wide
    steps = [math.dist(one[4:], other[4:]) for one, other in pairwise(placed)]
    gaps = [step - width for at, (step, width) in enumerate(zip(steps, widths, strict=False)) if at % 5 != 4]
    assert len(gaps) == 12
    assert all(gap >= 0.2 * 30 - 0.01 for gap in gaps)


@pytest.mark.parametrize("words", ["Tuesday, 7 May", "letters, of", "040 555 0137"])
def test_words_are_found_together_by_pdfium(words: str) -> None:
    page = drawn_page()
    with pypdfium2.PdfDocument(format_named("pdf").write(page.answer, [page]).content) as document:
        assert document[0].get_textpage().search(words).get_next() is not None


SCRIPTS = page_of(
    line([("שלום", box(300, 40, 400, 70)), ("עולם", box(180, 40, 280, 70))], box(180, 40, 400, 70)),
    line([("e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}", box(20, 100, 120, 130))], box(20, 100, 120, 130)),
    line([("≤½€…", box(20, 160, 120, 190))], box(20, 160, 120, 190)),
)


def test_what_is_searched_in_a_pdf_is_what_was_written() -> None:
    content = written("pdf", SCRIPTS)
    with pypdfium2.PdfDocument(content) as pdf:
        found = pdf[0].get_textpage()
        text = found.get_text_bounded()
        assert unicodedata.normalize("NFC", text.splitlines()[1]) == "été"
        assert "≤½€…" in text
        assert text.splitlines()[0].split() == ["שלום", "עולם"]
        assert found.search("≤½").get_next() is not None
        assert found.search("עולם").get_next() is not None


def _reviewed() -> PageAnswer:
    """Five words: one as it was, one that was confirmed, one changed, one that nobody can read, one of two."""
    page = page_saying([agreed("Harbour"), agreed("and"), disputed("Qvay", "Quay"), agreed("x"), agreed("Bristo1BS1")])

    def said(word: int, kind: DecisionKind, text: str) -> KeptDecision:
        return KeptDecision(
            number=word,
            file=0,
            page=0,
            line=0,
            word=word,
            kind=kind,
            was=page.lines[0].words[word].text,
            text=text,
            by="key 1",
            reviewer="Ann" if word < 4 else "",
            session="s",
            at=1_767_355_200.0 + word,
            confidence=0.4,
            chance=1.0,
        )

    decisions = [said(1, "taken", "and"), said(2, "typed", "Quay"), said(3, "illegible", "x")]
    decisions.append(said(4, "typed", "Bristol BS1"))
    return corrected_page(page, {(0, one.word): one for one in decisions}, Thresholds())


def test_alto_says_which_words_people_looked_at_who_they_were_and_when() -> None:
    content = written("alto", _reviewed())
    assert_valid("alto", content)
    root = tree(content)
    steps = {step.get("ID"): step for step in root.findall(".//a:Processing", ALTO)}
    assert list(steps) == ["ocr", "review1", "review2"]
    told = [[steps[name].findtext(f"a:{part}", None, ALTO) for name in ("review1", "review2")] for part in _STEP]
    assert told == [
        ["contentModification"] * 2,
        ["2026-01-02T12:00:03+00:00", "2026-01-02T12:00:04+00:00"],
        ["Ann", "key 1"],
    ]
    words = root.findall(".//a:String", ALTO)
    facts = ("CONTENT", "WC", "PROCESSINGREFS", "CS")
    assert [[word.get(name) for name in facts] for word in words] == [
        ["Harbour", "0.9500", None, None],
        ["and", "1.0000", "review1", None],
        ["Quay", "1.0000", "review1", "true"],
        ["x", "0.0000", "review1", None],
        ["Bristol", "1.0000", "review2", "true"],
        ["BS1", "1.0000", "review2", "true"],
    ]


_STEP = ("processingCategory", "processingDateTime", "processingAgency")


def test_page_xml_has_what_a_person_said_before_what_was_read() -> None:
    content = written("page", _reviewed())
    assert_valid("page", content)
    root = tree(content)
    words = [
        [
            (one.get("index"), one.get("conf"), one.findtext("p:Unicode", None, PAGE))
            for one in word.findall("p:TextEquiv", PAGE)
        ]
        for word in root.findall(".//p:Word", PAGE)
    ]
    assert words[:4] == [
        [(None, "0.9500", "Harbour")],
        [("0", "1.0000", "and")],
        [("0", "1.0000", "Quay"), ("1", None, "Qvay")],
        [("0", "0.0000", "x")],
    ]
    assert root.findtext(".//p:LastChange", None, PAGE) == "2026-03-01T12:00:00+00:00"
    assert [one.get("value") for one in root.findall(".//p:MetadataItem", PAGE)] == ["Ann", "key 1"]


def test_hocr_says_how_a_changed_word_was_read_and_who_changed_it() -> None:
    words = tree(written("hocr", _reviewed())).findall(".//h:span[@class='ocrx_word']", XHTML)
    quay = words[2]
    assert (quay.text, quay.get("data-was"), quay.get("data-by"), quay.get("data-how")) == (
        "Quay",
        "Qvay",
        "Ann",
        "typed",
    )
    assert quay.get("title").endswith("x_wconf 100")
    assert words[0].get("data-was") is None
    assert words[3].get("title").endswith("x_wconf 0")


def test_a_pdf_has_the_words_that_people_said() -> None:
    with pypdfium2.PdfDocument(written("pdf", _reviewed())) as pdf:
        text = pdf[0].get_textpage().get_text_bounded()
    assert text.split() == ["Harbour", "and", "Quay", "x", "Bristol", "BS1"]


def test_plain_text_and_markdown_say_what_people_said() -> None:
    assert written("text", _reviewed()) == written("markdown", _reviewed()) == b"Harbour and Quay x Bristol BS1\n"
