"""The cheapest cascade that keeps nearly all of the gain."""

from __future__ import annotations

import pytest

from tests.fakes.cascade_lines import PROFILE, line, lines
from training.votes.cascade_fit import fit_cascade


def test_the_cheap_engine_begins_and_the_strong_one_reads_what_it_doubts() -> None:
    found = fit_cascade(lines(), PROFILE)
    assert found is not None
    assert [step.engines for step in found.cascade.steps] == [("help",), ("strong",)]
    assert found.kept == pytest.approx(1.0)
    assert found.seconds == pytest.approx((100 * 1.0 + 90 * 2.0) / 800.0)
    assert 0.4 <= found.cascade.steps[0].max_expected_errors < 2.0


def test_a_wanted_error_rate_decides_instead_of_the_gain() -> None:
    strict, loose = fit_cascade(lines(), PROFILE, error_rate=0.0), fit_cascade(lines(), PROFILE, error_rate=0.05)
    assert strict is not None
    assert loose is not None
    assert strict.error_rate == 0.0 < loose.error_rate <= 0.05
    assert loose.seconds < strict.seconds
    wrong = [line(k, strong=("ward", 0.3), help=("w0rd", 0.3), dear=("wrd", 0.3)) for k in range(4)]
    assert fit_cascade(wrong, PROFILE, error_rate=0.0) is None


def test_where_nothing_is_gained_there_is_no_cascade() -> None:
    assert fit_cascade([line(k, strong=("word", 0.9), help=("ward", 0.9)) for k in range(20)], PROFILE) is None
    assert fit_cascade([line(0, strong=("word", 0.9))], PROFILE) is None
