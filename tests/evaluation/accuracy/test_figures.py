"""From readings to figures, a report and a page of votes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from evaluation.accuracy import vendor_pipelines
from evaluation.accuracy.calibration import word_calibration
from evaluation.accuracy.cascade import cascade_figures
from evaluation.accuracy.detected_pages import DetectedPage, from_service, match_pages
from evaluation.accuracy.error_rates import FUSED, Sample, figures
from evaluation.accuracy.report import summary
from evaluation.accuracy.run import AccuracyResult, AccuracyRun, measure, write
from evaluation.accuracy.vendor_pipelines import Pipeline
from evaluation.accuracy.word_scores import line_sample, scored_words
from evaluation.metrics.line_matching import Quad
from evaluation.pages.ground_truth import GroundTruthPage, Split, read_pages
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from evaluation.votes.fusion_changes import fusion_changes
from fusion import Cascade, Method, Profile, Step
from ocr import Crop, Hypothesis
from ocr.contract import LineAnswer, TextAnswer
from ocr.image import Pixels

TRUTHS = ("the total is 12.50", "paid in cash")
SAID = {"ada": ("the tota1 is 12.50", "paid in cash"), "bob": ("the total is l2.5O", "pald in cash")}
PROFILE = Profile("p", {"ada": 1.0, "bob": 0.9})


class Saying:
    """Says what is written in SAID, line by line."""

    def __init__(self, name: str) -> None:
        self.model = f"{name}@1"
        self._texts = SAID[name]

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        return [Hypothesis.of_text(text, 0.9) for text in self._texts[: len(crops)]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels = np.full((80, 300, 3), 255, np.uint8)
    boxes = ((20, 10, 220, 30), (20, 45, 160, 65))
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1:2, x0:x1] = 0
    made = tmp_path / "made"
    made.mkdir()
    cv2.imwrite(str(made / "a.png"), pixels)
    lines = [
        {"polygon": [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], "text": text}
        for (x0, y0, x1, y1), text in zip(boxes, TRUTHS, strict=True)
    ]
    (made / "truth.jsonl").write_text(json.dumps({"image": "a.png", "lines": lines}))
    return made


@pytest.fixture
def outcome(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AccuracyResult:
    monkeypatch.setattr(Reader, "fingerprint", "f")
    monkeypatch.setattr(Reader, "engine", property(lambda self: Saying(self.name)))
    readers = [Reader("ada"), Reader("bob")]
    return measure(
        AccuracyRun(
            [folder],
            [Split.TEST],
            readers,
            ReadingStore(tmp_path / "store"),
            PROFILE,
            Method.WEIGHTED_VOTING,
            [GROUND_TRUTH],
        )
    )


def test_a_run_counts_engines_and_fusion_against_the_truth(outcome: AccuracyResult) -> None:
    made = outcome.report.tables[0].sets["made"]
    assert {name: rate.count.edits for name, rate in made.cer.items()} == {"ada": 1, "bob": 3, FUSED: 1}
    assert made.wer["ada"].count.rate == pytest.approx(1 / 7)
    assert (made.best, made.reduction, made.oracle, made.share) == ("ada", 0.0, 0, 0.0)
    assert made.chance == 1.0


def test_a_run_writes_its_report_and_shows_its_votes(outcome: AccuracyResult, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("report.md", "figures.json", "votes.html")]
    write(outcome, "quorum evaluate pages made", *files)
    report, figures_file, votes = (file.read_text(encoding="utf-8") for file in files)
    assert "quorum evaluate pages made" in report
    assert "| made | 2 |" in report
    assert json.loads(figures_file)["True lines"]["made"]["readers"]["bob"]["edits"] == 3
    assert "data:image/jpeg;base64," in votes
    assert '<td class="w d">1</td>' in votes
    assert next(summary(outcome.report))[2][0][0] == "made"


def test_who_saved_and_who_spoiled_is_counted_against_the_best_engine(outcome: AccuracyResult) -> None:
    against_bob = fusion_changes(outcome.lines["made"], "bob")
    assert against_bob.corrected == {"ada": 3}
    assert against_bob.broken == {"ada": 1}


def test_the_calibration_error_is_the_gap_between_sure_and_right(outcome: AccuracyResult) -> None:
    lines = outcome.lines["made"]
    found = word_calibration(scored_words([line_sample(*one, "made") for one in lines], FUSED, FUSED))
    sure = [word.confidence for _, fused in outcome.lines["made"] for word in fused.words]
    assert found.words == 7
    assert 0.0 < found.error < 1.0
    assert found.error == pytest.approx(abs(np.mean(sure) - 6 / 7), abs=0.25)
    assert 0.0 < found.by_chance < 0.5


def test_a_cascade_is_counted_by_what_it_keeps_and_what_it_asks(outcome: AccuracyResult) -> None:
    assert cascade_figures(outcome.lines, PROFILE) is None
    frugal = replace(PROFILE, cascade=Cascade((Step(("ada",), 99.0),)))
    found = cascade_figures(outcome.lines, frugal)
    assert found is not None
    assert found.asked == {"ada": 1.0, "bob": 0.0}
    assert (found.sets["made"].best, found.sets["made"].together, found.sets["made"].edits) == (1, 1, 1)
    curious = cascade_figures(outcome.lines, replace(PROFILE, cascade=Cascade((Step(("ada",), 0.0),))))
    assert curious is not None
    assert curious.asked == {"ada": 1.0, "bob": 1.0}


def test_an_engines_own_pipeline_is_compared_by_where_its_lines_lie(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [page] = read_pages(folder)
    quads = [line.quad() for line in page.lines]
    read: list[tuple[int, ...]] = []

    def pipeline(pixels: Pixels) -> list[tuple[Quad, str]]:
        read.append(pixels.shape)
        return [(quads[1], "paid"), (quads[0], TRUTHS[0])]

    monkeypatch.setattr(vendor_pipelines, "PIPELINES", {"ada": lambda: pipeline})
    ours = DetectedPage(tuple(quads), {FUSED: TRUTHS})
    found = [
        vendor_pipelines.compare_pipeline("made", "ada", ReadingStore(tmp_path / "store"), [(page, ours)])
        for _ in range(2)
    ][1]
    assert len(read) == 1
    assert (found.own.edits, found.fused.edits, found.reduction) == (8, 0, 1.0)


def test_a_pipeline_without_its_models_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Pipeline:
        raise FileNotFoundError("no detector")

    monkeypatch.setattr(vendor_pipelines, "PIPELINES", {"ada": missing, "bob": lambda: list})
    assert list(vendor_pipelines.available()) == ["bob"]


def test_easyocrs_pipeline_has_what_the_store_pulled_in_one_folder_and_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    def reader(_languages: list[str], *, model_storage_directory: str, **_: object) -> SimpleNamespace:
        found.extend(path.read_text() for path in sorted(Path(model_storage_directory).iterdir()))
        return SimpleNamespace(readtext=lambda _: [([[0, 0], [9, 0], [9, 9], [0, 9]], "paid", 0.9)])

    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    load = vendor_pipelines._of_easyocr
    for key, name in (("easyocr", "english_g2"), ("easyocr_detector", "craft_mlt_25k")):
        with pytest.raises(FileNotFoundError, match=f"quorum models pull .*{name}"):
            load()
        (tmp_path / key / name).mkdir(parents=True)
        (tmp_path / key / name / f"{name}.pth").write_text(name)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "easyocr", SimpleNamespace(Reader=reader))
        assert [text for _, text in load()(np.zeros((9, 9, 3), np.uint8))] == ["paid"]
    assert found == ["craft_mlt_25k", "english_g2"]


def test_the_share_is_how_far_the_fusion_comes_towards_the_best_path() -> None:
    made = figures([Sample("s", "aaaa", {"x": "aabb", "y": "bbba", FUSED: "aaab"})], oracle=0)
    assert (made.best, made.reduction, made.share) == ("x", 0.5, 0.5)


def test_lines_from_the_page_are_compared_by_where_they_lie(folder: Path) -> None:
    [page] = read_pages(folder)
    quads = tuple(line.quad() for line in reversed(page.lines))
    found = DetectedPage((*quads, quads[0] + 500.0), {"ada": (TRUTHS[1], TRUTHS[0], "x"), FUSED: (TRUTHS[1], "", "x")})
    result = match_pages("made", [(page, found)])
    edits = {name: rate.count.edits for name, rate in figures(result.samples).cer.items()}
    assert edits == {"ada": 1, FUSED: 1 + len(TRUTHS[0])}
    assert result.recall == 1.0


def test_what_a_service_answered_is_not_asked_again(folder: Path, tmp_path: Path) -> None:
    asked: list[Path] = []

    def ask(image: Path) -> TextAnswer:
        asked.append(image)
        corners = ((20, 10), (220, 10), (220, 30), (20, 30))
        line = LineAnswer(text="fused", confidence=0.9, polygon=corners, block=0, words=[], readings={"ada": "a"})
        return TextAnswer.model_construct(lines=[line])

    page = GroundTruthPage(folder / "a.png", ())
    first, again = (from_service(ask, page, tmp_path / "kept" / "a.json") for _ in range(2))
    assert len(asked) == 1
    assert first.texts == again.texts == {FUSED: ["fused"], "ada": ["a"]}
    assert first.quads[0].tolist() == [[20, 10], [220, 10], [220, 30], [20, 30]]
