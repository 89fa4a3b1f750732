from __future__ import annotations

import math

import pytest

from fusion import Calibration
from fusion.evidence.confidence import MAX_DISPUTED_SLOTS, WordConfidence


def test_a_word_in_which_engines_differ_is_less_sure_and_the_table_has_the_last_word() -> None:
    words = WordConfidence(disputed=1.0, per_slot=0.5)
    assert words.of(0.9, 0) == 0.9
    assert [words.of(0.9, slots) for slots in (1, 2, MAX_DISPUTED_SLOTS, 99)] == sorted(
        [words.of(0.9, slots) for slots in (1, 2, MAX_DISPUTED_SLOTS, 99)], reverse=True
    )
    assert words.of(0.9, MAX_DISPUTED_SLOTS) == words.of(0.9, 99)
    assert math.log(words.of(0.5, 1) / (1 - words.of(0.5, 1))) == pytest.approx(-1.5)
    assert WordConfidence(1.0, 0.0, Calibration((0.0, 1.0), (0.2, 0.8))).of(1.0, 0) == 0.8
    with pytest.raises(ValueError, match="finite"):
        WordConfidence(math.nan)
