"""The cheapest cascade that keeps nearly all of the gain."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion import Profile
from ocr import Box, Hypothesis, Region
from training.cascade_fit import fit_cascade
from training.labelled import LabelledLine
from training.pages import TruePage

PROFILE = Profile("p", {"strong": 1.0, "help": 0.9, "dear": 0.5})
REGION = Region(Box(0, 0, 100, 10).polygon(), 100, 10)


def line(index: int, **read: tuple[str, float]) -> LabelledLine:
    claims = {name: Hypothesis.of_text(text, sure) for name, (text, sure) in read.items()}
    seconds = {"strong": 2.0, "help": 1.0, "dear": 5.0}
    return LabelledLine("made", TruePage(Path("none.png"), ()), index, REGION, "word", claims, seconds)


def lines() -> list[LabelledLine]:
    """On nine of ten lines "strong" is right and sure, the others mostly right; on the tenth it is neither."""
    easy = [
        line(
            k, strong=("word", 0.99), help=("w0rd" if k < 15 else "word", 0.5), dear=("w0rd" if k > 70 else "word", 0.5)
        )
        for k in range(90)
    ]
    hard = [line(k, strong=("ward", 0.3), help=("word", 0.9), dear=("word", 0.9)) for k in range(90, 100)]
    return [*easy, *hard]


def test_the_strong_engine_begins_and_only_what_it_doubts_goes_on() -> None:
    found = fit_cascade(lines(), PROFILE)
    assert found is not None
    assert found.cascade.first == ("strong",)
    assert found.kept == pytest.approx(1.0)
    assert found.seconds == pytest.approx((100 * 2.0 + 10 * 6.0) / 800.0, abs=0.03)
    assert 0.04 <= found.cascade.most_doubt < 2.0


def test_where_nothing_is_gained_there_is_no_cascade() -> None:
    assert fit_cascade([line(k, strong=("word", 0.9), help=("ward", 0.9)) for k in range(20)], PROFILE) is None
    assert fit_cascade([line(0, strong=("word", 0.9))], PROFILE) is None
