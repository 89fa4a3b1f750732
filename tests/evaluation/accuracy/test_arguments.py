"""From what was typed to a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.accuracy.arguments import parse_run
from evaluation.accuracy.run import AccuracyRun
from evaluation.pages.ground_truth import Split
from evaluation.readings.line_layouts import DETECTED, GROUND_TRUTH, LineSource
from fusion import Method
from ocr.errors import OutOfRange


def typed(
    splits: str = "test", views: str = "true,found", profile: str = "auto", method: str = "confidence_weighted"
) -> AccuracyRun:
    engines = "tesseract,paddleocr=official"
    return parse_run([Path("pages")], splits, engines, views, profile, method, "bundled", Path("kept"), None, None)


def test_what_was_typed_is_what_runs() -> None:
    run = typed(splits="test,tune", views="true,found,found+15,found-90")
    assert run.splits == [Split.TEST, Split.TUNE]
    assert run.sources == [
        GROUND_TRUTH,
        DETECTED,
        LineSource(detected=True, rotation_degrees=15.0),
        LineSource(detected=True, rotation_degrees=-90.0),
    ]
    assert [(reader.name, reader.model) for reader in run.readers] == [("tesseract", "auto"), ("paddleocr", "official")]
    assert (run.profile.name, run.method, run.service) == ("auto", Method.CONFIDENCE_WEIGHTED, None)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"splits": "exam"}, "exam"),
        ({"views": "sideways"}, "sideways"),
        ({"profile": "martian"}, "martian"),
        ({"method": "loudest"}, "loudest"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(OutOfRange, match=named):
        typed(**wrong)
