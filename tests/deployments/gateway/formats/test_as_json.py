"""JSON of a document, written a page at a time: the same answer as in one piece, and never all of it in memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator

import pytest

from deployments.gateway.formats.as_json import parts
from deployments.gateway.formats.document_totals import DocumentTotals
from ocr.contract import DocumentAnswer, FailedPage, PageAnswer, Problem, TextPrediction
from tests.fakes.answers import TWO_BLOCKS, document_of

HEAD = document_of(TWO_BLOCKS).model_copy(update={"pages": [], "text": ""})


def page(number: int, text: str, **said: tuple[str, str]) -> PageAnswer:
    """A page, and by engine its status and what it read."""
    predictions = {
        name: TextPrediction(confidence=0.5, status=status, latency_ms=10.0, model=f"{name}@1", text=read)  # type: ignore[arg-type]
        for name, (status, read) in said.items()
    }
    told = {"text": text, "engine_predictions": predictions}
    return PageAnswer(page=number, **dict(TWO_BLOCKS)).model_copy(update=told)


def whole(totals: DocumentTotals) -> DocumentAnswer:
    told = {"succeeded": totals.read, "engine_predictions": dict(totals.engine_predictions)}
    return HEAD.model_copy(update=told)


FAILED = FailedPage(page=2, error=Problem(code="not_an_image", message="torn"))


def test_pages_come_first_and_what_is_told_of_all_behind_them() -> None:
    awkward = 'a "quote", a \\ and\na new line \u2028 \x07 🙂'
    pages = [page(1, awkward, a=("ok", awkward)), FAILED, page(3, "end", a=("error", ""), b=("ok", "END"))]
    told = json.loads(b"".join(parts(pages, whole)))
    assert next(iter(told)) == "pages"
    answer = DocumentAnswer.model_validate(told)
    assert answer.pages == pages
    assert answer.text == f"{awkward}\n\nend"
    assert answer.succeeded == 2
    said = answer.engine_predictions
    assert {name: (each.text, each.status, each.latency_ms) for name, each in said.items()} == {
        "a": (f"{awkward}\n\n", "error", 20.0),
        "b": ("END", "ok", 10.0),
    }
    assert said["a"].detail.startswith("page 3: ")


@pytest.mark.parametrize("pages", [[], [FAILED]])
def test_a_document_of_which_nothing_was_read_is_valid_json_too(pages: list[FailedPage]) -> None:
    answer = DocumentAnswer.model_validate_json(b"".join(parts(pages, whole)))
    assert (answer.pages, answer.text, answer.engine_predictions) == (pages, "", {})


def test_a_page_is_taken_when_the_one_before_it_is_written() -> None:
    taken: list[int] = []

    def pages() -> Iterator[PageAnswer]:
        for number in range(1, 4):
            taken.append(number)
            yield page(number, "text")

    written = parts(pages(), whole)
    next(written)
    assert taken == [1]
    next(written)
    assert taken == [1, 2]


def test_a_thousand_pages_take_no_more_memory_than_their_texts_packed() -> None:
    line = "the same words on every page of a book, as if nobody had thought of others\n"
    pages = (page(number, 40 * line, a=("ok", 40 * line)) for number in range(1, 1001))
    tracemalloc.start()
    try:
        size = sum(map(len, parts(pages, whole)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 12_000_000
    assert peak < 2_000_000
