"""When a line goes on to the other engines."""

from __future__ import annotations

import math

import pytest

from fusion import Cascade, FusedLine, Method, Profile, doubt, fuse
from ocr import Hypothesis

EVEN = Profile("even", {"ada": 1.0, "bob": 1.0})


def read(*texts: str, sure: float = 0.9) -> FusedLine:
    claims = {name: Hypothesis.of_text(text, sure) for name, text in zip(("ada", "bob"), texts, strict=False)}
    return fuse(claims, EVEN, Method.CONFIDENCE_WEIGHTED)


def test_the_doubt_is_how_many_characters_are_expected_to_be_wrong() -> None:
    assert doubt(read("abcd")) == pytest.approx(0.4)
    assert doubt(read("abcd", "abcx")) > doubt(read("abcd", "abcd"))
    assert doubt(read("")) == math.inf


def test_a_line_goes_on_above_the_most_doubt() -> None:
    assert Cascade(("ada",), 0.39).goes_on(read("abcd"))
    assert not Cascade(("ada",), 0.41).goes_on(read("abcd"))
    assert Cascade(("ada",), 1e9).goes_on(read(""))


def test_a_cascade_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody begins"):
        Cascade((), 1.0)
    with pytest.raises(ValueError, match="doubt"):
        Cascade(("ada",), math.nan)
