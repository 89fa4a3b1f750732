"""The handwriting network: it goes on from the bundled one, learns from written lines alone, and EasyOCR loads it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.weights.models import BUNDLED_DIR, HANDWRITING
from engines.common.model_card import read_card, verified
from engines.common.text_rows import HAND_MARGIN
from engines.easyocr_networks.handwriting_reader import LANGUAGES, read_languages
from evaluation.pages.ground_truth import Split
from training.drawing.typesetting import STRIP_PX, TypesetLine
from training.lines.characters import PRINTABLE
from training.lines.ctc import handwriting_run
from training.lines.ctc.handwriting_run import Letters, terms_of, train_model
from training.lines.ctc.model import HandShape, go_on_from, read_weights, start_weights
from training.lines.ctc.task import HandRecipe
from training.lines.real_lines import RealLine
from training.lines.synthetic import LineStore, write_shard

BUNDLED = BUNDLED_DIR / "easyocr" / HANDWRITING
TINY = HandRecipe(lines=20, warmup_lines=10, channels=256, hidden=512, blocks=5, columns_px=600)


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    """Four letters of a page with a line each, in the words of a hand."""
    folder = tmp_path / "letters"
    folder.mkdir()
    polygon = [[0, 0], [139, 0], [139, 39], [0, 39]]
    rows = []
    for number in range(4):
        picture = np.full((40, 140), 230, np.uint8)
        cv2.putText(picture, "seven", (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 20, 2)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
        line = {"polygon": polygon, "text": "seven"}
        rows.append({"image": f"{number}.png", "source": f"JDH_2_{number}_001.xml", "lines": [line]})
    (folder / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return Letters((folder,), 2, 1, tmp_path / "cache", fonts=tmp_path)


def test_only_written_lines_are_learnt_from(letters: Letters) -> None:
    assert [line.text for line in letters.real(Split.TRAIN)] == ["seven", "seven"]
    path = letters.pages[0] / "truth.jsonl"
    path.write_text(path.read_text().replace("JDH", "TYPED"))
    assert letters.real(Split.TRAIN) == []


def test_unseen_hands_are_watched_beside_tune_lines(letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = RealLine(np.zeros((48, 60), np.uint8), "one", "unseen", any_case=False)
    monkeypatch.setattr(handwriting_run, "unseen_hands", lambda fonts, count, height_px: [unseen])
    assert [line.source for line in letters.validation(48)] == ["letters", "unseen"]


def test_weights_name_whom_they_learnt_from_and_keep_the_terms() -> None:
    about = terms_of(["mine", "hooker"], BUNDLED_DIR / "easyocr")
    assert "Royal Botanic Gardens, Kew" in str(about["attribution"])
    assert about["licence"] == "CC-BY-SA-4.0"
    assert terms_of(["mine"], BUNDLED_DIR / "easyocr") == {"attribution": {}}


def test_terms_are_kept_by_what_goes_on_from_the_weights(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(json.dumps(terms_of(["hooker"], BUNDLED_DIR / "easyocr")))
    about = terms_of(["stanford"], tmp_path)
    assert about["licence"] == "CC-BY-SA-4.0"
    assert set(about["attribution"]) == {"hooker", "stanford"}


def test_the_bundled_network_is_whole_of_the_present_design_and_says_its_terms() -> None:
    card = read_card(BUNDLED)
    assert card.label.startswith("quorum-hands@")
    assert all(verified(BUNDLED, card, f"quorum_hands.{suffix}").is_file() for suffix in ("pth", "py", "yaml"))
    network = Path(handwriting_run.__file__).parents[3] / "engines" / "line_models" / HandShape.source
    assert (BUNDLED / "quorum_hands.py").read_bytes() == network.read_bytes()
    said = json.loads((BUNDLED / "metadata.json").read_text())
    assert said["licence"] == "CC-BY-SA-4.0"
    assert "JosephHookerHTR" in said["attribution"]["hooker"]
    assert "Royal Botanic Gardens, Kew" in said["attribution"]["hooker"]


def test_lines_lower_than_those_of_the_bundled_network_are_refused() -> None:
    with pytest.raises(ValueError, match="height_px is 16; expected at least 32"):
        HandShape(height_px=16)


@pytest.mark.engines
def test_a_network_of_the_same_height_begins_as_the_bundled_one() -> None:
    import torch

    from training.lines.ctc.model import Shape

    shape, grown = Shape("convolutional", 256, 512), HandShape(32)
    bundled, network = shape.network(), grown.network()
    bundled.load_state_dict(start_weights(BUNDLED_DIR / "easyocr", shape))
    go_on_from(network, start_weights(BUNDLED_DIR / "easyocr", grown))
    image = torch.rand(1, 1, 32, 64)
    with torch.inference_mode():
        read = bundled.eval()(image)[..., : len(PRINTABLE) + 1]
        torch.testing.assert_close(read, network.eval()(image))


@pytest.mark.engines
def test_weights_of_another_width_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"trunk.columns.0.weight is \(256, 192, 2, 1\)"):
        go_on_from(HandShape(channels=64).network(), read_weights(BUNDLED_DIR / "easyocr"))


@pytest.mark.engines
def test_a_run_ends_with_a_model_that_easyocr_reads_with_and_that_is_gone_on_from(
    letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines import easyocr
    from ocr import LoadOptions
    from tests.engines.drawing import line

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("training.lines.batches.POOL_LINES", 40)
    monkeypatch.setattr(handwriting_run, "unseen_hands", lambda *_: [])
    ink = np.zeros((STRIP_PX, 90), np.uint8)
    ink[20:50, 25:60:6] = 255
    write_shard([TypesetLine(ink, 20, 50, "lllll", handwritten=True)], tmp_path, 0)
    monkeypatch.setattr(Letters, "store", lambda *_: LineStore(tmp_path))
    start = tmp_path / "start"
    shutil.copytree(BUNDLED_DIR / "easyocr", start, ignore=shutil.ignore_patterns(HANDWRITING, "openvino"))
    shutil.copytree(BUNDLED / LANGUAGES, start / LANGUAGES)
    for folder in ("first", "second"):
        figures = train_model(
            letters, TINY, tmp_path / folder, tmp_path / f"{folder}-model", version="7", log=print, report=print,
            start_from=start,
        )  # fmt: skip
        assert set(figures) == {"letters"}
        start = tmp_path / f"{folder}-model"
    assert json.loads((start / "metadata.json").read_text())["run"]["recipe"]["height_px"] == 40
    engine = easyocr.load(LoadOptions(start))
    assert isinstance(engine, easyocr.EasyOCR)
    assert (engine.network.height_px, engine.network.row_margin) == (40, HAND_MARGIN)
    assert len(engine.read([line("anything")])) == 1
    assert list(read_languages(start)) == ["en"]
