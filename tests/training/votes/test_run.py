"""A whole run of tuning, over pages that are drawn and engines that are scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.readings.reader import Reader
from fusion import Thresholds, tuned_document
from tests.training.votes.scripted_pages import LINES, PAGES, Erring, scripted_folder
from training.votes.run import tune_profiles

pytestmark = pytest.mark.processes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Reader, "fingerprint", "f")
    monkeypatch.setattr(Reader, "engine", property(lambda self: Erring(self.name)))
    return scripted_folder(tmp_path / "made")


def test_a_run_writes_a_document_that_knows_who_errs_at_what(folder: Path, tmp_path: Path) -> None:
    engines = ["tesseract", "paddleocr"]
    said = list(
        tune_profiles(
            [folder],
            engines,
            tmp_path / "kept",
            tmp_path / "out",
            "quorum tune",
            new_languages=False,
            keep=0.9,
            characters=None,
        )
    )
    assert said[0].startswith(f"{(PAGES - 1) * LINES} lines, ")
    document = tuned_document(str(tmp_path / "out" / "profiles.json"), Thresholds())
    assert document is not None
    assert document.models == {"tesseract": "tesseract@1", "paddleocr": "paddleocr@1"}
    assert sorted(document.profiles) == ["general", "handwritten", "noisy", "printed"]
    tuning = document.profiles["general"].tuning
    assert tuning is not None
    assert document.profiles["printed"].tuning == tuning


def test_nothing_is_fitted_to_a_set_that_may_only_be_measured(folder: Path, tmp_path: Path) -> None:
    measured = folder.rename(folder.parent / "forms")
    with pytest.raises(ValueError, match="forms"):
        list(
            tune_profiles(
                [measured],
                ["tesseract"],
                tmp_path / "kept",
                tmp_path / "out",
                "quorum tune",
                new_languages=False,
                keep=0.9,
                characters=None,
            )
        )
