"""When a line goes on to the other engines."""

from __future__ import annotations

import math

import pytest

from fusion import Cascade, FusedLine, Method, Profile, Step, fuse
from ocr import Hypothesis

EVEN = Profile("even", {"ada": 1.0, "bob": 1.0})


def read(*texts: str, sure: float = 0.9) -> FusedLine:
    claims = {name: Hypothesis.of_text(text, sure) for name, text in zip(("ada", "bob"), texts, strict=False)}
    return fuse(claims, EVEN, Method.CONFIDENCE_WEIGHTED)


def test_expected_errors_are_how_many_characters_are_expected_to_be_wrong() -> None:
    assert read("abcd").expected_errors == pytest.approx(0.4)
    assert read("abcd", "abcx").expected_errors > read("abcd", "abcd").expected_errors
    assert read("").expected_errors == math.inf


def test_a_line_with_more_expected_errors_than_the_step_allows_goes_on() -> None:
    assert Step(("ada",), 0.39).goes_on(read("abcd").expected_errors)
    assert not Step(("ada",), 0.41).goes_on(read("abcd").expected_errors)
    assert Step(("ada",), 1e9).goes_on(read("").expected_errors)


def test_who_is_not_there_is_left_out_and_who_is_not_named_comes_last() -> None:
    cascade = Cascade((Step(("ada", "bob"), 0.1), Step(("cyd",), 0.2)))
    assert cascade.among(["dan", "cyd", "bob"]) == ([Step(("bob",), 0.1), Step(("cyd",), 0.2)], ["dan"])
    assert cascade.among(["dan", "ada"]) == ([Step(("ada",), 0.1)], ["dan"])
    assert cascade.among(["dan", "eve"]) == ([], ["dan", "eve"])


def test_a_cascade_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="without engines"):
        Step((), 1.0)
    with pytest.raises(ValueError, match="max_expected_errors"):
        Step(("ada",), math.nan)
    with pytest.raises(ValueError, match="at least one"):
        Cascade(())
    with pytest.raises(ValueError, match="each engine once"):
        Cascade((Step(("ada",), 1.0), Step(("bob", "ada"), 1.0)))
