"""Which way text runs."""

from __future__ import annotations

import pytest

from ocr.text.bidirectional import runs_leftwards, with_turned_runs


@pytest.mark.parametrize(
    ("text", "leftwards"),
    [
        ("plain", False),
        ("Größe", False),
        ("שלום", True),
        ("مرحبا 12", True),
        ("12", False),
        ("abcd ש", False),
        ("", False),
    ],
)
def test_text_runs_as_most_of_its_letters_do(text: str, leftwards: bool) -> None:
    assert runs_leftwards(text) is leftwards


def test_numbers_run_the_other_way() -> None:
    assert "".join(with_turned_runs("ab", "ab")) == "ba"
    assert "".join(with_turned_runs("של 12 ם", "של 12 ם")) == "של 21 ם"
