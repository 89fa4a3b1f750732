"""Training a line network: it learns, goes on after a stop, forgives case only where told, and is loaded by EasyOCR."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from rapidfuzz.distance import Levenshtein

from cluster.weights.models import BUNDLED_DIR
from ocr.errors import InvalidRequest
from tests.engines.drawing import draw
from training.drawing.typesetting import STRIP_PX, TypesetLine
from training.lines.batches import Drawn, Shares, Sources, batch_of, pool, prefetched
from training.lines.characters import CHARACTERS, PRINTABLE
from training.lines.ctc.model import start_weights, with_classes
from training.lines.ctc.run import Origins, train_model
from training.lines.ctc.task import CtcTask, Recipe, ctc_loss
from training.lines.real_lines import RealLine
from training.lines.synthetic import LineStore, write_shard
from training.lines.trainer import Intervals, Trainer, error_rates, train

TINY = Recipe(neck="convolutional", channels=8, hidden=8, lines=60, warmup_lines=10, short_lines=1, columns_px=600)


@pytest.fixture(autouse=True)
def _small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.lines.batches.POOL_LINES", 60)


def _drawn(text: str) -> np.ndarray:
    """A line in Pillow's own font at the height of the network."""
    return cv2.resize(np.asarray(Image.fromarray(draw(text)).convert("L")), (12 * len(text), 32))


def _written(text: str) -> np.ndarray:
    picture = np.full((40, 24 * len(text) + 20), 230, np.uint8)
    cv2.putText(picture, text, (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 20, 2)
    return picture


@pytest.fixture
def real() -> list[RealLine]:
    texts = ["one", "two", "Three", "four 4"]
    return [RealLine(_written(text), text, "letters", any_case=False) for text in texts]


@pytest.fixture
def store(tmp_path: Path) -> LineStore:
    folder = tmp_path / "store"
    folder.mkdir()
    ink = np.zeros((STRIP_PX, 90), np.uint8)
    ink[20:50, 25:60:6] = 255
    write_shard([TypesetLine(ink, 20, 50, text, handwritten=False) for text in ("IIIII", "llllll")], folder, 0)
    return LineStore(folder)


@pytest.fixture
def sources(store: LineStore, real: list[RealLine]) -> Sources:
    return Sources.of(store, real, Shares(real=0.5))


def test_a_pool_depends_on_seed_and_number_alone(sources: Sources) -> None:
    first, again, other = (pool(sources, 1, number, 600, 99) for number in (3, 3, 4))
    assert [batch.texts for batch in first] == [batch.texts for batch in again]
    assert [batch.texts for batch in first] != [batch.texts for batch in other]
    np.testing.assert_array_equal(first[0].images, again[0].images)


def test_batches_are_as_large_as_their_columns_allow_and_padded_with_the_last_column(sources: Sources) -> None:
    batches = pool(sources, 1, 0, 600, 99)
    assert all(len(batch.texts) * batch.images.shape[3] <= 600 + 4 * len(batch.texts) for batch in batches)
    assert {text for batch in batches for text in batch.texts} >= {"IIIII", "one", "four 4"}
    short, long = np.zeros((32, 8), np.uint8), np.zeros((32, 20), np.uint8)
    short[:, -1] = 255
    images = batch_of([Drawn(short, "a"), Drawn(long, "b")]).images
    assert images.shape == (2, 1, 32, 20)
    assert (images[0, 0, :, 7:] == 1.0).all()
    assert (images[1] == -1.0).all()


def test_a_folder_and_handwriting_are_drawn_as_often_as_told(tmp_path: Path, real: list[RealLine]) -> None:
    ink = np.zeros((STRIP_PX, 90), np.uint8)
    ink[20:50, 25:60:6] = 255
    write_shard(
        [TypesetLine(ink, 20, 50, text, handwritten=text == "written") for text in ("set", "put", "laid", "written")],
        tmp_path,
        0,
    )
    letters = [RealLine(real[0].picture, text, "letters", any_case=False) for text in ("one", "two")]
    cards = [RealLine(real[0].picture, text, "cards", any_case=False) for text in ("six", "ten")]
    shares = Shares(real=0.5, handwritten=0.8, emphasis={"cards": 3.0})
    sources, rng = Sources.of(LineStore(tmp_path), [*letters, *cards], shares), np.random.default_rng(5)
    drawn = Counter(sources.draw(99, rng).text for _ in range(1200))
    assert 0.44 < sum(drawn[text] for text in ("one", "two", "six", "ten")) / 1200 < 0.56
    assert 0.67 < (drawn["six"] + drawn["ten"]) / sum(drawn[text] for text in ("one", "two", "six", "ten")) < 0.83
    assert 0.7 < drawn["written"] / sum(drawn[text] for text in ("set", "put", "laid", "written")) < 0.9


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"real": 1.0}, "real_share is 1.0"),
        ({"handwritten": 1.2}, "handwritten_share is 1.2"),
        ({"emphasis": {"cards": 0.0}}, "the emphasis of cards is 0.0; expected more than 0"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Shares(**shares)


def test_short_lines_come_first(sources: Sources) -> None:
    texts = {text for batch in pool(sources, 1, 0, 600, 4) for text in batch.texts}
    assert texts == {"one", "two"}
    assert Recipe().longest_at(0) < 20 < Recipe().longest_at(10**9)


def test_pools_are_made_in_their_order() -> None:
    made = prefetched(lambda number: [], 5)
    assert [next(made)[0] for _ in range(3)] == [5, 6, 7]


@pytest.mark.engines
def test_any_case_is_right_where_the_truth_does_not_tell() -> None:
    import torch

    batch = batch_of([Drawn(np.zeros((32, 40), np.uint8), "AB", any_case=True)])
    strict = batch_of([Drawn(np.zeros((32, 40), np.uint8), "AB")])
    logits = torch.full((1, 10, len(PRINTABLE) + 1), -9.0)
    logits[0, :, 0] = 4.0
    for step, letter in ((2, "a"), (6, "B")):
        logits[0, step, PRINTABLE.index(letter) + 1] = 9.0
    assert float(ctc_loss(logits, batch)) < 0.2 < 2.0 < float(ctc_loss(logits, strict))


@pytest.mark.engines
def test_any_form_of_a_quote_or_a_dash_is_right_where_the_truth_does_not_tell() -> None:
    import torch

    picture = np.zeros((32, 40), np.uint8)
    batch, strict = batch_of([Drawn(picture, "'-", any_marks=True)]), batch_of([Drawn(picture, "'-")])
    logits = torch.full((1, 10, len(CHARACTERS) + 1), -9.0)
    logits[0, :, 0] = 4.0
    for step, letter in ((2, "’"), (6, "–")):
        logits[0, step, CHARACTERS.index(letter) + 1] = 9.0
    assert float(ctc_loss(logits, batch, CHARACTERS)) < 0.2 < 2.0 < float(ctc_loss(logits, strict, CHARACTERS))


@pytest.mark.engines
def test_new_classes_begin_as_what_they_were_taken_for_and_known_ones_stay() -> None:
    import torch

    known = {"classes.weight": torch.arange(6.0).reshape(3, 2), "classes.bias": torch.tensor([0.0, 1.0, 2.0])}
    wide = with_classes(known, "ae", "éa∞")
    torch.testing.assert_close(wide["classes.weight"], torch.tensor([[0.0, 1.0], [4.0, 5.0], [2.0, 3.0], [0.0, 0.0]]))
    torch.testing.assert_close(wide["classes.bias"][:3], torch.tensor([0.0, -2.0, 1.0]))
    assert wide["classes.bias"][3] < 0.0
    assert with_classes(known, "ae", "ae") == known


@pytest.mark.engines
def test_a_stopped_run_goes_on_where_it_was(sources: Sources, real: list[RealLine], tmp_path: Path) -> None:
    said: list[str] = []
    first = Trainer(CtcTask(TINY.shape), TINY, tmp_path / "run")
    train(first, sources, real, Intervals(), said.append)
    assert first.progress.lines >= 60
    longer = replace(TINY, lines=2 * first.progress.lines)
    resumed = Trainer(CtcTask(longer.shape), longer, tmp_path / "run")
    assert resumed.progress == first.progress
    for key, value in first.network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), resumed.network.state_dict()[key].numpy())
    train(resumed, sources, real, Intervals(), said.append)
    assert resumed.progress.lines >= longer.lines
    assert resumed.progress.pools > first.progress.pools
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 3
    assert "Three" in (tmp_path / "run" / "readings.txt").read_text()
    done = Trainer(CtcTask(longer.shape), longer, tmp_path / "run")
    train(done, sources, real, Intervals(), said.append)
    assert done.progress == resumed.progress


@pytest.mark.engines
def test_the_loss_falls(tmp_path: Path, real: list[RealLine]) -> None:
    wider = replace(TINY, channels=32, lines=10_000)
    trainer = Trainer(CtcTask(wider.shape), wider, tmp_path)
    batch = batch_of([Drawn(cv2.resize(line.picture, (96, 32)), line.text) for line in real])
    losses = [trainer.learn(batch) for _ in range(40)]
    assert losses[-1] < 0.4 * losses[0]


def test_error_rates_count_edits_and_forgive_case_where_told(real: list[RealLine]) -> None:
    receipt = RealLine(real[0].picture, "TOTAL", "receipts", any_case=True)
    rates = error_rates(["one", "tvo", "three", "four 4", "Total"], [*real, receipt])
    assert rates == {"letters": pytest.approx(2 / 17), "receipts": 0.0}


@pytest.mark.engines
def test_a_run_ends_with_a_model_that_easyocr_itself_reads_with(
    store: LineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engines import easyocr
    from ocr import LoadOptions
    from tests.engines.drawing import line

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "quorum_lines", raising=False)
    monkeypatch.setattr(Origins, "store", lambda *_: store)
    monkeypatch.setattr("training.lines.ctc.run.unseen_print", lambda *_: [])  # which needs the system's fonts
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.cvtColor(_written("seven"), cv2.COLOR_GRAY2BGR))
    polygon = [[0, 0], [139, 0], [139, 39], [0, 39]]
    rows = [{"image": f"{n}.png", "lines": [{"polygon": polygon, "text": "seven"}]} for n in range(4)]
    (folder / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)))
    origins = Origins((folder,), 2, 1, tmp_path / "cache")
    figures = train_model(origins, TINY, tmp_path / "run", tmp_path / "model", version="7", log=print, report=print)
    assert set(figures) == {"letters"}
    card = json.loads((tmp_path / "model" / "metadata.json").read_text())
    assert card["trained_on"]["pages"]["letters"]["lines"] == 2
    assert card["run"]["progress"]["lines"] >= 60
    engine = easyocr.load(LoadOptions(tmp_path / "model"))
    assert engine.model == "quorum-lines@7"
    assert len(engine.read([line("anything")])) == 1
    again = train_model(
        origins,
        TINY,
        tmp_path / "run2",
        tmp_path / "model2",
        version="8",
        log=print,
        report=print,
        start_from=tmp_path / "model",
    )
    assert set(again) == {"letters"}
    assert json.loads((tmp_path / "model2" / "metadata.json").read_text())["run"]["recipe"]["short_lines"] == 0


@pytest.mark.engines
def test_a_longer_run_goes_on_from_the_bundled_weights_where_they_were(tmp_path: Path) -> None:
    texts = ["Two thousand copies", "on the third day", "14 March 1931"]
    pictures = [_drawn(text) for text in texts]
    batch = batch_of([Drawn(picture, text) for picture, text in zip(pictures, texts, strict=True)])
    bundled, recipe = BUNDLED_DIR / "easyocr", replace(Recipe(), threads=1, short_lines=0, peak_rate=1e-4)
    going_on = Trainer(CtcTask(recipe.shape, start_weights(bundled, recipe.shape)), recipe, tmp_path / "on")
    afresh = Trainer(CtcTask(recipe.shape), recipe, tmp_path / "new")
    assert [Levenshtein.distance(*pair) <= 1 for pair in zip(going_on.read(pictures), texts, strict=True)] == [True] * 3
    assert 10 * going_on.learn(batch) < afresh.learn(batch)
    assert going_on.learn(batch) < 0.5


def test_a_folder_without_lines_to_learn_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no line to learn from") as caught:
        Origins((tmp_path,), 2, 1, tmp_path / "cache").known()
    assert str(tmp_path) in caught.value.message
