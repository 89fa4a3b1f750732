"""The text of a page: rows, and an empty one between blocks."""

from __future__ import annotations

import pytest

from ocr.page import text_of_rows


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], ""),
        ([("one", 0, None), ("two", 0, None)], "one\ntwo"),
        ([("one", 0, 0), ("two", 0, 1)], "one\ntwo"),
        ([("Preface", 0, 0), ("vii", 0, 0), ("Notes", 0, 1), ("140", 0, 1)], "Preface vii\nNotes 140"),
        ([("a", 0, 0), ("b", 0, 0), ("c", 0, 0)], "a b c"),
        ([("a", 0, 0), ("b", 1, 1)], "a\n\nb"),
        ([("a", 0, None), ("b", 1, None), ("c", 1, 5), ("d", 1, 5)], "a\n\nb\nc d"),
    ],
)
def test_lines_of_one_row_are_one_row_of_the_text(lines: list[tuple[str, int, int | None]], text: str) -> None:
    assert text_of_rows(lines) == text
