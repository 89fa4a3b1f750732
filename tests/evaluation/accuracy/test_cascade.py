"""A cascade over lines that every engine has read."""

from __future__ import annotations

from evaluation.accuracy.cascade import CascadeOutcome, run_cascade
from fusion import Cascade, Step
from tests.fakes.cascade_lines import PROFILE, lines


def test_a_walk_asks_who_the_cascade_asks() -> None:
    cascade = Cascade((Step(("strong",), 0.5), Step(("help",), 99.0)))
    easy, hard = lines()[0], lines()[99]
    assert run_cascade([easy], cascade, PROFILE) == [CascadeOutcome(0, ("strong",))]
    assert run_cascade([hard], cascade, PROFILE)[0].asked == ("strong", "help")
    everyone = Cascade((Step(("strong",), 0.0), Step(("help",), 0.0)))
    assert set(run_cascade([hard], everyone, PROFILE)[0].asked) == {"strong", "help", "dear"}
