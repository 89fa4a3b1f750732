"""Models of one engine side by side, over pages that are drawn and engines that are scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy.models import model_figures, report
from evaluation.pages.ground_truth import Split
from evaluation.readings.labelled_lines import pages_of
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from tests.training.votes.scripted_pages import Erring, scripted_folder


def test_each_model_has_a_row_and_forms_are_not_chosen_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "fingerprint", property(lambda self: self.model))
    monkeypatch.setattr(Reader, "engine", property(lambda self: Erring(self.model)))
    folders = [scripted_folder(tmp_path / name) for name in ("bills", "forms")]
    store, pages = ReadingStore(tmp_path / "kept"), pages_of(folders, [Split.TEST, Split.TUNE])
    found = [model_figures(store, pages, Reader("easyocr", model)) for model in ("tesseract", "other")]
    bills, forms = found[0].sets.values()
    assert bills == forms
    assert found[0].mean_rate == bills.rate > 0.0
    assert found[0].mean_rate != found[1].mean_rate
    rows = report(found, "", "made by").splitlines()
    assert [row.split(" | ")[0] for row in rows if "@1" in row] == ["| tesseract@1", "| other@1"]
