"""Markdown: structure by size and place, and a real parser of CommonMark gets every character back."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from deployments.gateway.formats import OutputPage
from deployments.gateway.formats.markdown import FORMAT, escaped, markdown_of, placed_markdown_of
from ocr.contract import LineAnswer
from tests.fakes.answers import box, document_of, line, page_of

COMMONMARK = MarkdownIt("commonmark")
SIGNS = st.sampled_from(list("\\`*_[]()<>#+-=.!|~&;: 1a\u2022\u2013"))
TEXT = st.text(st.one_of(SIGNS, st.characters(exclude_categories=("Cc", "Cs", "Cf", "Cn", "Z"))), max_size=30)


class _Text(HTMLParser):
    """The text between the tags, and the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def shown(markdown: str) -> tuple[str, list[str]]:
    """What a reader of the rendered page sees, and in which elements."""
    parser = _Text()
    parser.feed(COMMONMARK.render(markdown))
    parser.close()
    return " ".join("".join(parser.parts).split()), parser.tags


def row(text: str, top: float, height: float = 20.0, left: float = 10.0) -> LineAnswer:
    place = box(left, top, left + 300, top + height)
    return line([(text, place)], place)


def of(*lines: LineAnswer) -> str:
    return markdown_of(OutputPage(1, page_of(*lines)))


@given(TEXT)
@example("# no heading")
@example("- no item")
@example("1. no number")
@example("===")
@example("__0__")
@example("<b>&amp;</b> ![x](y) `code` **bold** snake_case_ _em_ ~~s~~")
def test_every_character_is_shown_as_it_was_read(text):
    seen, tags = shown(escaped(text))
    assert seen == " ".join(text.split())
    assert set(tags) <= {"p"}


def test_a_tall_short_line_is_a_heading_and_the_taller_the_higher():
    prose = [row("The quick brown fox jumps over the lazy dog.", 200 + 25 * number) for number in range(4)]
    title = of(row("Report", 0, 60), row("First part", 80, 40), row("Details", 140, 30), *prose)
    assert title.split("\n\n")[:3] == ["# Report", "## First part", "### Details"]
    assert len(title.split("\n\n")) == 4


def test_a_page_of_one_size_has_no_heading():
    assert "#" not in of(*(row("All lines alike", 25 * number, 30) for number in range(5)))


def test_a_gap_begins_a_paragraph_and_lines_are_not_joined():
    text = of(row("one cut wo-", 0), row("rd here", 25), row("two", 100), row("more", 125))
    assert text == "one cut wo-\nrd here\n\ntwo\nmore"


def test_bullets_and_numbers_are_lists():
    text = of(row("\u2022 milk", 0), row("- bread", 25), row("3) jam", 50))
    assert text == "- milk\n- bread\n3) jam"
    assert shown(text)[1].count("li") == 3


@given(st.lists(TEXT.filter(str.strip), min_size=1, max_size=4))
@example(["1. 1", "2. 2", "\u2022 \u2022", " # *a*"])
@example(["\\\\", "a\\", "\\*"])
def test_every_character_of_a_line_is_found_in_its_place(texts):
    lines = [row(text, 50.0 * number, 40.0 if number == 1 else 20.0) for number, text in enumerate(texts)]
    page = OutputPage(1, page_of(*lines))
    content, placed = placed_markdown_of(page)
    assert content == markdown_of(page)
    assert [each.line.text for each in placed] == texts
    for each in placed:
        assert len(each.places) == len(each.line.text) + 1
        assert list(each.places) == sorted(each.places)
        for character, place in zip(each.line.text, each.places, strict=False):
            assert character.isspace() or content[place] in (character, "-")  # a bullet became a dash


def test_pages_of_a_document_are_told_apart_and_an_empty_one_stays_a_page():
    pages = [page_of(row("one", 0)), page_of(), page_of(row("three", 0))]
    outputs = [OutputPage(number, page) for number, page in enumerate(pages, 1)]
    text = FORMAT.write(document_of(*pages), outputs).content.decode()
    assert text == "<!-- page 1 -->\n\none\n\n<!-- page 2 -->\n\n<!-- page 3 -->\n\nthree\n"


def test_a_single_image_has_no_page_marks():
    page = page_of(row("only", 0))
    assert FORMAT.write(page, [OutputPage(1, page)]).content == b"only\n"
