"""What is measured on a source is fitted without it; over pages that are drawn and engines that are scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.accuracy.fused_lines import fused_lines
from evaluation.accuracy.leave_one_out.report import as_json, blocks
from evaluation.accuracy.run import AccuracyRun
from evaluation.pages.ground_truth import GroundTruthPage, Split
from evaluation.readings.labelled_lines import LabelledLine
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from fusion import Method, Profile
from ocr import Box, Hypothesis, Region
from ocr.errors import OutOfRange
from quorum.experiments import leave_one_out as experiment
from quorum.experiments.leave_one_out import LeaveOutRun, _without_each, leave_one_out, measure_left_out
from tests.training.votes.scripted_pages import LINES, PAGES, Erring, scripted_folder

pytestmark = pytest.mark.processes


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LeaveOutRun:
    monkeypatch.setattr(Reader, "fingerprint", "f")
    monkeypatch.setattr(Reader, "engine", property(lambda self: Erring(self.name)))
    folders = [scripted_folder(tmp_path / name) for name in ("letters", "bills", "ehri", "german", "forms")]
    readers = [Reader("tesseract"), Reader("paddleocr")]
    store = ReadingStore(tmp_path / "kept")
    return LeaveOutRun(folders, readers, store, [GROUND_TRUTH], tmp_path / "fitted")


def test_a_whole_source_is_left_out_and_nothing_is_fitted_to_what_may_only_be_measured(
    run: LeaveOutRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = leave_one_out(run)
    [table] = report.tables
    assert set(table.sets) == {"letters", "bills", "ehri", "german", "forms"}
    assert "of letters, bills;" in report.fitted["ehri"]
    assert "of letters, bills, ehri, german;" in report.fitted["forms"]
    assert "of bills, ehri, german;" in report.fitted["letters"]
    # No network learnt from "german", so all its pages count; of "ehri" the test page only.
    assert table.sets["german"].figures.samples == PAGES * LINES
    assert table.sets["ehri"].figures.samples == LINES
    assert all(own.never_worse for own in table.sets.values())
    content, text = as_json(report), "\n".join(blocks(report))
    assert content["tables"]["True lines"]["sets"]["forms"]["left_out"] == "forms"  # type: ignore[index]
    assert "| ehri \\* | ehri |" in text
    assert "| forms | forms |" in text

    assert "not legible" in text
    # Where one of two engines is left out nothing votes.
    assert report.without == {}

    def fails(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(experiment, "tuned_profile", fails)
    assert leave_one_out(run).fitted == report.fitted


def test_what_a_voter_is_worth_is_what_the_others_make_without_it() -> None:
    said = {"ada": "total", "bob": "total", "cyd": "tota1"}
    page, region = GroundTruthPage(Path("a.png"), ()), Region(Box(0, 0, 50, 10).polygon(), 50, 10)
    hypotheses = {name: Hypothesis.of_text(text, 0.9) for name, text in said.items()}
    line = LabelledLine("s", page, 0, region, "total", hypotheses, {})
    profile = Profile("p", {"ada": 1.0, "bob": 1.0, "cyd": 1.5})
    [(_, fused)] = fused_lines([line], profile)
    assert _without_each({"s": [(line, fused)]}, profile) == {"s": {"ada": 1, "bob": 1, "cyd": 0}}


def test_one_source_alone_cannot_be_left_out(run: LeaveOutRun, tmp_path: Path) -> None:
    alone = [folder for folder in run.folders if folder.name in ("ehri", "german")]
    profile = Profile("p", {"tesseract": 1.0})
    typed = AccuracyRun(
        alone, [Split.TEST], run.readers, run.store, profile, Method.CONFIDENCE_WEIGHTED, [GROUND_TRUTH]
    )
    with pytest.raises(OutOfRange, match="nothing is left to fit to"):
        measure_left_out(typed, tmp_path)
