"""TrOCR folders in every shape that their makers publish load, and read what the network they were saved from reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines import trocr
from ocr import LoadOptions
from ocr.errors import EngineUnavailable
from tests.engines.drawing import line
from tests.engines.published_trocr import PUBLISHED, SENTENCE, publish

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("named_class", [True, False], ids=["class named", "class not named"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_it_loads_and_reads_as_before_it_was_saved(name, named_class, tmp_path):
    import torch

    published = publish(name, tmp_path / name, named_class)
    engine = trocr.load(LoadOptions(published.folder))
    loaded = engine.writer.network  # type: ignore[attr-defined]
    images, tokens = torch.rand(2, 3, 32, 32), torch.tensor([[2, 5, 6, 7]]).expand(2, -1)
    with torch.inference_mode():
        before = published.network(pixel_values=images, decoder_input_ids=tokens).logits
        np.testing.assert_array_equal(loaded(pixel_values=images, decoder_input_ids=tokens).logits, before)
    [answer] = engine.read([line("words")])
    assert not answer.abstained


@pytest.mark.parametrize("name", ["small-printed", "base-printed"])
def test_the_tokenizer_is_the_same_whether_its_class_is_named_or_not(name, tmp_path):
    def tokens(named_class: bool) -> list[int]:
        published = publish(name, tmp_path / str(named_class), named_class)
        tokenizer = trocr.load(LoadOptions(published.folder)).writer.processor.tokenizer  # type: ignore[attr-defined]
        ids: list[int] = tokenizer.encode(SENTENCE.format(7))
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == SENTENCE.format(7)
        return ids

    assert tokens(True) == tokens(False)


def test_a_tokenizer_json_alone_is_enough(tmp_path):
    published = publish("base-printed", tmp_path / "model")
    engine = trocr.load(LoadOptions(published.folder))
    tokenizer = engine.writer.processor.tokenizer  # type: ignore[attr-defined]
    tokenizer.save_pretrained(published.folder)
    for file in ("vocab.json", "merges.txt"):
        (published.folder / file).unlink(missing_ok=True)
    config = published.folder / "tokenizer_config.json"
    content = json.loads(config.read_text())
    del content["tokenizer_class"]
    config.write_text(json.dumps(content))
    again = trocr.load(LoadOptions(published.folder)).writer.processor.tokenizer  # type: ignore[attr-defined]
    assert again.encode("the dog") == tokenizer.encode("the dog")


def test_a_folder_without_a_tokenizer_says_which_files_make_one(tmp_path):
    published = publish("base-printed", tmp_path / "model", named_class=False)
    (published.folder / "merges.txt").unlink()
    with pytest.raises(EngineUnavailable, match=r"vocab\.json and merges\.txt"):
        trocr.load(LoadOptions(published.folder))


def test_files_that_do_not_belong_together_are_found_when_it_loads(tmp_path):
    """Its images are made larger than the encoder takes them."""
    published = publish("base-printed", tmp_path / "model")
    config = published.folder / "preprocessor_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "size": 48}))
    with pytest.raises(EngineUnavailable, match="fails on a line") as caught:
        trocr.load(LoadOptions(Path(published.folder)))
    assert "one checkpoint" in caught.value.hint
