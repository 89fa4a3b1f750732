"""When a line goes on to the other engines."""

from __future__ import annotations

import math

import pytest

from fusion import Cascade, Step


def test_a_line_with_more_expected_errors_than_the_step_allows_goes_on() -> None:
    assert Step(("ada",), 0.39).goes_on(0.4)
    assert not Step(("ada",), 0.41).goes_on(0.4)
    assert Step(("ada",), 1e9).goes_on(math.inf)


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
