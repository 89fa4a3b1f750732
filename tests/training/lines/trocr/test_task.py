"""Training the line writer: what the decoder is shown, how case is found, and that what is saved reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.lines.batches import Drawn, batch_of
from training.lines.characters import CHARACTERS, PRINTABLE
from training.lines.trainer import Trainer
from training.lines.trocr.model import BEGIN, END, PAD, Shape, tokens_of
from training.lines.trocr.task import IGNORED, Recipe, WriterTask, recased, shifted, text_of

TINY = Recipe(
    shape=Shape(
        width=32,
        heads=2,
        feed_forward=32,
        channels=16,
        hidden=16,
        encoder_layers=1,
        decoder_layers=1,
        dropout=0.0,
        characters=PRINTABLE,
    ),
    lines=2_000,
    warmup_lines=1,
    short_lines=1,
    frozen_lines=0,
    peak_rate=3e-3,
    misread=0.0,
    ctc_rate=1.0,
)


def picture(text: str) -> np.ndarray:
    canvas = np.full((32, 20 * len(text) + 12), 230, np.uint8)
    cv2.putText(canvas, text, (6, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 20, 2)
    return canvas


@pytest.mark.parametrize("text", ["a", "Two words", CHARACTERS])
def test_tokens_become_the_text_that_they_were_made_from(text):
    assert text_of([*tokens_of(text, CHARACTERS), PAD], CHARACTERS) == text


def test_what_has_no_token_is_refused():
    with pytest.raises(ValueError, match="漢"):
        tokens_of("漢", CHARACTERS)


@pytest.mark.engines
def test_the_decoder_is_given_what_stands_before_each_character():
    given, wanted = shifted(["ab", "c"], 0.0, np.random.default_rng(1), CHARACTERS)
    a, b, c = (tokens_of(letter, CHARACTERS)[0] for letter in "abc")
    assert given.tolist() == [[BEGIN, a, b], [BEGIN, c, PAD]]
    assert wanted.tolist() == [[a, b, END], [c, END, IGNORED]]


@pytest.mark.engines
def test_only_what_is_given_is_ever_misread():
    text = "the same again" * 5
    given, wanted = shifted([text], 0.5, np.random.default_rng(1), CHARACTERS)
    right, _ = shifted([text], 0.0, np.random.default_rng(1), CHARACTERS)
    assert 10 < int((given != right).sum()) < 60
    assert int(given[0, 0]) == BEGIN
    assert wanted[0].tolist() == tokens_of(text, CHARACTERS)


@pytest.mark.parametrize(
    ("truth", "reading", "expected"),
    [
        ("TOTAL 5.00", "Total 5.00", "Total 5.00"),
        ("TOTAL 5.00", "Tctal 5.00", "Total 5.00"),
        ("TAX INVOICE", "TAX lNV0ICE", "TAX INVOICE"),
        ("THANK YOU", "", "THANK YOU"),
    ],
)
def test_the_case_of_a_line_in_capitals_is_that_of_the_reading(truth, reading, expected):
    assert recased(truth, reading) == expected


@pytest.mark.engines
def test_a_frozen_ctc_network_stays_as_it_was(tmp_path: Path):
    recipe = replace(TINY, frozen_lines=1_000)
    trainer = Trainer(WriterTask(recipe), recipe, tmp_path)
    before = {key: value.clone() for key, value in trainer.network.encoder.ctc.state_dict().items()}
    trainer.learn(batch_of([Drawn(picture("one"), "one")]))
    for key, value in trainer.network.encoder.ctc.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[key].numpy())


@pytest.mark.engines
def test_a_few_lines_are_learnt_and_read_by_the_engine_from_the_saved_directory(tmp_path: Path):
    from engines import trocr
    from ocr import Crop, LoadOptions
    from training.lines.trocr.model import read_weights, save

    texts = ["one", "two 2", "Three"]
    trainer = Trainer(WriterTask(TINY), TINY, tmp_path / "run")
    batch = batch_of([Drawn(picture(text), text) for text in texts])
    for _ in range(150):
        trainer.learn(batch)
    assert trainer.read([picture(text) for text in texts]) == texts
    trainer.save()
    assert Trainer(WriterTask(TINY), TINY, tmp_path / "run").read([picture("Three")]) == ["Three"]
    save(trainer.average.module, PRINTABLE, tmp_path / "model", "7", {"run": {"lines": trainer.progress.lines}})
    crops = [Crop.whole(cv2.cvtColor(picture(text), cv2.COLOR_GRAY2RGB)) for text in reversed(texts)]
    engine = trocr.load(LoadOptions(tmp_path / "model"))
    assert engine.model == "quorum-writer@7"
    greedy = engine.read(crops)
    assert [answer.text for answer in greedy] == texts[::-1]
    settings = tmp_path / "model" / "generation_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "num_beams": 3}))
    beams = trocr.load(LoadOptions(tmp_path / "model")).read(crops)
    for one, other in zip(greedy, beams, strict=True):
        assert other.text == one.text
        chances = [[character.probability for character in answer.characters] for answer in (one, other)]
        assert chances[0] == pytest.approx(chances[1], abs=0.01)
    going_on = WriterTask(TINY, start=read_weights(tmp_path / "model")).build()
    assert WriterTask(TINY).read(going_on, [picture("Three")]) == ["Three"]


@pytest.mark.engines
def test_a_writer_of_ascii_is_gone_on_from_with_more_characters() -> None:
    from training.lines.trocr.model import build, with_characters

    narrow, wide = TINY.shape, replace(TINY.shape, characters=CHARACTERS)
    weights = dict(build(narrow).state_dict())
    grown = with_characters(weights, PRINTABLE, wide)
    head = "decoder.output_projection.weight"
    known, new, like = (4 + wide.characters.index(letter) for letter in ("e", "é", "∞"))
    np.testing.assert_array_equal(grown[head][known].numpy(), weights[head][known].numpy())
    np.testing.assert_array_equal(grown[head][new].numpy(), weights[head][known].numpy())
    assert grown[head].shape[0] == 4 + len(wide.characters)
    assert grown["encoder.said.weight"].shape[1] == 1 + len(wide.characters)
    assert like < grown[head].shape[0]
    task = WriterTask(replace(TINY, shape=wide), ctc=dict(build(wide).encoder.ctc.state_dict()), start=grown)
    assert task.build().encoder.ctc.classes.out_features == len(wide.characters) + 1
