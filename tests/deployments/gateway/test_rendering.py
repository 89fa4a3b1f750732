"""What an answer says of its own doubt."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.gateway.documents.documents import ReadPage
from deployments.gateway.rendering import document_answer, text_answer
from deployments.messages.request import ReadRequest, RecognitionOptions
from fusion import Method, Profile
from ocr import Box, Character, Line, Page, Word
from ocr.contract import PageAnswer, TextAnswer

REQUEST = ReadRequest(Method.CONFIDENCE_WEIGHTED, Profile("p", {"a": 1.0}), ("a",), 0.0, RecognitionOptions())
PLACE = Box(0, 0, 50, 10).polygon()


def answer(confidences: Sequence[float], *, illegible: int = 0) -> TextAnswer:
    """To a page of words with these confidences, a line each, and some lines that nobody can read."""
    read = (Character("a", 0.99), Character("b", 0.99))
    lines = [Line(read, (Word(read, sure),), 0.99, PLACE) for sure in confidences]
    lines += [Line(read, (Word(read, 0.05),), 0.9, PLACE, legible=False)] * illegible
    return text_answer(Page(50, 10, tuple(lines), (), "confidence_weighted", "p"), REQUEST, 1.0)


def test_a_page_that_is_all_doubted_says_so_whatever_its_characters_say() -> None:
    found = answer([0.06] * 18)
    assert (found.doubted_words, found.needs_review, found.accepted, found.band) == (18, True, False, "low")


def test_one_doubted_word_in_a_hundred_is_told_and_needs_nobody() -> None:
    found = answer([0.95] * 99 + [0.3])
    assert (found.doubted_words, found.needs_review, found.band) == (1, False, "high")


def test_a_page_with_nothing_that_can_be_read_has_no_text_and_is_not_accepted() -> None:
    found = answer([], illegible=18)
    assert (found.text, found.confidence, found.illegible_lines) == ("", 0.0, 18)
    assert (found.accepted, found.needs_review, found.doubted_words) == (False, True, 0)


def test_a_document_sums_what_its_pages_doubt_and_one_page_is_enough_to_look_at() -> None:
    pages = [answer([0.95] * 20), answer([0.2, 0.9], illegible=1)]
    outcomes = [
        ReadPage(PageAnswer(page=number, **dict(page)), None, (200.0, 200.0)) for number, page in enumerate(pages, 1)
    ]
    found = document_answer(outcomes, 2, REQUEST, 1.0)
    assert (found.doubted_words, found.illegible_lines, found.needs_review) == (1, 1, True)
