"""Which pages come in which part of a long document, and the answers put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.contract import DocumentAnswer
from ocr.errors import InvalidRequest
from quorum.client import AsyncClient, Client
from quorum.client.parts import PageChoice, joined
from tests.fakes.book_service import BookService
from tests.fakes.service import document_answer, listening


@pytest.mark.parametrize(
    ("pages", "count", "head", "tail"),
    [
        ("1-", 100, "1-100", "101-"),
        ("5-", 10, "5-14", "15-"),
        ("1-3,7,9-", 5, "1-3,7,9", "10-"),
        ("9,1,1-2", 2, "1-2", "9"),
        ("1-150", 100, "1-100", "101-150"),
    ],
)
def test_the_first_pages_of_a_choice_and_the_others(pages: str, count: int, head: str, tail: str) -> None:
    assert tuple(map(str, PageChoice.of(pages).split(count))) == (head, tail)


@pytest.mark.parametrize("pages", ["", "one", "1-2-3", "4,5-3", "1,,2"])
def test_what_names_no_pages_is_told(pages: str) -> None:
    with pytest.raises(InvalidRequest, match="names no pages"):
        PageChoice.of(pages)


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(1, 20))
def test_no_page_is_lost_or_read_twice(numbers: set[int], count: int) -> None:
    left, read = PageChoice.of(",".join(map(str, numbers))), []
    while left.ranges:
        part, left = left.split(count)
        pages = [number for first, last in part.ranges for number in range(first, last + 1)]
        assert 0 < len(pages) <= count
        read += pages
    assert read == sorted(numbers)


def test_an_answer_in_parts_is_as_sure_as_all_its_characters_and_as_good_as_its_worst_part() -> None:
    good, doubtful = document_answer("one"), document_answer("two")
    doubtful = doubtful.model_copy(update={"needs_review": True, "band": "low", "accepted": False})
    whole = joined([good, doubtful])
    assert (whole.text, whole.succeeded, len(whole.pages)) == ("one\n\ntwo", 2, 4)
    assert (whole.band, whole.needs_review, whole.accepted) == ("low", True, False)
    assert joined([good]) == good


def test_the_client_reads_a_long_document_in_parts_and_sends_it_no_oftener_than_needed() -> None:
    service = BookService(pages=10, max_pages=4)
    with listening(service) as url, Client(url) as client:
        answer = client.read_document(b"%PDF-1.7", pages="2-")
    assert [page.page for page in answer.pages] == list(range(2, 11))
    assert [request.url.params["pages"] for request in service.asked] == ["2-", "2-5", "6-", "6-9", "10-"]


async def test_an_event_loop_reads_the_same() -> None:
    service = BookService(pages=9, max_pages=4)
    with listening(service) as url:
        async with AsyncClient(url) as client:
            answer: DocumentAnswer = await client.read_document(b"%PDF-1.7")
            written = await client.read_as(b"%PDF-1.7", "text")
    assert [page.page for page in answer.pages] == list(range(1, 10))
    assert written.decode().split() == [word for number in range(1, 10) for word in ("page", str(number))]
