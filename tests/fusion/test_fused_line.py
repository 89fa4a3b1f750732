from __future__ import annotations

import math

import pytest

from fusion import FusedLine, Method, Profile, fuse_line
from ocr import Hypothesis

EVEN = Profile("even", {"ada": 1.0, "bob": 1.0})


def read(*texts: str, sure: float = 0.9) -> FusedLine:
    hypotheses = {name: Hypothesis.of_text(text, sure) for name, text in zip(("ada", "bob"), texts, strict=False)}
    return fuse_line(hypotheses, EVEN, Method.CONFIDENCE_WEIGHTED)


def test_expected_errors_are_how_many_characters_are_expected_to_be_wrong() -> None:
    assert read("abcd").expected_errors == pytest.approx(0.4)
    assert read("abcd", "abcx").expected_errors > read("abcd", "abcd").expected_errors
    assert read("").expected_errors == math.inf
