"""What is counted right on single characters."""

from __future__ import annotations

from evaluation.characters.character_sets import CharacterSet
from ocr import Hypothesis


def test_alone_an_engine_that_says_nothing_is_not_right_because_others_are() -> None:
    said = {engine: Hypothesis.of_text(text, 0.9) for engine, text in (("hand", "a"), ("print", "o"), ("other", "x"))}
    silent = {"hand": Hypothesis.abstain("joined"), "print": Hypothesis.of_text("a", 0.9)}
    both = CharacterSet("handwriting", ("a", "a", "a", "a"), (said, said, said, silent))
    assert both.alone("hand") == [True, True, True, False]
    assert both.alone("print") == [False, False, False, True]
