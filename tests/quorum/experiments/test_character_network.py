"""Test characters from a source that no collection has."""

from __future__ import annotations

import pytest

from quorum.experiments.character_network import digits_of_8_px


@pytest.mark.engines
def test_the_digits_of_another_source_are_all_ten_and_nearly_all_can_be_prepared() -> None:
    found = digits_of_8_px()
    assert set(found.labels.tolist()) == set(range(10))
    assert 1790 <= len(found) <= 1797
