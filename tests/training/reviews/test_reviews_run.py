"""A run from what people said to a document, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.readings.reader import Reader
from fusion import Thresholds, tuned_document
from tests.training.votes.scripted_pages import LINES, PAGES, Erring, scripted_folder, truth
from training.reviews.run import tune_from_reviews
from training.votes.run import tune_profiles

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def erring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "engine", property(lambda reader: Erring(reader.name)))
    monkeypatch.setattr(Reader, "fingerprint", "scripted")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return scripted_folder(tmp_path / "pages")


@pytest.fixture
def base(tmp_path: Path, folder: Path) -> Path:
    """A document that was tuned to labelled lines."""
    out = tmp_path / "base"
    asked = (folder,), ("tesseract", "paddleocr"), tmp_path / "readings", out, "quorum tune"
    list(tune_profiles(*asked, new_languages=False, keep=0.97, characters=None))
    return out / "profiles.json"


def reviewed(folder: Path) -> Path:
    """The same pages as people reviewed them: the first word of every line was looked at."""
    rows = [json.loads(row) for row in (folder / "truth.jsonl").read_text().splitlines()]
    for page, row in enumerate(rows):
        row |= {"file": f"{page}.png", "page": 1}
        for number, line in enumerate(row["lines"]):
            first = truth(page, number).split()[0]
            word = {"start": 0, "end": len(first), "was": first, "confidence": 0.5, "kind": "typed"}
            line |= {"complete": False, "words": [{**word, "chance": 1.0 if number % 2 else 0.5, "by": "Ann"}]}
    (folder / "truth.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_each_run_writes_a_document_of_its_own_that_says_what_it_replaces(
    tmp_path: Path, folder: Path, base: Path
) -> None:
    reviewed(folder)
    out = tmp_path / "tuned"
    asked = [folder], ["tesseract", "paddleocr"], tmp_path / "readings", out, str(base), "quorum tune --from reviews"
    first, second = tune_from_reviews(*asked), tune_from_reviews(*asked)
    assert [first.path.name, second.path.name] == ["reviews-1.json", "reviews-2.json"]
    assert first.tuning.words == PAGES * LINES
    document = tuned_document(str(first.path), Thresholds())
    assert document is not None
    assert document.made["before"] == str(base)
    assert document.made["words"] == str(PAGES * LINES)
    before = tuned_document(str(base), Thresholds())
    assert before is not None
    assert set(document.profiles) == set(before.profiles)
    assert document.profiles["general"].cascade == before.profiles["general"].cascade


def test_a_truth_that_is_of_no_review_is_refused_by_its_row(tmp_path: Path, folder: Path, base: Path) -> None:
    with pytest.raises(ValueError, match=r"row 1: .*lines=all"):
        tune_from_reviews([folder], ["tesseract", "paddleocr"], tmp_path / "readings", tmp_path / "o", str(base), "")


def test_where_nobody_said_anything_nothing_is_written(tmp_path: Path, folder: Path, base: Path) -> None:
    reviewed(folder)
    rows = (folder / "truth.jsonl").read_text().replace('"chance": 1.0', '"chance": null')
    (folder / "truth.jsonl").write_text(rows.replace('"chance": 0.5', '"chance": null'))
    with pytest.raises(ValueError, match="review some words first"):
        tune_from_reviews([folder], ["tesseract", "paddleocr"], tmp_path / "readings", tmp_path / "o", str(base), "")
    assert not (tmp_path / "o").exists()


def test_weights_that_moved_since_the_fit_survive_being_written_down(tmp_path: Path, folder: Path, base: Path) -> None:
    content = json.loads(base.read_text())
    for profile in content["profiles"].values():
        profile["tuned_weights"] = dict(profile["weights"])
        profile["weights"]["tesseract"] *= 2.0
    moved = base.with_name("moved.json")
    moved.write_text(json.dumps(content))
    document = tuned_document(str(moved), Thresholds())
    assert document is not None
    general = document.profiles["general"]
    assert general.tuning is not None
    assert general.weights["tesseract"] == 2.0 * general.tuning.weights["tesseract"]
    multipliers = general.evidence_multipliers(["tesseract", "paddleocr"])
    assert multipliers["tesseract"] == pytest.approx(2.0 * multipliers["paddleocr"])
