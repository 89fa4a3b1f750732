"""The vote on single characters beside the network: counted, and written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.characters.character_sets import CharacterSet
from evaluation.characters.votes import ALONE, as_json, report
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from fusion import Profile
from ocr import Hypothesis
from quorum.experiments import single_characters

PROFILE = Profile("p", {ALONE: 0.4, "tesseract": 0.3, "paddleocr": 0.3}, character_weights=None)


def character_set(*said: tuple[str, str, str]) -> CharacterSet:
    hypotheses = tuple(
        {name: Hypothesis.of_text(text, 0.9) for name, text in zip((ALONE, "tesseract", "paddleocr"), own, strict=True)}
        for own in said
    )
    return CharacterSet("printed", ("a",) * len(said), hypotheses)


def test_two_that_agree_against_the_network_are_a_gain_in_points(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = character_set(("o", "a", "a"), ("a", "o", "c"), ("a", "a", "a"), ("o", "o", "a"))
    monkeypatch.setattr(single_characters, "character_sets", lambda *_: [made])
    readers = [Reader(ALONE), Reader("tesseract"), Reader("paddleocr"), Reader("trocr")]
    found = single_characters.measured(ReadingStore(tmp_path), readers, tmp_path, PROFILE)
    votes = found["printed"]
    assert votes.alone == {ALONE: 0.5, "tesseract": 0.5, "paddleocr": 0.75}
    assert votes.together["weighted_voting"] == 0.75
    assert votes.gain("weighted_voting") == 25.0
    assert "75.0 (+25.0" in report(found, PROFILE, "quorum ...", "")
    assert json.loads(json.dumps(as_json(found)))["printed"]["count"] == 4
