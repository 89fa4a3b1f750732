"""Drawn characters depend on their seed."""

from __future__ import annotations

import numpy as np
import pytest

from training.votes import character_sets

pytestmark = pytest.mark.processes


def test_pictures_depend_on_the_seed_and_on_nothing_else() -> None:
    for make in (character_sets._printed, character_sets._noisy, character_sets._photographed):
        (one, truth), (again, same), (other, _) = make(5, 1)[0], make(5, 2)[0], make(6, 1)[0]
        assert np.array_equal(one, again)
        assert truth == same
        assert one.shape != other.shape or not np.array_equal(one, other)
