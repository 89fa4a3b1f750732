"""A whole run of tuning, over pages that are drawn and engines that are scripted."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from evaluation.readings.reader import Reader
from fusion import Thresholds, tuned_document
from ocr import Crop, Hypothesis
from training.votes.run import tune_profiles

pytestmark = pytest.mark.processes

WORDS = ("cat", "dog", "house", "total", "paper", "green", "stone", "river")
LINES, PAGES = 20, 6


def truth(page: int, line: int) -> str:
    rng = random.Random(f"{page} {line}")
    return " ".join(rng.choice(WORDS) for _ in range(4))


class Erring:
    """Reads the page whose number is the brightness of its corner, and takes one letter for another."""

    def __init__(self, name: str) -> None:
        self.model = f"{name}@1"
        self._from, self._to = ("o", "0") if name == "tesseract" else ("t", "l")

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        page = (255 - int(crops[0].pixels.max())) // 5
        texts = [truth(page, line).replace(self._from, self._to) for line in range(len(crops))]
        return [Hypothesis.of_text(text, 0.9) for text in texts]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Reader, "fingerprint", "f")
    monkeypatch.setattr(Reader, "engine", property(lambda self: Erring(self.name)))
    made = tmp_path / "made"
    made.mkdir()
    rows = []
    for page in range(PAGES):
        pixels = np.full((LINES * 20, 200, 3), 255 - 5 * page, np.uint8)
        outlines = [[[5, 20 * k + 2], [195, 20 * k + 2], [195, 20 * k + 18], [5, 20 * k + 18]] for k in range(LINES)]
        cv2.imwrite(str(made / f"{page}.png"), pixels)
        lines = [{"polygon": outline, "text": truth(page, k)} for k, outline in enumerate(outlines)]
        rows.append(json.dumps({"image": f"{page}.png", "lines": lines}))
    (made / "truth.jsonl").write_text("\n".join(rows))
    return made


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
