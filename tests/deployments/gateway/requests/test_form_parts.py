"""A form of more parts than anybody sends is refused before it is parsed."""

from __future__ import annotations

import pytest

from deployments.gateway.requests.form_parts import FormParts
from ocr.errors import TooLarge

FORM = b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_parts_are_counted_in_whatever_pieces_they_come(size: int) -> None:
    def counted(most: int) -> None:
        parts = FormParts(b"b", most)
        for at in range(0, 3 * len(FORM), size):
            parts.count((FORM * 3)[at : at + size])

    counted(6)
    with pytest.raises(TooLarge, match="more than 3 parts"):
        counted(3)


def test_a_boundary_within_a_line_is_none() -> None:
    FormParts(b"b", 0).count(b"--b" * 1000)
