"""What `normalize` makes of an answer, and what it does by default."""

from __future__ import annotations

import pytest

from ocr.errors import OutOfRange
from ocr.text.normal_forms import DEFAULT_FORMS, forms, normalised


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (None, "first “x” – 5 m² ½"),
        (["none"], "ﬁrst “x” – 5 m² ½"),
        (["quotes"], 'ﬁrst "x" – 5 m² ½'),
        (["dashes", "ligatures"], "first “x” - 5 m² ½"),
        (["nfkc"], "first “x” – 5 m2 1⁄2"),
    ],
)
def test_an_answer_is_written_in_the_forms_that_were_asked_for(names: list[str] | None, text: str) -> None:
    assert normalised("ﬁrst “x” – 5 m² ½", forms(names)) == text


def test_the_default_keeps_everything_but_ligatures() -> None:
    assert forms(None) == DEFAULT_FORMS == ("ligatures",)


@pytest.mark.parametrize("names", [["nfc"], ["none", "quotes"], [""]])
def test_an_unknown_form_is_refused_with_the_list(names: list[str]) -> None:
    with pytest.raises(OutOfRange, match="normalize") as caught:
        forms(names)
    assert "ligatures, quotes, dashes, nfkc" in caught.value.hint
