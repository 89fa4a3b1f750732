"""Regular expressions of strangers: honest ones are taken, and those that take much memory are not."""

from __future__ import annotations

import json

import pytest

from ocr.contract import DocumentOptions
from ocr.text.expressions import require_modest


@pytest.mark.parametrize(
    "pattern",
    ["", r"\d{4}-\d{2}-\d{2}", r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){4}", ".{0,5000}", r"(?P<a>x)(?P=a)|[{]\{}", "a{1000}"],
)
def test_an_honest_expression_is_taken(pattern: str) -> None:
    require_modest(pattern)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "not a regular expression"),
        ("a{1001}", "more than 1000 items"),
        ("a{1000,}b", "more than 1000 items"),
        ("((a{10}){10}){11}", "more than 1000 items"),
        ("(?x)(?:b|(?=a{100}){2} ) (?#note){11}", "more than 1000 items"),
        ("a{e}", "a brace that is no repeat"),
        ("(?:a){d", "a brace that is no repeat"),
    ],
)
def test_an_expression_that_is_none_or_repeats_too_much_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        require_modest(pattern)


def test_all_patterns_of_a_request_are_bounded_before_any_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(_: str) -> None:
        raise AssertionError("it was compiled")

    monkeypatch.setattr("ocr.contract.require_modest", compiled)
    regions = [{"name": f"{n}", "box": [0, 0, 1, 1], "pattern": f"{n:03}" + "x" * 190} for n in range(60)]
    with pytest.raises(ValueError, match="more than 10000 characters together"):
        DocumentOptions.model_validate({"regions": json.dumps(regions)})
