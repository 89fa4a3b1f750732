"""The cheapest cascade that keeps nearly all of the gain."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.pages.labelled import LabelledLine
from evaluation.pages.pages import TruePage
from fusion import Cascade, Profile, Step
from ocr import Box, Hypothesis, Region
from training.votes.cascade_fit import Walked, fit_cascade, walk

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


def test_the_cheap_engine_begins_and_the_strong_one_reads_what_it_doubts() -> None:
    found = fit_cascade(lines(), PROFILE)
    assert found is not None
    assert [step.engines for step in found.cascade.steps] == [("help",), ("strong",)]
    assert found.kept == pytest.approx(1.0)
    assert found.seconds == pytest.approx((100 * 1.0 + 90 * 2.0) / 800.0)
    assert 0.4 <= found.cascade.steps[0].most_doubt < 2.0


def test_a_wanted_error_rate_decides_instead_of_the_gain() -> None:
    strict, loose = fit_cascade(lines(), PROFILE, error_rate=0.0), fit_cascade(lines(), PROFILE, error_rate=0.05)
    assert strict is not None
    assert loose is not None
    assert strict.error_rate == 0.0 < loose.error_rate <= 0.05
    assert loose.seconds < strict.seconds
    wrong = [line(k, strong=("ward", 0.3), help=("w0rd", 0.3), dear=("wrd", 0.3)) for k in range(4)]
    assert fit_cascade(wrong, PROFILE, error_rate=0.0) is None


def test_a_walk_asks_who_the_cascade_asks() -> None:
    cascade = Cascade((Step(("strong",), 0.5), Step(("help",), 99.0)))
    easy, hard = lines()[0], lines()[99]
    assert walk(easy, cascade, PROFILE) == Walked(0, ("strong",))
    assert walk(hard, cascade, PROFILE).asked == ("strong", "help")
    everyone = Cascade((Step(("strong",), 0.0), Step(("help",), 0.0)))
    assert set(walk(hard, everyone, PROFILE).asked) == {"strong", "help", "dear"}


def test_where_nothing_is_gained_there_is_no_cascade() -> None:
    assert fit_cascade([line(k, strong=("word", 0.9), help=("ward", 0.9)) for k in range(20)], PROFILE) is None
    assert fit_cascade([line(0, strong=("word", 0.9))], PROFILE) is None
