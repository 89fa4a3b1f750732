"""What an assistant may ask about files, over a service that answers from a script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ocr.contract import LineAnswer, WordAnswer
from ocr.errors import InvalidRequest, OutOfRange
from quorum.client import Client
from quorum.plugins.reading_tools import ReadingTools
from tests.fakes.answers import box, document_of, page_of


def said(*words: tuple[str, float, dict[str, str]], top: float = 0) -> LineAnswer:
    place = box(0, top, 300, top + 20)
    spoken = [
        WordAnswer(
            text=text, confidence=confidence, polygon=box(40 * number, top, 40 * number + 30, top + 20), votes=votes
        )
        for number, (text, confidence, votes) in enumerate(words)
    ]
    return LineAnswer(text=" ".join(text for text, _, _ in words), confidence=0.9, polygon=place, block=0, words=spoken)


DOCUMENT = document_of(
    page_of(said(("Total:", 0.99, {"a": "Total:", "b": "Total:"}), ("1O.50", 0.4, {"a": "1O.50", "b": "10.50"}))),
    page_of(
        said(("TOTAL", 0.7, {"a": "TOTAL", "b": ""})),
        said(("xq", 0.1, {"a": "xq", "b": "yo"}), top=40).model_copy(update={"legible": False}),
    ),
).model_copy(update={"illegible_lines": 1})


class Service:
    """Answers every file with the document, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200, content=DOCUMENT.model_dump_json(), headers={"content-type": "application/json"})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def tools(service: Service, tmp_path: Path) -> ReadingTools:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.7")
    client = Client("http://service", transport=httpx.MockTransport(service))
    return ReadingTools(client, tmp_path / "scans")


def test_a_file_is_read_and_its_doubt_is_counted(tools: ReadingTools) -> None:
    told = tools.read_file("a.pdf")
    assert (told.pages, told.words, told.doubtful_words, told.illegible_lines) == (2, 3, 2, 1)
    assert "1O.50" in told.text


def test_doubtful_words_come_most_doubtful_first_with_what_each_engine_read(tools: ReadingTools) -> None:
    first, second = tools.doubtful_words("a.pdf")
    assert (first.word, first.page, dict(first.readings)) == ("1O.50", 1, {"a": "1O.50", "b": "10.50"})
    assert (second.word, second.page, second.line) == ("TOTAL", 2, "TOTAL")
    assert first.box == (40, 0, 70, 20)
    assert len(tools.doubtful_words("a.pdf", most=1)) == 1


def test_a_word_is_explained_wherever_it_stands(tools: ReadingTools) -> None:
    assert [(each.page, each.confidence) for each in tools.explain_word("a.pdf", "total")] == [(1, 0.99), (2, 0.7)]
    with pytest.raises(OutOfRange, match="'missing' is not in"):
        tools.explain_word("a.pdf", "missing")


def test_a_file_is_read_once_until_it_changes(tools: ReadingTools, service: Service, tmp_path: Path) -> None:
    tools.read_file("a.pdf")
    tools.doubtful_words("a.pdf")
    assert service.asked == 1
    (tmp_path / "scans" / "a.pdf").write_bytes(b"%PDF-1.7 changed")
    tools.read_file("a.pdf")
    assert service.asked == 2


def test_threads_that_ask_about_the_same_file_have_it_read_once(tools: ReadingTools, service: Service) -> None:
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(tools.read_file, ["a.pdf"] * 8))
    assert {each.words for each in told} == {3}
    assert service.asked == 1


@pytest.mark.parametrize("path", ["../other.pdf", "/etc/hostname", "missing.pdf", "."])
def test_nothing_outside_of_the_folder_is_read(tools: ReadingTools, service: Service, path: str) -> None:
    with pytest.raises(InvalidRequest):
        tools.read_file(path)
    assert service.asked == 0


def test_a_link_that_leads_outside_is_not_followed(tools: ReadingTools, service: Service, tmp_path: Path) -> None:
    (tmp_path / "scans" / "link.pdf").symlink_to(tmp_path / "other.pdf")
    with pytest.raises(InvalidRequest, match="outside"):
        tools.read_file("link.pdf")
